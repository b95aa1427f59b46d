"""`reenact train`: a network taught by clips or drawn heads, from a configuration."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.networks import models_folder
from reenact_cli.options import FILE, Output, output_options
from reenact_cli.show import ProgressStyle, print_result, say, ticking
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_training.session import Session
    from reenact_training.train import Event

INTERRUPTED = 130
_LINE_SECONDS = 0.5
"""JSON lines about steps come no closer than this."""


@click.command("train")
@click.argument("config", type=FILE, metavar="CONFIG.toml")
@click.option("--resume", is_flag=True, help="Go on where the run in the folder was stopped.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Make a few steps, and say what the run will take; save nothing.",
)
@output_options
def command(config: Path, resume: bool, dry_run: bool, output: Output) -> int:
    """Teach networks as CONFIG.toml says, and write their checkpoint.

    Ctrl-C and SIGTERM stop the run after the step under way, with its state saved; --resume then
    goes on as if it had never been stopped. For several GPUs: torchrun -m reenact_training.

    \b
    Example:
      reenact train actor.toml --dry-run
      reenact train actor.toml
    """
    from reenact_training.config import read_config
    from reenact_training.processes import started
    from reenact_training.session import Stop, device_of, open_session, run_session, stopping

    read, stop = read_config(config), Stop()
    with started(device_of(read)) as group:
        with ticking("look at clips", output.progress) as tick:
            session = open_session(read, group, folders=(models_folder(),), tell=tick)
        _tell_left_out(session, output)
        if dry_run:
            return _rehearse(session, output)
        measured: list[dict[str, Any]] = []
        with stopping(stop), _progress(read.train.steps, output.progress) as show:
            for event in run_session(session, resume=resume, stop=stop):
                show(event, measured)
    result = _result(session, measured)
    print_result(result, _lines(result), as_json=output.as_json)
    return 0 if result["checkpoint"] else INTERRUPTED


def _tell_left_out(session: "Session", output: Output) -> None:
    left_out = session.data.left_out
    if left_out.clips and output.progress != "none":
        say(f"left out, {len(left_out.clips)} of {amount(left_out.total, 'clip')}:")
        for name, why in left_out.clips.items():
            say(f"  {name}: {why}")


def _rehearse(session: "Session", output: Output) -> int:
    from reenact_training.rehearsal import rehearse

    told = asdict(rehearse(session))
    print_result(told, _rehearsed(told), as_json=output.as_json)
    return 0


def _rehearsed(told: dict[str, Any]) -> Iterator[str]:
    sizes = ", ".join(f"{name} {count:,}" for name, count in told["networks"].items())
    yield f"weights: {sizes}; trained {told['trained']:,}"
    yield f"clips: {told['clips']} to learn from, {told['held_out_clips']} held out"
    yield f"examples a step: {told['examples_a_step']}"
    yield f"seconds a step: {told['step_seconds']:.2f}; all steps: {_duration(told['run_seconds'])}"
    yield f"memory: {told['memory_bytes'] / 2**20:,.0f} MiB"
    yield f"on disk: two states of {told['state_bytes'] / 2**20:,.0f} MiB, and the checkpoint"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"about {minutes // 60} h {minutes % 60} min" if minutes >= 90 else f"about {minutes} min"
    )


def _result(session: "Session", measured: list[dict[str, Any]]) -> dict[str, Any]:
    done = session.state.step == session.config.train.steps
    return {
        "steps": session.state.step,
        "of": session.config.train.steps,
        "folder": str(session.folder.path),
        "checkpoint": str(session.folder.checkpoint) if done else None,
        "held_out": measured,
        "left_out": session.data.left_out.clips,
    }


def _lines(result: dict[str, Any]) -> Iterator[str]:
    if len(result["held_out"]) > 1:
        first, last = result["held_out"][0], result["held_out"][-1]
        yield (
            f"held-out loss: {first['total']:.4f} at step {first['step']}, "
            f"{last['total']:.4f} at step {last['step']}; "
            f"PSNR {first['psnr']:.2f} dB, {last['psnr']:.2f} dB"
        )
    if result["checkpoint"]:
        yield f"wrote {result['checkpoint']}"
    else:
        yield (
            f"stopped after step {result['steps']} of {result['of']}; the state is saved in "
            f"{result['folder']}, --resume goes on"
        )


class _Show:
    """Shows the events of a run on stderr, as a bar, as JSON lines, or not."""

    def __init__(self, style: str, bar: Any) -> None:
        self._style = style
        self._bar = bar
        self._last = 0.0

    def __call__(self, event: "Event", measured: list[dict[str, Any]]) -> None:
        from reenact_training.train import Measured, Stepped

        if isinstance(event, Measured):
            values = {"step": event.step, **event.values}
            measured.append(values)
            self._measured(values)
        elif isinstance(event, Stepped):
            self._stepped(event.step, event.values["total"])

    def _stepped(self, step: int, loss: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            self._bar.update(step - self._bar.n)
        elif self._style == "json" and time.monotonic() - self._last > _LINE_SECONDS:
            self._last = time.monotonic()
            say(json.dumps({"event": "progress", "stage": "train", "done": step, "loss": loss}))

    def _measured(self, values: dict[str, Any]) -> None:
        if self._bar is not None:
            told = f"step {values['step']}: held-out loss {values['total']:.4f}"
            self._bar.write(f"{told}, PSNR {values['psnr']:.2f} dB", file=sys.stderr)
        elif self._style == "json":
            say(json.dumps({"event": "held_out", **values}))


@contextmanager
def _progress(steps: int, style: ProgressStyle) -> Iterator[_Show]:
    chosen = style if style != "auto" else "tqdm" if sys.stderr.isatty() else "none"
    if chosen != "tqdm":
        yield _Show(chosen, None)
        return
    from tqdm import tqdm

    with tqdm(desc="train", total=steps, file=sys.stderr) as bar:
        yield _Show(chosen, bar)
