"""What tells the faces of a file apart, and how much they are like one in a reference picture."""

from contextlib import closing
from pathlib import Path

from reenact_core.engine.footage import Footage
from reenact_core.engine.workshop import Workshop
from reenact_core.media.colour import to_rgb8
from reenact_core.media.decode import decode
from reenact_core.media.probe import MediaInfo
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.detect import Pixels
from reenact_core.tracking.likeness import describer_in, likeness_of, looks_of_picture


def likeness_in(footage: Footage, reference: Path | None, workshop: Workshop) -> Likeness:
    """How much the faces of a file's tracks are alike, and like the largest one of a picture.

    Frames are decoded when tracks are compared.

    Raises:
        MediaError: the picture, or a frame of the file, cannot be decoded.
        FaceError: no face was found in the picture.
        CheckpointError: the installed weights that compare faces are damaged.
    """
    describer = describer_in(workshop.installed)
    looks = None
    if reference is not None:
        picture = _pixels(workshop.look(reference), 0)
        looks = looks_of_picture(picture, workshop.detector, describer, name=str(reference))

    def frame_pixels(frame: int) -> Pixels:
        return _pixels(footage.info, frame)

    return likeness_of(frame_pixels, describer, looks)


def _pixels(info: MediaInfo, frame: int) -> Pixels:
    moment = FrameRange(frame, frame + 1, info.rate)
    with closing(decode(info, moment, ahead=1)) as pictures:
        return to_rgb8(next(pictures))
