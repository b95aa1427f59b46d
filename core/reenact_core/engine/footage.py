"""The files of a shot and the faces in them: given by hand, kept from an earlier run, or found."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from reenact_core.engine.digest import key_of
from reenact_core.engine.watch import Ticker, watched
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import FaceError
from reenact_core.media.decode import decode
from reenact_core.media.probe import Look, MediaInfo, filled
from reenact_core.timeline.plan import Shot, Source
from reenact_core.timing import FrameRange, said
from reenact_core.tracking.detect import FaceDetection, Pixels
from reenact_core.tracking.faces import find_faces
from reenact_core.tracking.track import FaceTrack
from reenact_core.tracking.tracks_file import TracksFile, read_tracks, write_tracks


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A file, and the part of it that a shot uses."""

    source: Source
    info: MediaInfo

    @property
    def frames(self) -> FrameRange:
        return self.source.frames

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.source.path)


def clip_footage(shot: Shot, look: Look) -> Footage:
    """The shot's own media.

    Raises:
        MediaError: it cannot be read.
    """
    return Footage(shot.target, source_info(shot.target, look))


def source_info(source: Source, look: Look) -> MediaInfo:
    """The file or image sequence of a source, with what stands for images that are not there.

    Raises:
        MediaError: it cannot be read.
    """
    step = source.number_step
    info = look(source.path, first_number=source.first_number, number_step=step)
    return filled(info, step, source.missing, source.frames.stop)


def driver_footage(path: Path, shot: Shot, look: Look) -> Footage:
    """As much of a driving video as the shot lasts from where the edit shows it.

    Raises:
        MediaError: it cannot be read.
    """
    info = look(path)
    seconds = (shot.target.frames.stop - shot.shown.start) / shot.target.frames.rate
    count = min(info.frame_count, ceil(seconds * info.rate) + 1)
    return Footage(Source(path, FrameRange(0, count, info.rate)), info)


def tracks_of(footage: Footage, workshop: Workshop) -> Generator[int, None, tuple[FaceTrack, ...]]:
    """Every face in the frames; yields twice the number of frames done while it searches.

    Raises:
        MediaError: a frame cannot be decoded.
        FaceError: no frame shows a face; or a tracks file given by hand is wrong.
    """
    tracks = _given(footage, workshop)
    if tracks is None:
        kept = workshop.folder.tracks / f"{_key(footage, workshop)}.json"
        if kept.is_file():
            tracks = read_tracks(kept).tracks
        else:
            found = yield from _find(footage, workshop)
            write_tracks(kept, TracksFile(footage.source.path, footage.frames.rate, found))
            tracks = read_tracks(kept).tracks  # as rounded as a run that goes on will find them
    if not tracks:
        where = said([range(footage.frames.start, footage.frames.stop)])
        raise FaceError(
            f"{footage.name}: no face was found in {where}; a face must "
            "be in the picture, upright and not tiny (`reenact track` shows what is found)"
        )
    return tracks


def _find(footage: Footage, workshop: Workshop) -> Generator[int, None, tuple[FaceTrack, ...]]:
    settings = workshop.settings.track

    def work(ticker: Ticker) -> list[FaceTrack]:
        def detect(pixels: Pixels) -> list[FaceDetection]:
            found = workshop.detector(pixels)
            ticker.tick(settings.detect_every)
            return found

        pictures = ticker.through(decode(footage.info, footage.frames))
        return find_faces(pictures, footage.frames, settings, detect)

    return tuple((yield from watched(work)))


def _given(footage: Footage, workshop: Workshop) -> tuple[FaceTrack, ...] | None:
    """The tracks that were given by hand for this file, as far as they lie in its frames."""
    for path in workshop.given_tracks:
        file = read_tracks(path)
        if _is_same(path.parent / file.video, footage.source.path):
            found = (clipped(track, footage.frames) for track in file.tracks)
            return tuple(track for track in found if track is not None)
    return None


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or one.name == other.name


def clipped(track: FaceTrack, frames: FrameRange) -> FaceTrack | None:
    """The part of a track inside a range; None where it has no frame there."""
    start, stop = max(track.frames.start, frames.start), min(track.frames.stop, frames.stop)
    if stop <= start:
        return None
    part = slice(start - track.frames.start, stop - track.frames.start)
    return replace(
        track,
        frames=FrameRange(start, stop, frames.rate),
        boxes=track.boxes[part],
        landmarks=track.landmarks[part],
        confidence=track.confidence[part],
    )


def _key(footage: Footage, workshop: Workshop) -> str:
    settings: Sequence[object] = (workshop.settings.track, workshop.detector_name)
    return key_of([footage.source, *settings], workshop.folder.digests)
