"""Source faces cut once more, with as many samples as will be seen of the new faces."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings
from reenact_core.crop.cut import cut
from reenact_core.crop.full_size import at_size, full_size, own_sides
from reenact_core.engine.cut_face import CutFace
from reenact_core.engine.footage import Footage
from reenact_core.engine.performer import Crops, Enlarging, Floats, Performer
from reenact_core.engine.spool import open_spool, to_samples
from reenact_core.media.decode import decode
from reenact_core.timeline.plan import Scheme
from reenact_core.timing import FrameRange


def new_size(
    seen: float, shown: float, performer: Performer, scheme: Scheme, settings: CropSettings
) -> int:
    """Samples along each side of a take's new faces; see `full_size`."""
    if isinstance(performer, Enlarging) and performer.enlarges(scheme):
        return full_size(seen, shown, settings)
    return settings.size


def sides_of(face: CutFace, indices: Sequence[int]) -> NDArray[np.float64]:
    """The side of a face's crop in pixels of its frame, at places in its track."""
    return own_sides(face.to_crop.matrix[np.asarray(indices)], face.crops.shape[0])


def large_portrait(pixels: Floats, path: Path, stack: ExitStack) -> Crops:
    """A source face (L, L, 3) for `Take.large`, on disk for as long as `stack` lives."""
    # A portrait is not of the clip's samples: 16 bits lose nothing of it that counts.
    spool = stack.enter_context(open_spool(path, pixels.shape, np.uint16))
    spool.write(0, to_samples(pixels, np.uint16))
    return Crops(spool, np.array([0]))


def large_own(
    clip: Footage, face: CutFace, indices: Sequence[int], size: int, path: Path, stack: ExitStack
) -> list[Crops]:
    """Crops of a clip's own face at places in its track, `size` samples a side, one a place.

    Raises:
        MediaError: a frame cannot be decoded.
        OutputError: the disk is full.
    """
    spool = stack.enter_context(open_spool(path, (size, size, 3), face.crops.dtype))
    known = sorted(set(indices))
    for record, index in enumerate(known):
        frame = face.track.frames.start + index
        to_crop = at_size(face.to_crop.matrix[index], face.crops.shape[0], size)
        frames = FrameRange(frame, frame + 1, clip.frames.rate)
        with closing(decode(clip.info, frames, ahead=1)) as pictures:
            pixels = cut(next(pictures), to_crop, size)
        spool.write(record, to_samples(pixels, spool.dtype))
    return [Crops(spool, np.array([known.index(index)])) for index in indices]
