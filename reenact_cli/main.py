"""The command group, and the one place where errors become exit codes.

0 done, 2 usage, 3 some shots failed and the others are done, 4 bad input, 5 device,
130 interrupted; 1 is a bug of ours. An error is one sentence on stderr; with `--json` it is also
the object on stdout.
"""

import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from reenact_cli.show import mute, print_json, say
from reenact_core.errors import ReenactError
from reenact_core.version import __version__

COMMANDS = (
    "demo", "render", "animate", "track", "inspect", "models", "synth", "prepare", "train",
    "evaluate", "bench", "farm", "serve", "keygen", "verify", "doctor",
)  # fmt: skip
"""In the order of `reenact --help`; each lives in the file of its name."""

INTERRUPTED = 130
DEVICE = 5
BAD_INPUT = 4
BUG = 1
BROKEN_PIPE = 141


class _Commands(click.Group):
    """The commands, each imported only when it is named, or all for `--help`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"reenact_cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reenact")
def reenact() -> None:
    """Re-enact faces in edited video: a timeline goes in, a timeline comes out.

    \b
    Begin with:
      reenact demo -o demo
      reenact render cut.otio -o out
    """


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    # Threads that spin while they wait for each other halve the speed of a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    status = run(sys.argv[1:])
    _flush()
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """The exit status of one command line."""
    debug = "--debug" in arguments
    as_json = "--json" in arguments
    if not debug:
        warnings.simplefilter("ignore")
    try:
        status: Any = reenact.main(list(arguments), prog_name="reenact", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return _told(error.exit_code, "usage", error.format_message(), as_json)
    except BaseException as error:
        if debug and not isinstance(error, SystemExit):
            traceback.print_exc()
        return status_of(error, as_json)


def status_of(error: BaseException, as_json: bool) -> int:
    """Tell of an error, and the exit status it stands for."""
    if isinstance(error, ReenactError):
        return _failed(error.exit_status, error.code, str(error), as_json)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _failed(
            INTERRUPTED, "interrupted", "Interrupted; nothing half-made is left.", as_json
        )
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else BUG
    if isinstance(error, MemoryError):
        return _failed(DEVICE, "device", "Out of memory; use smaller batches or lanes.", as_json)
    if isinstance(error, OSError):
        return _operating_system(error, as_json)
    kind = type(error).__name__
    sentence = (
        f"A bug in reenact: {kind}: {error}; run again with --debug and report what it prints."
    )
    return _failed(BUG, "bug", sentence, as_json)


def _operating_system(error: OSError, as_json: bool) -> int:
    if error.errno == errno.EPIPE:
        mute()
        return BROKEN_PIPE
    where = f"{error.filename}: " if error.filename is not None else ""
    said = str(error.strerror or error)
    if error.errno == errno.ENOSPC:
        said = "the disk is full; free some space and run the same command again"
    return _failed(BAD_INPUT, "file", f"{where}{said}", as_json)


def _failed(status: int, code: str, sentence: str, as_json: bool) -> int:
    say(f"Error: {' '.join(sentence.split())}")
    return _told(status, code, sentence, as_json)


def _told(status: int, code: str, sentence: str, as_json: bool) -> int:
    if as_json:
        print_json({"error": {"code": code, "message": sentence}})
    return status


def _flush() -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        mute()
