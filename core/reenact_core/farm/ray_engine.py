"""N workers as actors of a Ray cluster, each with its networks loaded once; the dead come back.

All that a job has is in its folder: this process may be killed and started again, and workers of
other engines may help meanwhile. Ray carries names of units and what became of them, no pictures.
"""

import logging
import os
import random
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reenact_core.errors import ReenactError, SettingsError
from reenact_core.farm.board import Board, look
from reenact_core.farm.claims import STEAL_SECONDS, Watcher
from reenact_core.farm.deaths import Death, Deaths
from reenact_core.farm.job_folder import JobFolder, StoppedError, worker_name
from reenact_core.farm.plan import FarmPlan
from reenact_core.farm.records import OF_ONE_SHOT, TEMPORARY, back_off_seconds
from reenact_core.farm.worker import UnitFailed, run_unit

if TYPE_CHECKING:
    from reenact_core.farm.desk import Desk

MakeDesk = Callable[[str], "Desk"]
"""A place in the job for a worker of that name; called where the worker runs."""
STORE_BYTES = 100 << 20
"""Of shared memory: no pictures go through it."""
_LOOK_SECONDS = 0.5


class _Worker:
    """What runs in an actor."""

    def __init__(self, make_desk: MakeDesk, name: str, steal_after: float) -> None:
        self._make, self._name, self._steal_after = make_desk, name, steal_after
        self._desk: Desk | None = None
        self._asked = False

    def open(self) -> str | None:
        """Take a place in the job; why not, where that cannot be."""
        try:
            self._desk = self._make(self._name)
        except ReenactError as error:
            return str(error)
        return None

    def do(self, unit_id: str) -> str | None:
        """Do a unit; why this worker can do no more, where that is so."""
        assert self._desk is not None
        watcher = Watcher(self._desk.folder, self._steal_after)
        unit = self._desk.plan.by_id[unit_id]
        run = run_unit(unit, self._desk, watcher, lambda: self._asked)
        try:
            while True:
                next(run)
        except StopIteration as stop:
            outcome = stop.value
        except StoppedError:
            return None
        if isinstance(outcome, UnitFailed):
            failure = outcome.failure
            if failure.exit == TEMPORARY:
                time.sleep(back_off_seconds(failure))
            elif failure.exit not in OF_ONE_SHOT:
                return failure.message
        return None

    def stop(self) -> None:
        """Finish the frame and give the unit back."""
        self._asked = True


@dataclass(slots=True, eq=False)
class _Member:
    """An actor, and what it is at."""

    actor: Any
    name: str
    unit: str | None = None
    """None: it is opening its place in the job, or has nothing to do."""
    is_ready: bool = False


def run_ray(
    folder: JobFolder,
    plan: FarmPlan,
    make_desk: MakeDesk,
    workers: int | None,
    *,
    gpus: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
    steal_after: float = STEAL_SECONDS,
    shots: Collection[str] | None = None,
) -> Generator[Board, None, None]:
    """Run workers until no unit is left that can be done; yields how the job stands, now and then.

    Closing the iterator, or `stopped`, ends the workers: each finishes its frame.

    Args:
        workers: None: one for two cores of the cluster, or one a GPU
        gpus: of each worker; a fraction lets several share one
        shots: ids of those that are done; None: all

    Raises:
        SettingsError: Ray is not installed, its cluster not there, or no worker can do anything.
    """
    with _cluster() as ray:
        count = workers or _fitting(ray, gpus)
        crew = _Crew(ray, folder, plan, Watcher(folder, steal_after), shots)
        remote = ray.remote(
            num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=0, max_concurrency=2
        )(_Worker)
        with _ended(crew):
            for _ in range(count):
                name = worker_name()
                crew.add(_Member(remote.remote(make_desk, name, steal_after), name))
            while not stopped():
                crew.hear()
                yield crew.look()
                if crew.board.is_over and not crew.at_work:
                    return
                crew.hand_out()


class _Crew:
    """The actors of a job; each has one thing to do at a time."""

    def __init__(
        self,
        ray: Any,
        folder: JobFolder,
        plan: FarmPlan,
        watcher: Watcher,
        shots: Collection[str] | None,
    ) -> None:
        self._ray, self._folder, self._watcher = ray, folder, watcher
        self.board = Board(plan, shots)
        self._deaths = Deaths(folder, plan)
        self.members: list[_Member] = []
        self._pending: dict[Any, _Member] = {}

    @property
    def at_work(self) -> dict[str, _Member]:
        """The units that were handed out and have not come back."""
        return {m.unit: m for m in self._pending.values() if m.unit is not None}

    def add(self, member: _Member) -> None:
        """Let an actor take its place in the job."""
        if member not in self.members:
            self.members.append(member)
        member.unit, member.is_ready = None, False
        self._pending[member.actor.open.remote()] = member

    def hear(self) -> None:
        """Take in what has come back.

        Raises:
            SettingsError: no worker is left that can do anything.
        """
        if not self._pending:
            time.sleep(_LOOK_SECONDS)
            return
        refs = list(self._pending)
        ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=_LOOK_SECONDS / 10)
        if not ready:
            ready, _ = self._ray.wait(refs, num_returns=1, timeout=_LOOK_SECONDS)
        for ref in ready:
            self._settle(self._pending.pop(ref), ref)

    def _settle(self, member: _Member, ref: Any) -> None:
        unit, member.unit = member.unit, None
        try:
            refusal = self._ray.get(ref)
        except self._ray.exceptions.RayActorError:
            held = [] if unit is None else [(unit, member.name)]
            self._deaths.mourn(held, Death("Ray's word"))
            self.add(member)  # it comes back by itself, and opens its place again
            return
        if refusal is None:
            member.is_ready = True
            return
        self.members.remove(member)
        self._ray.kill(member.actor)
        if not self.members:
            raise SettingsError(f"no worker of the Ray cluster can go on: {refusal}")

    def look(self) -> Board:
        """The board as it is now; what workers that are not ours left behind is freed."""
        self._folder.check()
        look(self.board, self._folder)
        ours = {member.name for member in self.members}
        others = {unit: name for unit, name in self.board.held.items() if name not in ours}
        self._watcher.give_back_dead(others, f"{worker_name()}-driver")
        return self.board

    def hand_out(self) -> None:
        """A unit for every actor that has none."""
        busy = {id(member) for member in self._pending.values()}
        idle = [m for m in self.members if m.is_ready and id(m) not in busy]
        taken, tries = self.at_work, self.board.tries(random.Random())
        for member in idle:
            unit = next((unit for unit in tries if unit.id not in taken), None)
            if unit is None:
                return
            member.unit = unit.id
            self._pending[member.actor.do.remote(unit.id)] = member

    def end(self) -> None:
        """Let every actor finish its frame, and end it."""
        with suppress(self._ray.exceptions.RayError):
            for member in self.members:
                member.actor.stop.remote()
            working = [ref for ref, member in self._pending.items() if member.unit is not None]
            if working:
                self._ray.wait(working, num_returns=len(working), timeout=30)
            for member in self.members:
                self._ray.kill(member.actor)


@contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected to the cluster that `RAY_ADDRESS` names, or to one of this machine alone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the network
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise SettingsError("Ray is not installed; pip install 'reenact[ray]'") from error
    try:
        given: dict[str, Any]
        given = {} if "RAY_ADDRESS" in os.environ else {"object_store_memory": STORE_BYTES}
        ray.init(logging_level=logging.ERROR, log_to_driver=False, include_dashboard=False, **given)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SettingsError(f"no Ray cluster can be reached: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _ended(crew: _Crew) -> Iterator[None]:
    try:
        yield
    finally:
        crew.end()


def _fitting(ray: Any, gpus: float) -> int:
    there = ray.cluster_resources()
    if gpus:
        return max(1, int(there.get("GPU", 0) / gpus))
    return max(1, int(there.get("CPU", 2)) // 2)
