"""`reenact keygen`: CURVE keys for the bridge."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reenact_cli.options import FILE, Output, output_options
from reenact_cli.show import print_result

if TYPE_CHECKING:
    from reenact_bridge.keys import KeyPair


@click.command("keygen")
@click.option(
    "-o",
    "--out",
    type=FILE,
    required=True,
    metavar="FILE",
    help="The key file to write; its owner alone can read it.",
)
@click.option("--name", default="client", show_default=True, help="Of the client, for the list.")
@click.option(
    "--role",
    type=click.Choice(["viewer", "submit", "admin"]),
    default="submit",
    show_default=True,
    help="viewer: sees how far jobs are; submit: has jobs of its own; admin: may do everything.",
)
@click.option(
    "--force",
    "--overwrite",
    "force",
    is_flag=True,
    help="Take the place of a key that is there already.",
)
@output_options
def command(output: Output, out: Path, name: str, role: str, force: bool) -> None:
    """Make a key pair for a server or for a client of the bridge.

    A client's public key goes on the server's list with the lines that are printed; a server's
    goes nowhere, since the connection file tells it.

    \b
    Example:
      reenact keygen -o anna.key --name anna --role submit
    """
    from reenact_bridge.keys import make_keys, write_keys

    keys = make_keys()
    write_keys(out, keys, overwrite=force)
    result = {"file": str(out), "public": keys.public, "name": name, "role": role}
    print_result(result, _lines(keys, out, name, role), as_json=output.as_json)


def _lines(keys: "KeyPair", out: Path, name: str, role: str) -> list[str]:
    import json

    return [
        f"wrote {out}; its public key is {keys.public}",
        "For the list of a server (--allow):",
        "",
        "[[client]]",
        f"name = {json.dumps(name)}",
        f"key = {json.dumps(keys.public)}",
        f'role = "{role}"',
    ]
