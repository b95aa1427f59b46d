"""Sizes of networks read off names and shapes, and held against upstream's configuration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from reenact_core.errors import CheckpointError
from reenact_core.models.layers import low_pass_kernel
from reenact_core.models.paper_settings import SCALES
from reenact_core.models.state_dicts import Shapes

Configuration = Mapping[str, Any]


def count(shapes: Shapes, pattern: str, start: int = 0) -> int:
    """How many rows of tensors there are; `pattern` names one in each, with `{}` for the number.

    A row that lacks that tensor counts, so that the tensor is missed where its size is asked for.
    """
    number, stem = start, pattern.partition("{}")[0]
    while any(name.startswith(f"{stem}{number}.") for name in shapes):
        number += 1
    return number - start


def hourglass_sizes(shapes: Shapes) -> tuple[int, int]:
    """Blocks and the widest layer; a limit that is never reached makes no difference."""
    blocks = count(shapes, "encoder.down_blocks.{}.conv.weight")
    widths = [shapes[f"encoder.down_blocks.{i}.conv.weight"][0] for i in range(blocks)]
    return blocks, max(widths)


def reduction_scale(shapes: Shapes) -> float:
    """The scale that a network starts with, by the side of its anti-alias kernel."""
    if "down.weight" not in shapes:
        return 1.0
    side = shapes["down.weight"][-1]
    for scale in SCALES[1:]:
        if len(low_pass_kernel(scale)) == side:
            return scale
    raise CheckpointError(f"down.weight: a kernel of {side} pixels belongs to no known scale")


def refuse_others(path: Path, shapes: Shapes, method: str, signs: Sequence[str]) -> None:
    """Refuse a file that lacks what a method is told by, or that has tensors without values.

    Raises:
        CheckpointError: it lacks some or all of it.
    """
    empty = [name for name, shape in shapes.items() if 0 in shape]
    if empty:
        raise CheckpointError(f"{path}: {empty[0]} holds no values")
    missing = [name for name in signs if name not in shapes]
    if missing:
        raise CheckpointError(f"{path}: no {method} weights; {missing[0]} is missing")


def section(table: Configuration, name: str) -> Configuration:
    """A table inside a configuration; empty where there is none."""
    inner = table.get(name) or {}
    if not isinstance(inner, Mapping):
        raise CheckpointError(f"configuration: {name} must be a table, got {inner!r}")
    return inner


def agree(stated: Iterable[tuple[str, Configuration, object]]) -> None:
    """Compare what upstream's configuration states with what the weights show.

    Args:
        stated: key, the table that it may stand in, and the value that the weights show.
    """
    for name, table, value in stated:
        if name in table and table[name] != value:
            raise CheckpointError(
                f"configuration: {name} is {table[name]}, but the weights show {value}; "
                "give the configuration that belongs to these weights, or none"
            )


def choice(configuration: Configuration, name: str, choices: Sequence[object]) -> object:
    """One of the choices, the first where the configuration is silent."""
    value = configuration.get(name, choices[0])
    if value not in choices:
        known = ", ".join(str(known) for known in choices)
        raise CheckpointError(f"configuration: {name} must be one of {known}; got {value!r}")
    return value


@contextmanager
def sized(path: Path, method: str) -> Iterator[None]:
    """Name the file in whatever goes wrong while sizes are read off its tensors.

    Raises:
        CheckpointError: sizes that the method cannot have, or a configuration that differs.
    """
    try:
        yield
    except KeyError as error:
        raise CheckpointError(
            f"{path}: weights do not fit {method}: {error.args[0]} missing"
        ) from error
    except (IndexError, ValueError, TypeError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"{path}: names as in {method}, but not with sizes that {method} can have ({error})"
        ) from error
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_configuration(configuration: Configuration | Path | None) -> Configuration:
    """A configuration as a table, whichever way it was given.

    Raises:
        CheckpointError: the YAML file cannot be read, or is no table.
    """
    if configuration is None or isinstance(configuration, Mapping):
        return configuration or {}
    try:
        table = yaml.safe_load(configuration.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{configuration}: no readable YAML ({error})") from error
    if not isinstance(table, Mapping):
        raise CheckpointError(f"{configuration}: must hold a table of settings")
    return table
