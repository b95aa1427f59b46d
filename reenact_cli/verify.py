"""`reenact verify`: what a file says of how it was made, and whether that can be believed."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.options import FILE, Output, output_options
from reenact_cli.show import print_result

if TYPE_CHECKING:
    from reenact_core.provenance.verify import Report


@click.command("verify")
@click.argument("file", type=FILE)
@click.option(
    "--trust",
    type=FILE,
    metavar="ROOTS.pem",
    help="Root certificates to trust.  [default: those of provenance.toml]",
)
@output_options
@click.pass_context
def command(ctx: click.Context, /, output: Output, file: Path, trust: Path | None) -> None:
    """Read every mark by which FILE says that it is synthetic, and see whether it is unchanged.

    FILE is a video or picture, a sequence's folder or pattern, the folder of a run, or a timeline
    that reenact wrote. The exit status is 0 when credentials are there and valid, 3 when there are
    none that are valid, 4 when the file was changed after it was signed or cannot be read.

    \b
    Example:
      reenact verify out/sh010.mov
    """
    from reenact_core.provenance.config import read_config, user_config_folder
    from reenact_core.provenance.identity import local_identity
    from reenact_core.provenance.verify import verify

    folder = user_config_folder()
    reports = verify(file, trust or read_config(folder).trust, local_identity(folder))
    tables = [_table(report) for report in reports]
    status = max(report.status for report in reports)
    lines = [line for table in tables for line in _lines(table)]
    print_result({"status": status, "files": tables}, lines, as_json=output.as_json)
    ctx.exit(status)


def _table(report: "Report") -> dict[str, Any]:
    return {
        "file": str(report.path),
        "status": report.status,
        "synthetic": report.synthetic,
        "missing": report.missing,
        "credentials": asdict(report.credentials),
        "xmp": report.xmp,
        "comment": report.comment,
        "run_record": None if report.record is None else str(report.record),
        "recorded": report.recorded,
        "timeline": report.timeline,
    }


_STATES = {
    "valid": "valid: the file is as it was when it was signed",
    "changed": "BROKEN: the file was changed after it was signed",
    "expired": "no longer valid: the certificate has ended, and there is no time stamp",
    "broken": "BROKEN: they are damaged, or do not belong to this file",
    "remote": "not looked at: they lie on a server, which is not asked",
    "none": "none",
    "unread": "not looked at: the C2PA library is not installed (pip install c2pa-python)",
}
_RECORDED = {
    "same": "names the file, with the content that it has",
    "other": "names the file, but with other content: it was changed after the run",
    "named": "names the sequence that it is of",
}


def _lines(table: dict[str, Any]) -> Iterator[str]:
    yield f"{table['file']}: {_verdict(table)}"
    if table["missing"]:
        return
    found = table["credentials"]
    where = {"embedded": "in the file, ", "sidecar": "beside the file, "}.get(found["where"], "")
    yield f"  credentials  {where}{_STATES[found['state']]}"
    yield from (f"               {line}" for line in _about(found))
    yield f"  XMP          {_name(table['xmp'])}"
    yield f"  comment      {table['comment'] or 'none'}"
    if table["run_record"] is None:
        yield "  run record   none"
    else:
        yield f"  run record   {table['run_record']} {_RECORDED[table['recorded']]}"
    if table["timeline"] is not None:
        yield f"  timeline     says that the file is {'' if table['timeline'] else 'not '}synthetic"


def _about(found: dict[str, Any]) -> Iterator[str]:
    if found["signer"]:
        when = f" at {found['time']}" if found["time"] else ""
        yield f"signed by {found['signer']}{when}: {_trust(found)}"
    if found["actions"]:
        by = f" by {found['tool']}" if found["tool"] else ""
        yield f"says {', '.join(found['actions'])}{by}: {_names(found['source_types'])}"
    if found["made_from"]:
        yield f"made from {', '.join(found['made_from'])}"
    if found["problems"]:
        yield f"wrong: {', '.join(found['problems'])}"


def _trust(found: dict[str, Any]) -> str:
    if found["trusted"]:
        return "trusted"
    if found["own"]:
        return "your own, for which nobody else vouches"
    return "not trusted, since no root certificate that is known here vouches for it"


def _verdict(table: dict[str, Any]) -> str:
    if table["missing"]:
        return "is not there"
    state, synthetic = table["credentials"]["state"], table["synthetic"]
    said = "says that it is synthetic" if synthetic else "does not say that it is synthetic"
    if state == "valid":
        return f"{said}, and is signed and unchanged"
    if state in ("changed", "broken"):
        return f"{said}, but its signature does not hold"
    if state == "expired":
        return f"{said}, by a signature whose certificate has ended"
    return f"{said}, but is not signed" if synthetic else "nothing says that it is synthetic"


def _names(source_types: list[str]) -> str:
    return ", ".join(_name(one) for one in source_types) or "no digital source type"


_MEANINGS = {
    "compositeWithTrainedAlgorithmicMedia": "recorded pictures with a part made by AI",
    "trainedAlgorithmicMedia": "made by AI as a whole",
}


def _name(source_type: str | None) -> str:
    if source_type is None:
        return "none"
    name = source_type.rpartition("/")[2]
    return f"{name} ({_MEANINGS[name]})" if name in _MEANINGS else name
