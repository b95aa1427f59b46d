"""Raw footage to a data set: faces followed, cut out, and written as clips with a manifest.

    DATASET/manifest.json                       settings, footage, and its clips
    DATASET/clips/NAME-1a2b3c4d-1-000120.mkv    face 1 of the footage from frame 120 on, FFV1

Each clip is one face, seen without a break and without a cut; crops lie as in a render.
"""

import itertools
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings, align
from reenact_core.crop.cut import cut, inside_frame
from reenact_core.engine.watch import Ticker, watched
from reenact_core.errors import MediaError, OutputError, SettingsError
from reenact_core.files import sha256, write_json, written_whole
from reenact_core.frames import Picture
from reenact_core.media.decode import decode
from reenact_core.media.opening import created
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.faces import TrackSettings, find_faces
from reenact_core.tracking.track import FaceTrack
from reenact_core.wording import amount
from reenact_training.clips import MANIFEST, VIDEOS

VERSION = 1
COARSE = 32
"""Side of the grid on which the share of a crop that the frame fills is counted."""


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """Which faces become clips."""

    size: int = 256
    """Width and height of the crops."""
    least_face: float = 64.0
    """Larger side in pixels of the smallest face, from mid-forehead to chin; at a quarter of
    `size` a crop is enlarged twice."""
    least_seconds: float = 1.0
    """Length of the shortest clip."""
    longest_seconds: float = 10.0
    """Length of the longest clip; a longer stretch becomes several."""
    least_inside: float = 0.8
    """Share of the crop that the frame must fill."""

    def __post_init__(self) -> None:
        if not 64 <= self.size <= 1024:
            raise ValueError(f"size must be 64 to 1024, got {self.size}")
        if not 0 < self.least_seconds <= self.longest_seconds:
            raise ValueError("least_seconds must lie between 0 and longest_seconds")


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a piece of footage is."""

    footage: Path
    stage: str
    """`track` or `cut`."""
    done: int
    total: int
    """Frames."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Footage whose clips are written, or were before."""

    footage: Path
    clips: tuple[dict[str, Any], ...]
    """Their entries in the manifest."""
    why_none: str | None
    """Why there are none, in a sentence; None where there are some."""
    failed: bool = False
    """Whether it could not be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Frames of a face that become a clip."""

    name: str
    face: int
    frames: range
    """Of the footage."""
    to_crop: NDArray[np.float64]
    """(T, 2, 3), displayed frame pixels to crop pixels."""
    side: float
    """Larger side of the face's box in pixels, on average."""


def prepare(
    footage: Sequence[Path], out: Path, settings: PrepareSettings, detector: Detector,
    track: TrackSettings | None = None, *, overwrite: bool = False,
) -> Iterator[Stage | Prepared]:  # fmt: skip
    """Write a data set; footage whose clips are in the folder already is kept.

    Args:
        overwrite: clips in the folder that are of no data set may be replaced.
        footage: video files, and folders of them.

    Raises:
        MediaError: there is no such footage at all. What cannot be read is told as `Prepared`.
        SettingsError: the folder holds a data set of other settings.
        OutputError: the folder cannot be written.
    """
    entries = _begun(out / MANIFEST, settings)
    if not overwrite and not (out / MANIFEST).is_file() and (out / "clips").exists():
        raise OutputError(
            f"{out / 'clips'}: is there already and of no data set; choose another folder with -o, "
            "or let its files be replaced with --overwrite"
        )
    for path in _files(footage):
        try:
            digest = sha256(path)
            if digest in entries and _whole(out, entries[digest]):
                yield _prepared(path, entries[digest])
                continue
            if not (out / MANIFEST).is_file():  # before the first clip: it says whose they are
                _write_manifest(out / MANIFEST, settings, entries)
            entries[digest] = yield from _one(path, digest, out, settings, detector, track)
        except (MediaError, OSError) as error:
            why = str(error).removeprefix(f"{path}: ")
            yield Prepared(path, (), why, failed=True)
            continue
        _write_manifest(out / MANIFEST, settings, entries)
        yield _prepared(path, entries[digest])


def _one(
    path: Path, digest: str, out: Path, settings: PrepareSettings, detector: Detector,
    track: TrackSettings | None,
) -> Generator[Stage, None, dict[str, Any]]:  # fmt: skip
    """Follow the faces of a file and write their clips; its entry in the manifest."""
    info = probe(path)
    if info.still:
        raise MediaError(f"{path}: is a still picture; a clip needs frames")
    tracks = yield from _followed(info, track or TrackSettings(), detector)
    name = f"{path.stem}-{digest[:8]}"
    stretches = [s for one in tracks for s in stretches_of(one, info, settings, name)]
    yield from _written(info, stretches, out / "clips", settings.size)
    clips = [_entry(stretch, info, path.name) for stretch in stretches]
    why_none = _why_none(tracks, clips)
    return {"name": path.name, "sha256": digest, "why_none": why_none, "clips": clips}


def _followed(
    info: MediaInfo, settings: TrackSettings, detector: Detector
) -> Generator[Stage, None, list[FaceTrack]]:
    """The faces of a file, told of as its frames pass."""
    frames = FrameRange(0, info.frame_count, info.rate)

    def work(tick: Ticker) -> list[FaceTrack]:
        pictures = decode(info, frames)  # closed by the ticker
        return find_faces(tick.through(pictures), frames, settings, detector)

    search = watched(work)
    while True:
        try:
            done = next(search)
        except StopIteration as stop:
            tracks: list[FaceTrack] = stop.value
            return tracks
        yield Stage(info.path, "track", min(done, len(frames)), len(frames))


def stretches_of(
    track: FaceTrack, info: MediaInfo, settings: PrepareSettings, name: str
) -> Iterator[Stretch]:
    """The parts of a track that are worth learning from, none too long."""
    crop = CropSettings(size=settings.size)
    to_crop = align(track, crop, info.pixel_aspect).matrix
    boxes = track.boxes
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    inside = [
        float(inside_frame(matrix, COARSE, info.width, info.height).mean())
        for matrix in to_crop * (COARSE / settings.size)
    ]
    good = (np.nan_to_num(sides) >= settings.least_face) & (track.confidence > 0)
    good &= np.array(inside) >= settings.least_inside
    rate = float(info.rate)
    least = max(2, round(settings.least_seconds * rate))
    longest = max(least, round(settings.longest_seconds * rate))
    for part in pieces(good, least, longest):
        start = track.frames.start + part.start
        yield Stretch(
            f"{name}-{track.face_id}-{start:06d}", track.face_id,
            range(start, start + len(part)), to_crop[part.start : part.stop],
            float(np.nanmean(sides[part.start : part.stop])),
        )  # fmt: skip


def pieces(good: NDArray[np.bool_], least: int, longest: int) -> Iterator[range]:
    """Ranges in which all is good, `least` to `longest` long, as even as can be."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        count = -(-(stop - start) // longest)
        cuts = [start + (stop - start) * number // count for number in range(count + 1)]
        parts = (range(a, b) for a, b in itertools.pairwise(cuts))
        yield from (part for part in parts if len(part) >= least)


def _written(
    info: MediaInfo, stretches: Sequence[Stretch], folder: Path, size: int
) -> Iterator[Stage]:
    """Write the clips in one pass over the footage; each is whole or absent."""
    if not stretches:
        return
    total = FrameRange(0, max(stretch.frames.stop for stretch in stretches), info.rate)
    with closing(decode(info, total)) as pictures, ExitStack() as stack:
        writers: dict[str, _Clip] = {}
        for picture in pictures:
            for stretch in stretches:
                if picture.index not in stretch.frames:
                    continue
                if picture.index == stretch.frames.start:
                    writers[stretch.name] = _Clip(folder, stretch, info, size)
                    stack.push(writers[stretch.name].close)
                writers[stretch.name].write(picture)
            yield Stage(info.path, "cut", picture.index + 1, len(total))


class _Clip:
    """A clip that is being written; it gets its name when its last frame is in."""

    def __init__(self, folder: Path, stretch: Stretch, info: MediaInfo, size: int) -> None:
        self._stretch = stretch
        self._size = size
        self._stack = ExitStack()
        partial = self._stack.enter_context(written_whole(folder / f"{stretch.name}.mkv"))
        self._container = self._stack.enter_context(created(partial))
        self._stream = self._container.add_stream("ffv1", rate=info.rate)
        self._stream.width = self._stream.height = size
        self._stream.pix_fmt = "bgr0"

    def write(self, picture: Picture) -> None:
        """The face of the next frame."""
        matrix = self._stretch.to_crop[picture.index - self._stretch.frames.start]
        pixels = (cut(picture, matrix, self._size) * 255 + 0.5).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        self._container.mux(self._stream.encode(frame))
        if picture.index == self._stretch.frames.stop - 1:
            self._container.mux(self._stream.encode(None))
            self._stack.close()

    def close(self, *error: Any) -> bool:
        """Remove what is not complete."""
        return bool(self._stack.__exit__(*error))


def _entry(stretch: Stretch, info: MediaInfo, footage: str) -> dict[str, Any]:
    return {
        "name": stretch.name,
        "video": f"clips/{stretch.name}.mkv",
        "frames": len(stretch.frames),
        "rate": str(info.rate),
        "footage": footage,
        "face": stretch.face,
        "start": stretch.frames.start,
        "face_pixels": round(stretch.side, 1),
    }


def _why_none(tracks: Sequence[FaceTrack], clips: Sequence[Any]) -> str | None:
    if clips:
        return None
    if not tracks:
        return "no face was found"
    return f"{amount(len(tracks), 'face')}, too small, too short or cut off by the frame"


def _files(footage: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in footage:
        if path.is_dir():
            below = (p for p in path.rglob("*") if p.suffix.lower() in VIDEOS and p.is_file())
            found += sorted(p for p in below if not p.name.startswith("."))
        else:
            found.append(path)
    if not found:
        names = ", ".join(str(path) for path in footage)
        raise MediaError(f"{names}: holds no video files")
    return found


def _begun(manifest: Path, settings: PrepareSettings) -> dict[str, dict[str, Any]]:
    """The footage that a manifest tells of, by its hash."""
    if not manifest.is_file():
        return {}
    try:
        table = json.loads(manifest.read_text("utf-8"))
        before, listed = table["settings"], table["footage"]
        entries = {entry["sha256"]: {**entry, "clips": []} for entry in listed}
        for clip in table["clips"]:
            entries[clip["sha256"]]["clips"].append(clip)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{manifest}: is no manifest of `reenact prepare`; give another folder with -o"
        ) from error
    if before != asdict(settings):
        changed = [key for key, value in asdict(settings).items() if before.get(key) != value]
        raise SettingsError(
            f"{manifest}: was made with another {', '.join(changed)}; give another folder with -o"
        )
    return entries


def _write_manifest(
    path: Path, settings: PrepareSettings, entries: Mapping[str, dict[str, Any]]
) -> None:
    footage = [{k: v for k, v in entry.items() if k != "clips"} for entry in entries.values()]
    clips = [
        {**clip, "sha256": digest} for digest, entry in entries.items() for clip in entry["clips"]
    ]
    table = {"version": VERSION, "kind": "prepared", "settings": asdict(settings)}
    write_json(path, {**table, "footage": footage, "clips": clips})


def _whole(out: Path, entry: Mapping[str, Any]) -> bool:
    return all((out / clip["video"]).is_file() for clip in entry["clips"])


def _prepared(path: Path, entry: Mapping[str, Any]) -> Prepared:
    return Prepared(path, tuple(entry["clips"]), entry["why_none"])
