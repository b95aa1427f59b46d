"""`reenact serve`: the bridge for editors."""

import json
import os
import platform
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.options import FILE, Output, output_options
from reenact_cli.show import print_result

if TYPE_CHECKING:
    from reenact_bridge.server import Server


@click.command("serve")
@click.option(
    "--connection-file",
    type=FILE,
    required=True,
    metavar="FILE",
    help="Written when the server is ready, for its owner alone: where it is, and its public key.",
)
@click.option(
    "--bind",
    metavar="ENDPOINT",
    help="tcp://HOST (three free ports), tcp://HOST:PORT (that and the next two) or ipc://FOLDER. "
    "Without it: sockets in a folder of this user alone.",
)
@click.option(
    "--root",
    multiple=True,
    type=FILE,
    metavar="DIR",
    help="A folder that requests may read and write in; no path leads out of them. Without it: "
    "the folder in which the server is started.",
)
@click.option(
    "--store",
    type=FILE,
    metavar="DIR",
    help="Where jobs and logs are kept. Without it: in this user's folder for programs' state.",
)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="auto|cpu|cuda[:N]",
    help="Where networks run; one job at a time on each.  [default: auto]",
)
@click.option("--server-key", type=FILE, metavar="FILE", help="Key file of `reenact keygen`.")
@click.option(
    "--allow",
    type=FILE,
    metavar="FILE",
    help="The list of clients, as `reenact keygen` prints them; read anew when it changes.",
)
@click.option(
    "--jobs-per-client",
    type=click.IntRange(1, 10000),
    default=64,
    show_default=True,
    help="Jobs of one client that may wait or run.",
)
@click.option(
    "--call-seconds",
    type=click.FloatRange(1, 3600),
    default=60,
    show_default=True,
    help="So long a plan, a detection or a frame may be worked at; then it is ended and refused.",
)
@click.option(
    "--call-memory",
    type=click.IntRange(64),
    default=4096,
    show_default=True,
    metavar="MIB",
    help="So much memory one of them may take.",
)
@click.option(
    "--job-silence",
    type=click.FloatRange(1),
    default=1800,
    show_default=True,
    metavar="SECONDS",
    help="A job of which nothing is heard for so long fails, and its process is ended.",
)
@click.option(
    "--live-workers",
    type=click.IntRange(2, 64),
    default=4,
    show_default=True,
    help="Processes for them, started as they are needed; a client has one at a time.",
)
@output_options
def command(output: Output, **given: Any) -> None:
    """Serve editors over ZeroMQ: renders in the background, previews and faces at once.

    One line is printed when clients may come. SIGTERM and Ctrl-C stop the server; jobs that were
    under way go on after the next start.

    \b
    Example:
      reenact serve --connection-file bridge.json --root /show
    """
    from reenact_bridge.limits import Limits
    from reenact_bridge.server import ServeSettings, serve

    settings = ServeSettings(
        given["connection_file"].absolute(),
        tuple(given["root"]) or (Path.cwd(),),
        given["store"] or default_store(),
        given["bind"],
        given["devices"] or ("auto",),
        given["server_key"],
        given["allow"],
        Limits(
            jobs_per_client=given["jobs_per_client"],
            work_s=given["call_seconds"],
            work_bytes=given["call_memory"] * 1024**2,
            silence_s=given["job_silence"],
            live_workers=given["live_workers"],
        ),
    )

    def ready(server: "Server") -> None:
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, lambda *_: server.stop())
        _tell(server, output)

    serve(settings, ready)


def default_store() -> Path:
    """This user's folder for the state of programs."""
    home = Path.home()
    if platform.system() == "Windows":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform.system() == "Darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "reenact" / "bridge"


def _tell(server: "Server", output: Output) -> None:
    file = server.settings.connection_file
    table = {"connection_file": str(file), **server.endpoints, "pid": os.getpid()}
    line = f"reenact serve is ready at {server.endpoints['request']}; clients read {file}"
    said = json.dumps(table, ensure_ascii=False) if output.as_json else line
    print_result({}, [said], as_json=False)  # one line either way
