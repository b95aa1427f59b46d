"""A run of `reenact train` from its configuration to its checkpoint."""

import platform
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reenact_core.devices import Compute, choose_compute, out_of_memory_named
from reenact_core.errors import CheckpointError
from reenact_core.settings import to_table
from reenact_core.version import __version__
from reenact_training.adversary import Adversary
from reenact_training.clips import Tell
from reenact_training.config import TrainConfig, refuse_changes
from reenact_training.data import RunData, open_data
from reenact_training.export import export
from reenact_training.learner import Learner
from reenact_training.networks import (
    begin_networks,
    configuration_of,
    origin,
    reader_of,
    teach,
)
from reenact_training.processes import Group
from reenact_training.run_folder import Record, RunFolder
from reenact_training.run_state import RunState
from reenact_training.train import Event, HeldOut, new_optimizer, train


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """All that a run is made of."""

    config: TrainConfig
    folder: RunFolder
    data: RunData
    learner: Learner
    state: RunState
    group: Group
    facts: dict[str, Any]
    """What a state says of the run: its configuration, processes, data and origin."""

    @property
    def held_out(self) -> HeldOut | None:
        """What is measured; in several processes at least one batch for each."""
        if self.data.held_out is None:
            return None
        least = self.config.train.batch * self.group.size
        count = max(self.config.watch.examples, least)
        return HeldOut(self.data.held_out, count, self.config.watch.every)


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the run to stop."""

    asked: bool = False

    def __call__(self) -> bool:
        return self.asked


def open_session(
    config: TrainConfig, group: Group, *, folders: tuple[Path, ...] = (),
    tell: Tell = lambda done, total: None,
) -> Session:  # fmt: skip
    """Look at the data, and build what a new run begins with.

    Args:
        folders: where the user's checkpoints lie.
        tell: called with the clips that were looked at, and all of them.

    Raises:
        MediaError: the data cannot be used. CheckpointError: `init` cannot.
        DeviceError: there is no such device, or it is too small.
    """
    compute = Compute(group.device, config.precision)
    network = begin_networks(config, folders)
    reader = reader_of(network, group.device)
    with out_of_memory_named(compute):
        learner = teach(network, config, compute)
    if group.size > 1 and group.device != "cpu":  # norms see the whole batch
        convert = torch.nn.SyncBatchNorm.convert_sync_batchnorm
        convert(learner)  # type: ignore[no-untyped-call]  # in place: no norm is the outermost
    data = open_data(config, reader, group.device, tell)
    critic = config.critic
    adversary = Adversary(critic, group.device) if critic.adversarial > 0 else None
    state = RunState.start(learner.network, new_optimizer(learner, config.train), adversary)
    state.scaler = torch.amp.GradScaler(
        group.device.partition(":")[0], enabled=config.precision == "fp16"
    )
    facts = {
        "config": to_table(config),
        "processes": group.size,
        "data": data.fingerprint(),
        "origin": origin(config, folders),
    }
    state.facts = facts
    return Session(config, RunFolder(config.out), data, learner, state, group, facts)


def run_session(session: Session, *, resume: bool, stop: Stop) -> Iterator[Event]:
    """Train, write down what happens, and export at the end.

    Raises:
        SettingsError: a run lies in the folder and is not resumed, or was begun otherwise.
        CheckpointError: there is nothing to resume, or it is damaged.
        as `train` does.
    """
    with session.folder.held() if session.group.leads else nullcontext():
        if resume:
            continue_from(session)
        elif session.group.leads:
            session.folder.begin()
        session.group.wait()
        yield from _recorded(session, stop)
        if session.group.leads and session.state.step == session.config.train.steps:
            write_checkpoint(session)


def _recorded(session: Session, stop: Stop) -> Iterator[Event]:
    """The events of the loop, each written down before it is told."""
    config, group, folder = session.config, session.group, session.folder
    record = Record(folder, tensorboard=config.watch.tensorboard) if group.leads else None
    events = train(
        session.learner, session.data.training, session.state, config.train, folder.state,
        group=group, held_out=session.held_out, stopped=stop,
    )  # fmt: skip
    try:
        with out_of_memory_named(Compute(group.device)):
            for event in events:
                if record is not None:
                    record.write(event)
                yield event
    finally:
        events.close()
        if record is not None:
            record.close()


def continue_from(session: Session) -> None:
    """Load the last good state of the folder's run, which must be the same run.

    Raises: as `run_session`.
    """
    found = session.folder.facts()
    if found is None:
        raise CheckpointError(
            f"{session.folder.path}: holds no run to go on with; start without --resume"
        )
    refuse_changes(_decisive(found), _decisive(session.facts), session.folder.path)
    session.state.load(session.folder.state)
    session.state.facts = session.facts
    if session.group.leads:
        session.folder.rewind(session.state.step)


def _decisive(facts: dict[str, Any]) -> dict[str, Any]:
    """What must be the same when a run goes on, under names that people know."""
    clips = {
        "the clips in `data`": facts.get("data"),
        "the number of processes": facts.get("processes"),
    }
    return {**facts.get("config", {}), **clips, "the file of `init`": facts.get("origin")}


def write_checkpoint(session: Session) -> None:
    """The mean of the weights, as a file that `--checkpoint` takes."""
    with session.state.with_mean():
        export(
            session.learner.network, session.folder.checkpoint,
            architecture=session.config.model,
            configuration=configuration_of(session.learner.network),
            licence=session.config.licence, training=provenance(session),
        )  # fmt: skip


def provenance(session: Session) -> dict[str, Any]:
    """How the weights came to be: no paths, but names of folders and what is needed to repeat."""
    config = session.config
    names = [Path(name).name for name in config.folders] + ["synthetic heads"] * config.draws
    table = to_table(config)
    for private in ("out", "data", "held_out", "device", "init"):
        table.pop(private)
    return {
        "data": names,
        "clips": len(session.data.clips),
        "steps": session.state.step,
        "began_from": session.facts["origin"],
        "configuration": table,
        "processes": session.group.size,
        "reenact": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


@contextmanager
def stopping(stop: Stop) -> Iterator[None]:
    """In which the first SIGTERM or SIGINT asks to stop, and a second one interrupts at once."""

    def ask(number: int, frame: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    before = {kind: signal.signal(kind, ask) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def device_of(config: TrainConfig) -> str:
    """The device that the configuration asks for.

    Raises:
        DeviceError: there is none such, or it does not run in that precision.
    """
    return choose_compute(config.device, config.precision).device
