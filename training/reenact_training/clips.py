"""The clips of a folder: video files, folders of frames, what `synth` and `prepare` write.

FOLDER/a.mp4, FOLDER/b/0001.png ...            any depth, as in VoxCeleb: id10001/video/00001.mp4
FOLDER/train/..., FOLDER/test/...              `test` is held out, as FOMM's data sets have it
FOLDER/manifest.json                           of `reenact synth` or `reenact prepare`
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reenact_core.errors import MediaError
from reenact_core.media.probe import probe
from reenact_core.wording import amount
from reenact_training.synth_folder import SynthClip, read_synth

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mxf"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
MANIFEST = "manifest.json"
SQUARE = 0.02
"""By so much of its side a face crop may miss being square."""

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ClipFile:
    """Face crops of one person, frame after frame."""

    name: str
    """Below its data set, with forward slashes."""
    path: Path
    """A video file, or a folder of frames."""
    person: str
    """Clips of one person are learnt from together or held out together."""
    held_out: bool = False
    """Whether the data set itself keeps it for measuring."""
    truth: SynthClip | None = None
    """Where its frames were drawn."""
    frames: int = 0
    """How many there are; 0 while that is not known."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A clip that was left out."""

    name: str
    why: str
    """In a few words, after its name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a data set holds."""

    clips: tuple[ClipFile, ...]
    unusable: tuple[Unusable, ...]


def find_clips(
    folder: Path, *, size: int, frames: int, tell: Tell = lambda done, total: None
) -> Found:
    """The clips of a folder that can be learnt from, and those that cannot.

    Args:
        size, frames: the least width and length of a clip.
        tell: called with the clips that were looked at, and all of them.

    Raises:
        MediaError: there is no such folder, or no clip in it.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: there is no such folder of clips")
    listed = list(_listed(folder))
    if not listed:
        raise MediaError(f"{folder}: holds no clips; `reenact prepare` makes such a folder")
    clips, unusable = [], []
    for number, clip in enumerate(listed, 1):
        try:
            clips.append(_looked_at(clip, size, frames))
        except MediaError as error:
            unusable.append(Unusable(clip.name, _why(error, clip)))
        tell(number, len(listed))
    return Found(_by_person(clips), tuple(unusable))


def frame_files(folder: Path) -> list[Path]:
    """The frames of a clip that is a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if _is(path, PICTURES))


def _listed(folder: Path) -> Iterator[ClipFile]:
    if not (folder / MANIFEST).is_file():
        yield from _walked(folder)
        return
    clips = _manifest(folder / MANIFEST)
    if any("truth" in entry for entry in clips):
        for clip in read_synth(folder):
            yield ClipFile(clip.name, clip.video, clip.name, truth=clip, frames=clip.frames)
        return
    for entry in clips:
        path = folder / str(entry["video"])
        yield ClipFile(entry["name"], path, str(entry.get("footage", entry["name"])))


def _manifest(path: Path) -> list[dict[str, Any]]:
    try:
        clips: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["clips"]
        return [{**entry, "name": str(entry["name"]), "video": entry["video"]} for entry in clips]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(
            f"{path}: is no manifest of `reenact synth` or `reenact prepare`; remove it, or make "
            "the folder again"
        ) from error


def _walked(folder: Path) -> Iterator[ClipFile]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place)
        files = [here / name for name in sorted(names)]
        if here != folder and any(_is(path, PICTURES) for path in files):
            yield _clip(folder, here)
        yield from (_clip(folder, path) for path in files if _is(path, VIDEOS))


def _is(path: Path, suffixes: Iterable[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()


def _clip(folder: Path, path: Path) -> ClipFile:
    parts = path.relative_to(folder).parts
    split = parts[0] if len(parts) > 1 and parts[0] in ("train", "test") else None
    below = path.relative_to(folder / (split or "")).parts
    person = below[0] if len(below) > 1 else path.stem.partition("#")[0]
    return ClipFile("/".join(parts), path, person, held_out=split == "test")


def _by_person(clips: list[ClipFile]) -> tuple[ClipFile, ...]:
    """Where all seem to be one person, each clip stands for itself."""
    if len({clip.person for clip in clips}) == 1:
        return tuple(replace(clip, person=clip.name) for clip in clips)
    return tuple(clips)


def _looked_at(clip: ClipFile, size: int, frames: int) -> ClipFile:
    """The clip with its length; raises MediaError where it cannot be learnt from."""
    width, height, count = _shape(clip)
    if abs(width - height) > SQUARE * max(width, height):
        raise MediaError(f"{width} x {height} is no face crop; use `reenact prepare`")
    if min(width, height) < size:
        raise MediaError(f"{width} x {height} is smaller than the {size} asked for")
    if count < frames:
        raise MediaError(f"has {amount(count, 'frame')}, fewer than the {frames} asked for")
    return replace(clip, frames=count)


def _shape(clip: ClipFile) -> tuple[int, int, int]:
    """Width, height and number of frames."""
    if not clip.path.is_dir():
        info = probe(clip.path)
        return info.width, info.height, info.frame_count
    files = frame_files(clip.path)
    return (*picture_size(files[0]), len(files))


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture file, from its header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, UnidentifiedImageError) as error:
        raise MediaError(f"{path.name} cannot be read") from error


def _why(error: MediaError, clip: ClipFile) -> str:
    """The sentence without the path, which the name says already."""
    return str(error).removeprefix(f"{clip.path}: ").removeprefix(str(clip.path)).strip()
