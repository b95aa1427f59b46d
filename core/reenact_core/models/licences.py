"""Licences that forbid commercial use, accepted by name once and remembered."""

import json
from datetime import UTC, datetime
from pathlib import Path

from reenact_core.errors import CheckpointError
from reenact_core.files import write_json

FILE = "accepted-licences.json"
"""In the user's models folder: the names, and when each was accepted."""


def accepted(folder: Path) -> dict[str, str]:
    """The licences that were accepted, with the time of it.

    Raises:
        CheckpointError: the file is there and cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        names = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}); delete it") from error
    if not isinstance(names, dict):
        raise CheckpointError(f"{path}: must hold a table of licences; delete it")
    return {str(name): str(moment) for name, moment in names.items()}


def accept(name: str, folder: Path) -> None:
    """Remember that a licence was accepted.

    Raises:
        OutputError: the folder cannot be written.
    """
    if name not in (before := accepted(folder)):
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(folder / FILE, {**before, name: moment})


def require(
    licence: str, *, commercial: bool | None, what: str, folder: Path, accepting: str | None
) -> None:
    """Go on only if the licence allows commercial use, or was accepted by its name.

    Args:
        what: the checkpoint, for the message.
        accepting: the name that is accepted now.

    Raises:
        CheckpointError: it forbids commercial use and was never accepted, or another name was.
    """
    if commercial is not False:
        return
    if accepting is not None:
        if accepting != licence:
            raise CheckpointError(
                f"{what} has the licence {licence}, and not {accepting}; read it, and accept it "
                f"with --accept-licence {licence}"
            )
        accept(licence, folder)
    if licence not in accepted(folder):
        raise CheckpointError(
            f"{what} has the licence {licence}, which forbids commercial use; if that suits you, "
            f"accept it once with --accept-licence {licence}"
        )
