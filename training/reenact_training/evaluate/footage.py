"""The data sets that can be evaluated: what `reenact synth` wrote, and folders of face crops."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from reenact_core.errors import MediaError, ReenactError
from reenact_core.wording import amount
from reenact_training.evaluate.example import Example, KnownTruth, to_and_fro
from reenact_training.evaluate.pictures import VIDEOS, frame_count, frame_files, frame_size
from reenact_training.evaluate.pictures import read_clip as read_pictures
from reenact_training.synth_folder import MANIFEST, SynthClip, Truth, read_synth
from reenact_training.synthetic.motion import angles


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a data set is used."""

    clips: int | None = None
    """At most so many, spread evenly over the set."""
    frames: int | None = None
    """At most so many of each clip, from its beginning."""
    to_and_fro: int | None = None
    """Every clip is played forwards and backwards until it has so many frames."""
    skip_share: float = 0.1
    """The share of clips that may be unusable."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a data set, looked at but not read yet."""

    name: str
    path: Path
    """A video, or a folder of frames."""
    frames: int
    synth: SynthClip | None = None
    """Where the truth about a drawn clip is."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A clip that cannot be used."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Footage:
    """A data set that was looked through."""

    folder: Path
    side: int
    """Width and height of the frames in pixels, the same in all clips."""
    clips: tuple[Clip, ...]
    skipped: tuple[Skipped, ...]
    seed: int | None
    """Of what `reenact synth` wrote; None for any other footage."""

    @property
    def drawn(self) -> bool:
        """Whether `reenact synth` wrote it."""
        return self.seed is not None


def open_footage(folder: Path, limits: Limits) -> Footage:
    """Look through a data set.

    Raises:
        MediaError: there are no clips, they are not square or of several sizes, or more of them
            than the allowed share cannot be used.
    """
    found = _candidates(folder)
    if not found:
        raise MediaError(
            f"{folder}: holds no clips; give a folder of videos, of folders of frames, or one that "
            "reenact synth wrote"
        )
    found = _spread(found, limits.clips)
    clips, skipped, sizes = _looked_at(found)
    check_skipped(folder, skipped, len(found), limits.skip_share)
    return Footage(folder, _one_side(sizes), clips, skipped, _seed(folder))


def read_clip(clip: Clip, limits: Limits, size: int) -> Example:
    """The self-reenactment of a clip, at the size that the networks take.

    Raises:
        MediaError: the clip is damaged.
    """
    count = min(clip.frames, limits.frames or clip.frames)
    driving = read_pictures(clip.path, count, size)
    known = _known(clip.synth.read_truth(), count, size) if clip.synth else None
    if limits.to_and_fro:
        order = torch.tensor(to_and_fro(len(driving), limits.to_and_fro))
        driving = driving[order]
        if known:
            known = KnownTruth(known.source_pose, known.poses[order], known.heads[order])
    return Example(clip.name, "self", driving[0], driving, driving, known)


def check_skipped(folder: Path, skipped: tuple[Skipped, ...], total: int, allowed: float) -> None:
    """Whether few enough clips were left out.

    Raises:
        MediaError: more than the allowed share.
    """
    if len(skipped) > allowed * total:
        first = skipped[0]
        raise MediaError(
            f"{folder}: {len(skipped)} of {amount(total, 'clip')} cannot be used, more than the "
            f"allowed {allowed:.0%}; the first is {first.name}: {first.why}"
        )


def _candidates(folder: Path) -> list[Clip]:
    """All that may be a clip; frames are counted later where they are not known."""
    if not folder.is_dir():
        raise MediaError(f"{folder}: is no folder; give a data set, as reenact synth writes one")
    if _seed(folder) is not None:
        clips = read_synth(folder)
        return [Clip(clip.name, clip.video, clip.frames, clip) for clip in clips]
    return [Clip(_name(folder, path), path, 0) for path in sorted(_footage_in(folder))]


def _seed(folder: Path) -> int | None:
    """The seed of drawn clips; None where `reenact synth` did not write the folder.

    Raises:
        MediaError: its manifest is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text("utf-8"))
        drawn = any("truth" in entry for entry in manifest["clips"])
        return int(manifest["seed"]) if drawn else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path}: is damaged; remove it, or write the folder again") from error


def _footage_in(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.suffix.lower() in VIDEOS or _holds_frames(path)):
            yield path


def _holds_frames(path: Path) -> bool:
    return path.is_dir() and bool(frame_files(path))


def _name(folder: Path, path: Path) -> str:
    """A name that can be a file's: folders joined by a dash."""
    inside = path.relative_to(folder)
    return "-".join((inside if path.is_dir() else inside.with_suffix("")).parts)


def _spread(clips: list[Clip], count: int | None) -> list[Clip]:
    if count is None or count >= len(clips):
        return clips
    return [clips[index * len(clips) // count] for index in range(count)]


def _looked_at(
    found: list[Clip],
) -> tuple[tuple[Clip, ...], tuple[Skipped, ...], dict[tuple[int, int], Path]]:
    clips, skipped = [], []
    sizes: dict[tuple[int, int], Path] = {}
    for clip in found:
        try:
            frames, size = frame_count(clip.path), frame_size(clip.path)
        except ReenactError as error:
            skipped.append(Skipped(clip.name, str(error)))
            continue
        if frames < 2:
            skipped.append(Skipped(clip.name, f"{clip.path}: has one frame; motion needs two"))
            continue
        sizes.setdefault(size, clip.path)
        clips.append(Clip(clip.name, clip.path, frames, clip.synth))
    return tuple(clips), tuple(skipped), sizes


def _one_side(sizes: dict[tuple[int, int], Path]) -> int:
    for (width, height), path in sizes.items():
        if width != height:
            raise MediaError(
                f"{path}: is {width}x{height}, but face crops are square; cut them out first, "
                "as reenact prepare does"
            )
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise MediaError(
            f"{second}: is {other[0]}x{other[1]}, but {first} is {one[0]}x{one[1]}; all clips of a "
            "data set have one size"
        )
    return next(iter(sizes))[0]


def _known(truth: Truth, count: int, size: int) -> KnownTruth:
    poses = degrees(torch.from_numpy(truth.rotation[:count]))
    heads = torch.from_numpy(truth.head_mask[:count]).float()[:, None] / 255
    if heads.shape[-1] != size:
        heads = torch.nn.functional.interpolate(heads, (size, size), mode="area")
    return KnownTruth(poses[0], poses, heads[:, 0])


def degrees(rotation: torch.Tensor) -> torch.Tensor:
    """Yaw, pitch and roll (..., 3) in degrees of rotations (..., 3, 3)."""
    return torch.rad2deg(torch.stack(angles(rotation), -1))
