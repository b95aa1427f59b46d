"""Known checkpoints: id, architecture, licence, SHA-256, and where they lie.

Nothing here reaches the network or reads the environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from reenact_core.errors import CheckpointError

PACKAGE_FOLDER = Path(__file__).parent / "weights"
"""The checkpoints that come with reenact."""

DEFAULT = "compact"
"""The checkpoint that is taken when none is named."""


@dataclass(frozen=True, slots=True)
class KnownCheckpoint:
    """A checkpoint that can be named by its id."""

    id: str
    architecture: str
    """An id of `architectures.ARCHITECTURES`."""
    file: str
    """Name of the file in the package's or the user's folder."""
    licence: str
    """SPDX id of the weights, or what is known of their terms."""
    sha256: str | None
    """In hexadecimal; None where no authentic file was at hand to take it from."""
    origin: str
    """Where it comes from, for people to read."""
    names: tuple[str, ...] = ()
    """Other names under which the file is commonly kept."""


CATALOGUE = (
    KnownCheckpoint(
        "compact",
        "compact",
        "compact.safetensors",
        "Apache-2.0",
        None,
        "comes with reenact; trained on synthetic heads",
    ),
    KnownCheckpoint(
        "fomm-vox",
        "fomm",
        "fomm-vox.safetensors",
        "NOASSERTION (code: MIT)",
        None,
        "vox-cpk.pth.tar of github.com/AliaksandrSiarohin/first-order-model",
        ("vox-cpk.pth.tar",),
    ),
    KnownCheckpoint(
        "fomm-vox-adv",
        "fomm",
        "fomm-vox-adv.safetensors",
        "NOASSERTION (code: MIT)",
        None,
        "vox-adv-cpk.pth.tar of github.com/AliaksandrSiarohin/first-order-model",
        ("vox-adv-cpk.pth.tar",),
    ),
)


def find_checkpoint(checkpoint: str | Path, folders: Sequence[Path] = ()) -> Path:
    """The file of a checkpoint that is named by its id or by its path.

    Args:
        folders: where users keep checkpoints; asked before the package's own folder.

    Raises:
        CheckpointError: no such id and no such file, or the file of that id is not here.
    """
    path = Path(checkpoint)
    if isinstance(checkpoint, Path) or path.is_file():
        return path
    entry = next((entry for entry in CATALOGUE if entry.id == checkpoint), None)
    if entry is not None:
        return _existing(entry, folders)
    if path.suffix or len(path.parts) > 1:
        raise CheckpointError(f"{path}: there is no such file")
    ids = [known.id for known in CATALOGUE]
    nearest = get_close_matches(checkpoint, ids, 1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(ids)}"
    raise CheckpointError(f"{checkpoint} is neither a file nor a checkpoint that is known; {hint}")


def _existing(entry: KnownCheckpoint, folders: Sequence[Path]) -> Path:
    places = [*folders, PACKAGE_FOLDER]
    for folder in places:
        for name in (entry.file, *entry.names):
            if (folder / name).is_file():
                return folder / name
    where = " or ".join(str(folder) for folder in (folders or places))
    raise CheckpointError(
        f"the checkpoint {entry.id} is not here: put {entry.origin} into {where} as {entry.file}"
        if entry.id != DEFAULT
        else f"the checkpoint {entry.id} is missing from this installation: {PACKAGE_FOLDER} has "
        f"no {entry.file}; install reenact again"
    )


def user_models_folder(system: str, home: Path, environment: Mapping[str, str]) -> Path:
    """Where a user's own checkpoints lie: REENACT_MODELS, or the platform's folder for data.

    Args:
        system: as `platform.system()` gives it: Linux, Darwin, Windows.
    """
    if chosen := environment.get("REENACT_MODELS"):
        return Path(chosen)
    if system == "Windows":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif system == "Darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "reenact" / "models"
