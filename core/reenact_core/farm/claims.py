"""Who does which unit: a file that is renamed to take it, and rewritten to show life.

Renaming is the one operation that all shared file systems do for one client only. Ages are never
told by clocks: who waits watches whether the file's contents change, by its own clock.
"""

import os
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reenact_core.farm.job_folder import JobFolder, TemporaryError

BEAT_SECONDS = 5.0
STEAL_SECONDS = 60.0
"""A claim that has not been renewed for so long is its holder's no more."""
WATCHED = 16
"""Claims of others that an idle worker watches at once."""


def lay_out(folder: JobFolder, unit_ids: Iterable[str]) -> None:
    """A free claim for every unit that has none yet; what is held stays so.

    Raises:
        TemporaryError: the job folder is gone or full.
    """
    try:
        folder.claims.mkdir(exist_ok=True)  # never its parent: a job that is gone stays gone
        known = {name.partition("@")[0] for name in os.listdir(folder.claims)}
        for unit_id in unit_ids:
            if unit_id not in known:
                (folder.claims / unit_id).touch()
    except OSError as error:
        raise TemporaryError(f"{folder.claims}: cannot be written ({error.strerror})") from error


def holders(folder: JobFolder) -> dict[str, str]:
    """The worker that holds each claimed unit."""
    names = (path.name for path in _listed(folder.claims))
    return {unit: worker for unit, at, worker in (name.partition("@") for name in names) if at}


@dataclass(slots=True)
class Claim:
    """A unit that this worker holds."""

    path: Path
    lost: threading.Event = field(default_factory=threading.Event)
    """Another worker has taken it, since this one seemed dead."""

    def renew(self, beat: int) -> None:
        """Show life; never brings back a claim that is gone."""
        try:
            with self.path.open("r+", encoding="utf-8") as stream:
                stream.write(f"{beat}\n")
        except FileNotFoundError:
            self.lost.set()
        except OSError:
            return  # the disk may be full or away for a moment; a later beat tells

    def check(self) -> None:
        """See now whether the claim is still this worker's."""
        if not self.path.exists() and self.path.parent.is_dir():
            self.lost.set()

    def release(self, *, done: bool) -> None:
        """Give the unit back, or take its claim away for good."""
        with suppress(OSError):  # gone: taken by another worker
            if done:
                self.path.unlink()
            else:
                os.replace(self.path, self.path.with_name(self.path.name.partition("@")[0]))


@contextmanager
def beating(claim: Claim, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Renew a claim from a thread of its own while the block runs."""
    stop = threading.Event()

    def beat() -> None:
        count = 0
        while not stop.wait(seconds):
            count += 1
            claim.renew(count)

    thread = threading.Thread(target=beat, name="reenact-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def try_claim(folder: JobFolder, unit_id: str, worker: str) -> Claim | None:
    """The claim of a unit that nobody holds; None where another worker was quicker."""
    return _take(folder.claims / unit_id, folder, unit_id, worker)


class Watcher:
    """Sees by its own clock how long other workers' claims have shown no life."""

    def __init__(self, folder: JobFolder, steal_after: float = STEAL_SECONDS) -> None:
        self._folder, self._patience = folder, steal_after
        self._seen: dict[str, tuple[str, float]] = {}

    def take_over(self, unit_id: str, worker: str) -> Claim | None:
        """The claim of a unit whose holder has shown no life for too long; else None.

        A unit that has no claim at all, since its last one went when it was done, gets a new one.
        """
        holding = _listed(self._folder.claims, f"{unit_id}@*")
        if not holding:
            lay_out(self._folder, [unit_id])
            return try_claim(self._folder, unit_id, worker)
        dead = next((path for path in holding if self._is_dead(path)), None)
        return None if dead is None else _take(dead, self._folder, unit_id, worker)

    def give_back_dead(self, held: Mapping[str, str], worker: str) -> None:
        """Free what dead workers hold.

        Only some of what is held is watched, and what shows life makes room for others: a thousand
        idle workers would else read a thousand claims each.
        """
        names = {f"{unit}@{other}" for unit, other in held.items()}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        new = sorted(names - self._seen.keys())
        room = max(0, WATCHED - len(self._seen))
        for name in [*self._seen, *random.sample(new, min(room, len(new)))]:
            path, known = self._folder.claims / name, self._seen.get(name)
            if self._is_dead(path):
                claim = _take(path, self._folder, name.partition("@")[0], worker)
                if claim is not None:
                    claim.release(done=False)
            elif known is not None and self._seen[name][0] != known[0] and room < len(new):
                del self._seen[name]

    def _is_dead(self, path: Path) -> bool:
        try:
            beat = path.read_text("utf-8")
        except OSError:
            return False
        before, since = self._seen.get(path.name, (None, 0.0))
        if before != beat:
            self._seen[path.name] = beat, time.monotonic()
            return self._patience <= 0
        return time.monotonic() - since >= self._patience


def _take(path: Path, folder: JobFolder, unit_id: str, worker: str) -> Claim | None:
    mine = folder.claims / f"{unit_id}@{worker}"
    try:
        os.rename(path, mine)
    except FileNotFoundError:
        # Over NFS an answer can get lost after the deed: then the file is there.
        if not mine.exists():
            return None
    except OSError as error:
        raise TemporaryError(f"{folder.claims}: cannot be written ({error.strerror})") from error
    claim = Claim(mine)
    claim.renew(0)
    return claim


def _listed(folder: Path, pattern: str = "*") -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []
