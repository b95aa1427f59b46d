"""The folder of a training run.

RUN/state/, RUN/state.last/    the last good state, and the one before
RUN/log.jsonl                  one JSON object for each step and each measurement
RUN/strips/000200.png          driving frames, truth and new faces of held-out examples
RUN/tensorboard/               where that is asked for
RUN/checkpoint.safetensors     the mean of the weights, at the end
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact_core.errors import OutputError, SettingsError
from reenact_core.files import lock_for_life, written_whole
from reenact_training.preview import strip
from reenact_training.run_state import facts_of, whole_state
from reenact_training.train import Event, Measured, Stepped


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps what it makes."""

    path: Path

    @property
    def state(self) -> Path:
        """The folder of the last good state."""
        return self.path / "state"

    @property
    def log(self) -> Path:
        """What was measured in each step."""
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        """What the run is for."""
        return self.path / "checkpoint.safetensors"

    def facts(self) -> dict[str, Any] | None:
        """What the run that lies here says of itself; None where there is none."""
        found = whole_state(self.state)
        return None if found is None else facts_of(found)

    @contextmanager
    def held(self) -> Iterator[None]:
        """In which no other process can train in the folder.

        Raises:
            OutputError: another one does, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            stream = (self.path / ".lock").open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error
        with stream:
            try:
                lock_for_life(stream)
            except OSError as error:
                raise OutputError(
                    f"{self.path}: another process trains in it; wait, or give another `out`"
                ) from error
            yield

    def begin(self) -> None:
        """Make ready for a new run.

        Raises:
            SettingsError: a run lies here already.
        """
        facts = self.facts()
        if facts is not None:
            raise SettingsError(
                f"{self.path}: holds a run of {facts['step']} steps already; go on with --resume, "
                "or give another `out`"
            )
        if self.checkpoint.exists():
            raise SettingsError(
                f"{self.checkpoint}: is there already and of no run; give another `out`"
            )
        self.log.write_text("", "utf-8")

    def rewind(self, step: int) -> None:
        """Forget what was logged after a step, at the start all of it: it will be done again."""
        if step == 0 or not self.log.is_file():
            self.log.write_text("", "utf-8")
            return
        kept = [line for line in self.log.read_text("utf-8").splitlines() if _step(line) <= step]
        with written_whole(self.log) as partial:
            partial.write_text("".join(f"{line}\n" for line in kept), "utf-8")


class Record:
    """Writes down the events of a run as they pass."""

    def __init__(self, folder: RunFolder, *, tensorboard: bool) -> None:
        """Raises SettingsError where TensorBoard is asked for and not installed."""
        self._folder = folder
        self._board = _board(folder.path / "tensorboard") if tensorboard else None

    def write(self, event: Event) -> None:
        """Into the log, and to TensorBoard; strips as pictures."""
        if isinstance(event, Stepped):
            self._log("train", event.step, event.values)
        if isinstance(event, Measured):
            self._log("held_out", event.step, event.values)
            self._strip(event)

    def close(self) -> None:
        """Write what is still in memory."""
        if self._board is not None:
            self._board.close()

    def _log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        line = json.dumps({"step": step, "kind": kind, **values})
        with self._folder.log.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def _strip(self, event: Measured) -> None:
        from PIL import Image  # training itself does without

        pixels = strip(event.examples, event.faces)
        with written_whole(self._folder.path / "strips" / f"{event.step:06d}.png") as partial:
            Image.fromarray(pixels).save(partial)
        if self._board is not None:
            self._board.add_image("held_out", pixels, event.step, dataformats="HWC")


def _board(path: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingsError(
            "watch.tensorboard: TensorBoard is not installed; pip install 'reenact[tensorboard]'"
        ) from error
    return SummaryWriter(str(path))


def _step(line: str) -> float:
    """Of a line of the log; a line cut short counts as the last."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
