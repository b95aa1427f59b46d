"""Where everything of a job lies; docs/reference/farm-plan.md describes it."""

import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from reenact_core.engine.resume import RunFolder
from reenact_core.errors import ReenactError
from reenact_core.farm.plan import PLAN_FILE, Unit

DIARY = "diary.npz"
KEY_LENGTH = 12
"""Characters of a key in the name of a folder."""


class TemporaryError(ReenactError):
    """Not the unit's fault: later, or elsewhere, it can be done."""

    code = "temporary"
    exit_status = 75


class StoppedError(Exception):
    """The caller asked to stop; what was under way is given back."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """A job's folder, shared by all its workers."""

    path: Path

    def check(self) -> None:
        """See that the folder is there; an empty one is a place where nothing is mounted now.

        Raises:
            TemporaryError: it is gone.
        """
        if not (self.path / PLAN_FILE).is_file():
            raise TemporaryError(f"{self.path}: the job folder is gone; mount it again")

    @property
    def claims(self) -> Path:
        return self.path / "claims"

    @property
    def done(self) -> Path:
        return self.path / "done"

    @property
    def failed(self) -> Path:
        return self.path / "failed"

    @property
    def logs(self) -> Path:
        """Of every attempt at a unit."""
        return self.path / "logs"

    @property
    def tracks(self) -> Path:
        return self.path / "tracks"

    def moved(self, move: Unit) -> Path:
        """The new faces of a shot."""
        return self.path / "moved" / f"{move.shot}-{move.key[:KEY_LENGTH]}"

    def pieces(self, move: Unit) -> Path:
        """The encoded ranges of a shot, named for the key of its move."""
        return self.path / "pieces" / f"{move.shot}-{move.key[:KEY_LENGTH]}"

    def work(self, unit: Unit, worker: str) -> Path:
        """Where a worker makes a unit."""
        return self.path / "work" / f"{unit.id}@{worker}"

    def diaries(self, unit_id: str) -> list[Path]:
        """How far workers that are gone have come with a `move` unit: written now and then."""
        return list(self.path.glob(f"work/{unit_id}@*/half-*/{DIARY}"))

    @property
    def hashes(self) -> Path:
        """What this host knows of its inputs."""
        return self.path / "hashes" / f"{host_name()}.json"


@dataclass(frozen=True, slots=True, eq=False)
class UnitFolder(RunFolder):
    """A unit's own folder for the engine, with the tracks that the whole job shares."""

    job: JobFolder

    @property
    def tracks(self) -> Path:
        return self.job.tracks


def worker_name() -> str:
    """A name that no other worker has, on any host: `HOST-PROCESS-RANDOM`."""
    return f"{host_name()}-{os.getpid()}-{secrets.token_hex(3)}"


def host_name() -> str:
    """This machine's name, as it is written into names of files."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-")
    return name[:40] or "host"
