"""Whether a track begins and ends at a cut: there a new face must stand at once, not fade in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from reenact_core.frames import Picture
from reenact_core.media.colour import to_rgb8
from reenact_core.timing import FrameRange
from reenact_core.tracking.cuts import LEAST_CHANGE, Signature, change, signature

Edge = Literal["hold", "fade"]

_SIDE = 96


@dataclass(frozen=True, slots=True)
class TrackEdges:
    """What a face does where its track begins and ends."""

    before: Edge = "hold"
    after: Edge = "hold"


class CutWatch:
    """Looks at passing pictures for cuts at the edges of tracks, and only there."""

    def __init__(self, tracks: Iterable[FrameRange]) -> None:
        self._edges = {edge for frames in tracks for edge in (frames.start, frames.stop)}
        self._last: tuple[int, Signature] | None = None
        self.cuts: set[int] = set()
        """First frames after a cut."""

    def passing(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """The pictures, looked at."""
        for picture in pictures:
            self._see(picture)
            yield picture

    def edges_of(self, track: FrameRange, whole: FrameRange) -> TrackEdges:
        """How a track of a range of frames begins and ends."""
        at_start = track.start == whole.start or track.start in self.cuts
        at_stop = track.stop == whole.stop or track.stop in self.cuts
        return TrackEdges("hold" if at_start else "fade", "hold" if at_stop else "fade")

    def _see(self, picture: Picture) -> None:
        index = picture.index
        if index not in self._edges and index + 1 not in self._edges:
            return
        here = signature(to_rgb8(picture, max_side=_SIDE))
        last, self._last = self._last, (index, here)
        if last is not None and last[0] == index - 1 and change(last[1], here) >= LEAST_CHANGE:
            self.cuts.add(index)
