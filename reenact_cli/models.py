"""`reenact models`: checkpoints listed, verified, imported and fetched."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.networks import models_folder
from reenact_cli.options import FILE, Output, output_options, overwrite_option
from reenact_cli.show import print_result, ticking
from reenact_core.errors import CheckpointError

if TYPE_CHECKING:
    from reenact_core.models.catalogue import Download, KnownCheckpoint
    from reenact_core.models.fetching import Fetched
    from reenact_core.models.inventory import Listed, Verified

COMMERCIAL = {True: "allowed", False: "forbidden", None: "not stated"}

accept_option = click.option(
    "--accept-licence",
    metavar="NAME",
    help="Accept a licence that forbids commercial use, by its name; asked once.",
)


@click.group("models")
def command() -> None:
    """List, verify, import and fetch checkpoints.

    \b
    Example:
      reenact models list
    """


@command.command("list")
@output_options
def list_(output: Output) -> None:
    """Say which checkpoints are known, which are here, and what their licences allow.

    \b
    Example:
      reenact models list
    """
    from reenact_core.models.inventory import checkpoints

    folder = models_folder()
    found = [_listed(entry) for entry in checkpoints((folder,))]
    lines = [line for entry in found for line in _list_lines(entry)]
    result = {"folder": str(folder), "checkpoints": found}
    print_result(result, [*lines, f"folder: {folder}"], as_json=output.as_json)


def _listed(entry: "Listed") -> dict[str, Any]:
    table = asdict(entry)
    table["commercial_use"] = COMMERCIAL[table.pop("commercial")]
    table["path"] = None if entry.path is None else str(entry.path)
    return table


def _list_lines(entry: dict[str, Any]) -> Iterator[str]:
    version = f" {entry['version']}" if entry["version"] else ""
    yield f"{entry['id']}{version} ({entry['architecture']})"
    yield f"  licence: {entry['licence']}; commercial use: {entry['commercial_use']}"
    yield f"  SHA-256: {entry['sha256'] or 'not known'}"
    yield f"  where: {entry['path'] or 'not here; ' + (entry['page'] or entry['origin'])}"


@command.command("verify")
@click.argument("checkpoints", nargs=-1, metavar="[ID|FILE]...")
@output_options
def verify(checkpoints: tuple[str, ...], output: Output) -> None:
    """Read checkpoints whole and compare them with what was released or imported.

    Without a name, all that are here.

    \b
    Example:
      reenact models verify compact
    """
    from reenact_core.models.catalogue import known_checkpoint
    from reenact_core.models.inventory import checkpoints as all_checkpoints
    from reenact_core.models.inventory import verify as verified

    folders = (models_folder(),)
    named: list[tuple[str, Path]]
    if checkpoints:
        named = [(name, _installed(name, folders)) for name in checkpoints]
    else:
        named = [(e.id, e.path) for e in all_checkpoints(folders) if e.path is not None]
    found = [_verified(verified(path, known_checkpoint(name))) for name, path in named]
    lines = [f"{entry['path']}: {entry['architecture']}, {entry['verdict']}" for entry in found]
    print_result({"checkpoints": found}, lines, as_json=output.as_json)


def _installed(name: str, folders: tuple[Path, ...]) -> Path:
    """Where the checkpoint, or the face mesh, of a name lies."""
    from reenact_core.models.catalogue import FACE_MESH, find_checkpoint, installed_files

    if name != FACE_MESH.id:
        return find_checkpoint(name, folders)
    files = installed_files(FACE_MESH, folders)
    if files is None:
        raise CheckpointError(f"{name} is not here; see `reenact models fetch {name}`")
    return files[FACE_MESH.file]


def _verified(found: "Verified") -> dict[str, Any]:
    table = asdict(found)
    return {**table, "path": str(found.path), "files": dict(found.files)}


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--id", "checkpoint_id", metavar="ID", help="What it is; told by its name if known.")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of the numbers written.",
)
@click.option("--config", type=FILE, metavar="YAML", help="Upstream's configuration.")
@click.option("--licence", metavar="SPDX", help="Of weights that are in no catalogue.")
@click.option("-o", "--out", type=FILE, metavar="FILE", help="[default: the models folder]")
@overwrite_option
@accept_option
@output_options
def import_(
    *,
    file: Path,
    checkpoint_id: str | None,
    precision: Any,
    config: Path | None,
    licence: str | None,
    out: Path | None,
    accept_licence: str | None,
    overwrite: bool,
    output: Output,
) -> None:
    """Write an official upstream FILE, or a folder of them, as one safetensors file.

    \b
    Example:
      reenact models import vox-cpk.pth.tar --id fomm-vox --precision fp16
    """
    from reenact_core.engine.out_folder import user_journal
    from reenact_core.models import importing, licences
    from reenact_core.models.catalogue import known_checkpoint

    found = importing.look_at(
        file, checkpoint_id=checkpoint_id, configuration=config, licence=licence
    )
    folder = models_folder()
    licences.require(
        found.licence,
        commercial=found.commercial,
        what=str(file),
        folder=folder,
        accepting=accept_licence,
    )
    entry = known_checkpoint(found.id)
    target = out or folder / (entry.file if entry else f"{found.id}.safetensors")
    if target.resolve() in {source.resolve() for source in found.sources}:
        raise CheckpointError(f"{file} would be overwritten; choose another name with -o")
    journal = user_journal(target.parent, "models import", overwrite=overwrite)
    journal.require([target])
    written = importing.write(found, target, precision=precision)
    journal.note(target, target)
    size = target.stat().st_size
    result = {"path": str(target), "bytes": size, "metadata": dict(written.metadata)}
    allowed = COMMERCIAL[found.commercial]
    lines = [
        f"{target}: {found.method.id}, {written.tensors} tensors, {size / 1e6:.1f} MB",
        f"licence: {found.licence}; commercial use: {allowed}",
    ]
    print_result(result, lines, as_json=output.as_json)


@command.command("fetch")
@click.argument("checkpoint")
@click.option("--mirror", metavar="URL", help="Where the files lie instead, under their names.")
@click.option("--offline", is_flag=True, help="Reach no network: verify what is here, or refuse.")
@accept_option
@output_options
def fetch(
    *,
    checkpoint: str,
    mirror: str | None,
    offline: bool,
    accept_licence: str | None,
    output: Output,
) -> None:
    """Download a CHECKPOINT of the catalogue, going on where a download broke off.

    \b
    Example:
      reenact models fetch liveportrait
    """
    from reenact_core.models import licences

    entry = _fetchable(checkpoint)
    folder = models_folder()
    missing = [file for file in entry.downloads if not (folder / file.name).is_file()]
    if missing:
        _refuse(entry, missing, mirror, offline=offline)
        licences.require(
            entry.licence,
            commercial=entry.commercial,
            what=entry.id,
            folder=folder,
            accepting=accept_licence,
        )
    found = [_fetch(file, mirror, folder, output) for file in entry.downloads]
    result = {"id": entry.id, "licence": entry.licence, "files": [_fetched(file) for file in found]}
    print_result(result, [_fetched_line(file) for file in found], as_json=output.as_json)


def _fetchable(checkpoint: str) -> "KnownCheckpoint":
    from reenact_core.models.catalogue import FETCHABLE, known_checkpoint

    entry = next((known for known in FETCHABLE if known.id == checkpoint), None)
    if entry is not None:
        return entry
    if (known := known_checkpoint(checkpoint)) is not None:
        raise CheckpointError(f"{checkpoint} {known.origin}; there is nothing to fetch")
    ids = ", ".join(known.id for known in FETCHABLE)
    raise CheckpointError(
        f"{checkpoint} is no checkpoint that is known and can be fetched; known: {ids}"
    )


def _refuse(
    entry: "KnownCheckpoint", missing: "list[Download]", mirror: str | None, *, offline: bool
) -> None:
    """Say what stands in the way before anything is fetched."""
    names = ", ".join(file.name for file in missing)
    if offline:
        raise CheckpointError(
            f"{entry.id}: {names} would have to be fetched, and --offline forbids it; put what "
            f"{entry.page} offers into {models_folder()}"
        )
    if mirror is None and any(file.url is None for file in missing):
        raise CheckpointError(
            f"{entry.id}: upstream has no address for {names} but a page for browsers, "
            f"{entry.page}; fetch it there and put it into {models_folder()}, or name a mirror "
            "with --mirror"
        )


def _fetch(file: "Download", mirror: str | None, folder: Path, output: Output) -> "Fetched":
    from reenact_core.models.fetching import Fetched, address, check, fetch

    path = folder / file.name
    if path.is_file():
        return check(file, path)
    url = address(file, mirror)
    assert url is not None  # `_refuse` saw to it
    with ticking(file.name, output.progress) as tell:
        for event in fetch(file, url, folder):
            if isinstance(event, Fetched):
                return event
            tell(event.done, event.total or event.done)
    raise AssertionError(f"{url} ended without a file")


def _fetched(file: "Fetched") -> dict[str, Any]:
    return {**asdict(file), "path": str(file.path)}


def _fetched_line(file: "Fetched") -> str:
    known = "as released" if file.compared else "its hash is not known: nothing to compare with"
    return f"{file.path}: {file.size / 1e6:.1f} MB, SHA-256 {file.sha256}, {known}"
