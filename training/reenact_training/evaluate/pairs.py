"""Cross-identity examples: one person's face, another's performance.

Drawn people come in ensembles (`reenact_training.ensembles`): both act the same moments, so the one
rendered with the other's motion is the truth. Of real people nobody knows the truth: a still is the
source, a clip the driver.
"""

from collections.abc import Iterator, Sequence
from math import lcm
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from reenact_core.engine.portrait import find_portrait
from reenact_core.errors import MediaError
from reenact_core.files import written_whole
from reenact_core.head.state import HeadState
from reenact_core.models.face_points import FacePointsNet
from reenact_core.motion.transfer import nearest_frame
from reenact_core.settings import Settings
from reenact_core.tracking.detect import Detector
from reenact_training.ensembles import Ensemble, make_ensemble, states_of_points
from reenact_training.evaluate.embedded import read_in_chunks
from reenact_training.evaluate.example import Example, KnownTruth
from reenact_training.evaluate.footage import Clip, Limits, degrees, read_clip
from reenact_training.evaluate.pictures import STILLS, read_still

FIRST_SEED = 1_000_000
"""Seeds from here on are never trained on."""
PEOPLE = 2


def draw_pairs(folder: Path, count: int, *, moments: int, size: int, device: str) -> Iterator[Path]:
    """Ensembles of unseen seeds, one by one; those that the folder has already are kept.

    Raises:
        OutputError: the folder cannot be written.
    """
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        path = folder / f"pair-{seed}-{moments}-{size}.pt"
        if not path.exists():
            made = make_ensemble(seed, people=PEOPLE, moments=moments + 1, size=size, device=device)
            with written_whole(path) as partial:
                made.save(partial)
        yield path


def read_pair(path: Path) -> Example:
    """The first person with the second one's motion; moment 0 is the source's.

    Raises:
        MediaError: the file is damaged.
    """
    try:
        ensemble = Ensemble.load(path)
    except (OSError, RuntimeError, EOFError, TypeError, ValueError, UnpicklingError) as error:
        raise MediaError(f"{path}: is damaged; delete it, and it is drawn again") from error
    pictures, poses = ensemble.pictures, degrees(ensemble.rotation)
    known = KnownTruth(poses[0], poses[1:], ensemble.heads[0, 1:].float() / 255)
    return Example(
        pair_name(path),
        "cross",
        pictures[0, 0],
        pictures[1, 1:],
        pictures[0, 1:],
        known,
        "absolute",
    )


def pair_name(path: Path) -> str:
    """The example's name: `pair-` and the seed."""
    return path.stem.rsplit("-", 2)[0]


def real_pairs(
    pairs: Sequence[tuple[Path, Clip]],
    side: int,
    limits: Limits,
    detector: Detector,
    reader: FacePointsNet,
    *,
    size: int,
) -> Iterator[Example]:
    """Stills driven by clips; `side` is that of the clips' frames.

    Raises:
        MediaError: a still or a clip cannot be read.
        FaceError: a still shows no face, or several.
    """
    stills = {still: None for still, _ in pairs}
    sources = {path: _source(path, side, size, detector) for path in stills}
    for still, clip in pairs:
        driving = read_clip(clip, limits, size).driving
        source = sources[still]
        start = nearest_frame(_states(reader, driving), _states(reader, source[None]))
        name = f"{still.stem}--{clip.name}"
        yield Example(name, "cross", source, driving, None, start=start)


def matched(stills: list[Path], clips: tuple[Clip, ...], count: int) -> Iterator[tuple[Path, Clip]]:
    """So many different pairs at most, going round both."""
    rounds = lcm(len(stills), len(clips))
    for number in range(min(count, len(stills) * len(clips))):
        # Once both have come round together, every still gets another clip.
        shift = number // rounds
        yield stills[number % len(stills)], clips[(number + shift) % len(clips)]


def find_stills(paths: tuple[Path, ...]) -> list[Path]:
    """The pictures among files and folders.

    Raises:
        MediaError: there are none.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [one for one in inside if one.suffix.lower() in STILLS]
    if not found:
        named = ", ".join(str(path) for path in paths)
        raise MediaError(f"{named}: holds no pictures; give stills of faces as sources")
    return found


def _source(path: Path, side: int, size: int, detector: Detector) -> Tensor:
    """A still's face: the whole picture where it is a crop as the clips are, else found and cut."""
    picture = read_still(path)
    if picture.shape[:2] == (side, side):
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    else:
        portrait = find_portrait(path, None, Settings(), detector)
        pixels = torch.from_numpy(portrait.pixels).permute(2, 0, 1)[None] * 255
    if pixels.shape[-1] != size:
        pixels = torch.nn.functional.interpolate(pixels, (size, size), mode="area")
    return (pixels[0].clamp(0, 255) + 0.5).to(torch.uint8)


def _states(reader: FacePointsNet, pictures: Tensor) -> HeadState:
    return states_of_points(read_in_chunks(reader, pictures).points.cpu())
