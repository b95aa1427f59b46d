"""The likeness of a file's faces to the one in a reference picture."""

from contextlib import closing
from pathlib import Path

from reenact_core.engine.footage import Footage
from reenact_core.engine.workshop import Workshop
from reenact_core.media.colour import to_rgb8
from reenact_core.media.decode import decode
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from reenact_core.tracking.choose import Likeness
from reenact_core.tracking.detect import Pixels
from reenact_core.tracking.likeness import likeness_to


def likeness_in(footage: Footage, reference: Path, workshop: Workshop) -> Likeness:
    """How much each track of a file is like the largest face of a picture.

    Raises:
        MediaError: the picture, or a frame of the file, cannot be decoded.
        FaceError: no face was found in the picture.
        CheckpointError: the installed weights that compare faces are damaged.
    """

    def frame_pixels(frame: int) -> Pixels:
        return _pixels(footage.info, frame)

    return likeness_to(
        _pixels(probe(reference), 0),
        frame_pixels,
        workshop.detector,
        name=str(reference),
        models=workshop.installed,
    )


def _pixels(info: MediaInfo, frame: int) -> Pixels:
    moment = FrameRange(frame, frame + 1, info.rate)
    with closing(decode(info, moment, ahead=1)) as pictures:
        return to_rgb8(next(pictures))
