"""`reenact inspect`: what a timeline, clip or checkpoint holds."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from reenact_cli.options import FILE, Output, output_options, reading_options
from reenact_cli.show import print_result
from reenact_cli.track import track_table

TIMELINES = (".otio", ".otioz", ".otiod", ".edl", ".xml", ".fcpxml", ".fcpxmld", ".aaf")
CHECKPOINTS = (".safetensors", ".pth", ".tar", ".pt", ".ckpt")


@click.command("inspect")
@click.argument("file", type=FILE)
@reading_options
@output_options
def command(file: Path, root: tuple[Path, ...], rate: Fraction | None, output: Output) -> None:
    """Say what FILE holds: a timeline, a clip, a checkpoint or a tracks file.

    \b
    Example:
      reenact inspect cut.otio
    """
    suffix = file.suffix.lower()
    if suffix in TIMELINES:
        result = _timeline(file, root, rate)
    elif suffix in CHECKPOINTS:
        result = _checkpoint(file)
    elif suffix == ".json":
        result = _tracks(file)
    else:
        result = _clip(file)
    print_result(result, _lines(result), as_json=output.as_json)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    if result["kind"] != "timeline":
        yield from table_lines(result)
        return
    from reenact_core.timeline.describe import describe_text

    yield describe_text(result)


def _timeline(file: Path, root: tuple[Path, ...], rate: Fraction | None) -> dict[str, Any]:
    from reenact_core.timeline.describe import describe
    from reenact_core.timeline.read import read_timeline
    from reenact_core.timeline.request import Request

    edit = read_timeline(file, rate=rate, roots=root)
    return {"kind": "timeline", **describe(edit, Request(roots=root))}


def _clip(file: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from reenact_core.media.probe import probe

    info = probe(file)
    return {
        "kind": "picture" if info.still else "clip",
        "file": str(info.path),
        "width": info.width,
        "height": info.height,
        "rate": str(info.rate),
        "frames": info.frame_count,
        "seconds": round(float(info.frame_count / info.rate), 3),
        "codec": info.codec,
        "profile": info.profile,
        "container": info.container,
        "pixel_format": info.layout.pixel_format,
        "bit_depth": info.layout.depth,
        "colour": asdict(info.colour),
        "pixel_aspect": str(info.pixel_aspect),
        "rotation": info.rotation,
        "timecode": info.timecode,
        "start_seconds": float(info.start_time),
        "sound": list(info.sound_codecs),
        "variable_rate": info.variable_rate,
        "interlaced": info.interlaced,
        "notes": list(info.notes),
    }


def _checkpoint(file: Path) -> dict[str, Any]:
    from reenact_core.files import sha256
    from reenact_core.models.architectures import find_architecture
    from reenact_core.models.state_dicts import count_parameters, open_weights, part

    weights = open_weights(file)
    networks = dict.fromkeys(name.partition(".")[0] for name in weights.shapes)
    return {
        "kind": "checkpoint",
        "file": str(file),
        "architecture": find_architecture(weights).id,
        "bytes": file.stat().st_size,
        "sha256": sha256(file),
        "parameters": count_parameters(weights.shapes),
        "networks": {name: count_parameters(part(weights.shapes, name)) for name in networks},
        "metadata": dict(weights.metadata),
    }


def _tracks(file: Path) -> dict[str, Any]:
    from reenact_core.tracking.tracks_file import read_tracks

    held = read_tracks(file)
    return {
        "kind": "tracks",
        "file": str(file),
        "video": str(held.video),
        "rate": str(held.rate),
        "tracks": [track_table(track) for track in held.tracks],
    }


def table_lines(table: dict[str, Any], indent: str = "") -> Iterator[str]:
    """A table as `key: value` lines, tables inside it further to the right."""
    for key, value in table.items():
        name = f"{indent}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            yield f"{name}:"
            yield from table_lines(value, indent + "  ")
        elif isinstance(value, list):
            yield from _list_lines(name, value, indent)
        elif value is not None:
            yield f"{name}: {_shown(value)}"


def _list_lines(name: str, values: list[Any], indent: str) -> Iterator[str]:
    if not any(isinstance(value, dict) for value in values):
        if values:
            yield f"{name}: {', '.join(_shown(value) for value in values)}"
        return
    yield f"{name}:"
    for value in values:
        head, *rest = table_lines(value, indent + "    ")
        yield f"{indent}  - {head.strip()}"
        yield from rest


def _shown(value: Any) -> str:
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )
