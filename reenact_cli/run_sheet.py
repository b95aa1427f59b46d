"""The contact sheet of a run: moments of every shot, before and after."""

from collections.abc import Sequence

import numpy as np

from reenact_core.engine.footage import source_info
from reenact_core.engine.timeline_run import RunResult
from reenact_core.media.colour import to_rgb8
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.report.sheet import Band, Pixels, Strip, difference, draw_sheet, spread
from reenact_core.timeline.plan import Cast, RenderedShot, Source
from reenact_core.timing import FrameRange

COLUMNS = 5
TILE_WIDTH = 250
_GAIN = 4.0


def run_sheet(title: str, result: RunResult) -> Pixels:
    """A picture of every rendered shot: the clip, the result, and who acts."""
    return draw_sheet(title, [_band(shot) for shot in result.rendered], tile_width=TILE_WIDTH)


def _band(rendered: RenderedShot) -> Band:
    shot, cast = rendered.shot, rendered.shot.casts[0]
    moments = tuple(shot.shown.start + place for place in spread(len(shot.shown), COLUMNS))
    before = _frames(shot.target, moments)
    start = shot.target.frames.start
    after = _frames(rendered.output, [frame - start for frame in moments])
    apart = tuple(difference(*pair, gain=_GAIN) for pair in zip(before, after, strict=True))
    strips = [
        Strip("the clip", before),
        *_performance(cast, [frame - shot.shown.start for frame in moments]),
        Strip("the result", after, _portrait(cast)),
        Strip(f"what changed\nx {_GAIN:g}", apart),
    ]
    title = f"{shot.clip_name}: {cast.mode}"
    return Band(title, _about(cast), tuple(strips), tuple(f"frame {frame}" for frame in moments))


def _about(cast: Cast) -> str:
    if cast.picture is not None:
        source = cast.source or cast.picture
        return f"the face of {source.name} acts with the clip's own performance"
    driving = "another video" if cast.driving is None else cast.driving.name
    return f"the clip's own face acts with the performance of {driving}"


def _portrait(cast: Cast) -> Pixels | None:
    if cast.picture is None or not probe(cast.picture).still:
        return None
    still = Source(cast.picture, FrameRange(0, 1, probe(cast.picture).rate))
    return _frames(still, [0])[0]


def _performance(cast: Cast, moments: Sequence[int]) -> list[Strip]:
    """The driving video at the same moments; none where the clip drives itself."""
    if cast.driving is None:
        return []
    info = probe(cast.driving)
    last = info.frame_count - 1
    source = Source(cast.driving, FrameRange(0, info.frame_count, info.rate))
    return [Strip("the performance", _frames(source, [min(frame, last) for frame in moments]))]


def _frames(source: Source, numbers: Sequence[int]) -> tuple[Pixels, ...]:
    """The middle squares of frames, numbered from the file's first."""
    info = source_info(source, probe)
    found: list[Pixels] = []
    for number in numbers:
        for picture in decode(info, FrameRange(number, number + 1, info.rate), ahead=1):
            found.append(_middle(np.asarray(to_rgb8(picture))))
    return tuple(found)


def _middle(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return picture[top : top + side, left : left + side]
