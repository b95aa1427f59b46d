"""`torchrun -m reenact_training CONFIG.toml`: a run in several processes, or in this one."""

import argparse
import sys
import time
from pathlib import Path

from reenact_core.errors import ReenactError
from reenact_training.config import read_config
from reenact_training.processes import Group, started
from reenact_training.session import (
    Stop,
    device_of,
    open_session,
    run_session,
    stopping,
)
from reenact_training.train import Event, Measured, Saved, Stepped

INTERRUPTED = 130
SHOWN_SECONDS = 2.0
"""From one line about steps to the next."""


def main() -> int:
    """The exit status: 0 done, 130 stopped with a saved state, else as the error says."""
    parser = argparse.ArgumentParser("reenact_training", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG.toml")
    parser.add_argument("--resume", action="store_true", help="go on where the run was stopped")
    arguments = parser.parse_args()
    try:
        config = read_config(arguments.config)

        stop = Stop()
        with started(device_of(config)) as group, stopping(stop):
            session = open_session(config, group)
            shown = _Lines(group, config.train.steps)
            for event in run_session(session, resume=arguments.resume, stop=stop):
                shown.show(event)
    except ReenactError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return error.exit_status
    return INTERRUPTED if session.state.step < config.train.steps else 0


class _Lines:
    """Tells of a run in lines, in the process that leads."""

    def __init__(self, group: Group, steps: int) -> None:
        self._speaks = group.leads
        self._steps = steps
        self._last = 0.0

    def show(self, event: Event) -> None:
        if not self._speaks:
            return
        if isinstance(event, Stepped) and time.monotonic() - self._last > SHOWN_SECONDS:
            self._last = time.monotonic()
            print(f"step {event.step}/{self._steps}: loss {event.values['total']:.4f}", flush=True)
        if isinstance(event, Measured):
            values = event.values
            print(f"step {event.step}: held-out loss {values['total']:.4f}, "
                  f"PSNR {values['psnr']:.2f} dB", flush=True)  # fmt: skip
        if isinstance(event, Saved):
            print(f"step {event.step}: saved", flush=True)


if __name__ == "__main__":
    sys.exit(main())
