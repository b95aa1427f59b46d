"""The reference pages that come from the code: every command's help, and every setting.

`python -m reenact_cli.reference` writes them into `docs/reference/`; a test holds them up to date.
"""

import ast
import inspect
import itertools
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

from reenact_cli.main import COMMANDS, reenact
from reenact_core.settings import Settings, to_table

_CLI_HEAD = """\
# Command line

<!-- Written by `python -m reenact_cli.reference`; edit the commands, not this page. -->

Every command has `--help` with an example. `--json` prints one JSON object, the result, on stdout
and nothing else there; with an error it is `{"error": {"code": ..., "message": ...}}`. Progress
goes to stderr: as a bar on a terminal, as one JSON object a line with `--progress json`, as nothing
with `--progress none`.

| exit status | means | error codes |
| --- | --- | --- |
| 0 | done | |
| 1 | a bug in reenact; `--debug` shows the traceback | `bug` |
| 2 | wrong usage | `usage` |
| 3 | some shots failed, the others are done | `face`, or any of the next line for that shot |
| 4 | bad input | `timeline`, `media`, `checkpoint`, `settings`, `output`, `file` |
| 5 | device: not there, or out of memory | `device` |
| 130 | interrupted by Ctrl-C or SIGTERM; nothing half-made is left | `interrupted` |

Lines of `--progress json`:

```json
{"event": "progress", "shot": "close_up", "stage": "track", "done": 12, "total": 48}
{"event": "shot_done", "shot": "close_up", "file": "out/close_up.mp4", "kept": false}
{"event": "shot_failed", "shot": "crowd", "error": {"code": "face", "message": "..."}}
```

The stages of a shot are `track`, `cut`, `move` and `paste`. Commands without shots leave `shot`
out. `kept` is true where an earlier run had finished the shot already.
"""

_SETTINGS_HEAD = """\
# Settings

<!-- Written by `python -m reenact_cli.reference`; edit the settings classes, not this page. -->

A settings file is TOML and is given by `--settings FILE`; it names only what differs:

```toml
[track]
smooth_seconds = 0.1
```

An option of the command line stands above the settings file, that above the timeline's own metadata
(the table `settings` under the key `reenact`), that above the default. An unknown key is an error
that names the nearest known one. In a file, `"none"` takes a value back where none is allowed.
"""


_TRAINING_HEAD = """\
# Configuration of a training run

<!-- Written by `python -m reenact_cli.reference`; edit `training/reenact_training/config.py`. -->

`reenact train CONFIG.toml` reads a TOML file that names only what differs from the defaults:

```toml
data = ["actor"]
out = "actor-run"

[train]
steps = 400
rate = 2e-4
```

Paths are taken from the file's folder. An unknown key is an error that names the nearest known one.
A run is continued with the configuration that it was begun with; only FREE may change.
In a file, `"none"` takes a value back where none is allowed.

The folder of a run holds `state/` and `state.last/` (the last good state and the one before),
`log.jsonl` (a JSON object for each step, `kind` is `train`, and for each measurement, `held_out`),
`strips/` (pictures of held-out examples: for each the driving frames, the truth, and what the
networks make of them, the source first) and, at the end, `checkpoint.safetensors`.
"""


def cli_page() -> str:
    """docs/reference/cli.md."""
    with click.Context(reenact, info_name="reenact") as parent:
        parts = [_CLI_HEAD]
        for name in COMMANDS:
            command = reenact.get_command(parent, name)
            assert command is not None
            parts.extend(_commands(command, name))
    return "\n".join(parts)


def settings_page() -> str:
    """docs/reference/settings.md."""
    return "\n".join([_SETTINGS_HEAD, *_parts(Settings(), "")])


def training_page() -> str:
    """docs/reference/training-config.md."""
    from reenact_training.config import FREE, TrainConfig

    free = ", ".join(f"`{key}`" for key in FREE)
    top, *tables = _parts(TrainConfig(), "")
    head = _TRAINING_HEAD.replace("FREE", free)
    return "\n".join([head, top.replace("## \n\nA training run.", "## Top level"), *tables])


def field_docs(kind: type) -> dict[str, str]:
    """The docstring under each field of a class, by field name."""
    tree = ast.parse(inspect.getsource(kind))
    body = typing.cast(ast.ClassDef, tree.body[0]).body
    docs: dict[str, str] = {}
    for field, after in itertools.pairwise(body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docs[field.target.id] = " ".join(str(after.value.value).split())
    return docs


def _commands(command: click.Command, name: str) -> Iterator[str]:
    """A command, or each one of a group; before them the group, if it does something by itself."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield _command(command, name)
    if not isinstance(command, click.Group):
        return
    for inner in command.commands.values():
        yield _command(inner, f"{name} {inner.name}")


def _command(command: click.Command, name: str) -> str:
    arguments = [_argument(param) for param in command.params if isinstance(param, click.Argument)]
    options = [_option(param) for param in command.params if isinstance(param, click.Option)]
    usage = " ".join(["reenact", name, *arguments, "[OPTIONS]"])
    rows = "\n".join(["| option | meaning |", "| --- | --- |", *options])
    return f"## reenact {name}\n\n```\n{usage}\n```\n\n{_prose(command.help or '')}\n\n{rows}\n"


def _argument(argument: click.Argument) -> str:
    name = argument.human_readable_name.upper()
    return name + ("..." if argument.nargs == -1 else "")


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if not option.is_flag:
        choices = getattr(option.type, "choices", None)
        value = option.metavar or ("|".join(choices) if choices else option.type.name.upper())
        names = names[:-1] + f" {value}`"
    many = " May be given more than once." if option.multiple else ""
    default = option.default if option.show_default and not option.is_flag else None
    suffix = "" if default is None else f" [default: {default}]"
    return f"| {_cell(names)} | {_cell(' '.join((option.help or '').split()))}{many}{suffix} |"


def _prose(text: str) -> str:
    """A command's help as Markdown: paragraphs, and blocks marked by a form feed as code."""
    parts = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            head, *code = paragraph.splitlines()[1:]
            parts.append("\n".join([head, "", "```", *(line.strip() for line in code), "```"]))
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def _parts(settings: Any, prefix: str) -> Iterator[str]:
    docs = field_docs(type(settings))
    rows = [_row(settings, field.name, docs) for field in fields(settings)]
    plain = [row for row in rows if row is not None]
    if plain:
        about = inspect.getdoc(type(settings)) or ""
        yield f"## {prefix.rstrip('.')}\n\n{about}\n\n| key | default | values | meaning |"
        yield "\n".join(["| --- | --- | --- | --- |", *plain, ""])
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from _parts(value, f"{prefix}{field.name}.")


def _row(settings: Any, name: str, docs: dict[str, str]) -> str | None:
    if is_dataclass(getattr(settings, name)):
        return None
    hint = typing.get_type_hints(type(settings))[name]
    default = to_table(settings)[name]
    return f"| `{name}` | `{_toml(default)}` | {_values(hint)} | {_cell(docs.get(name, ''))} |"


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(hint))
    names = {int: "whole number", float: "number", bool: "true, false", str: "text", Path: "path"}
    if hint in names:
        return names[hint]
    if typing.get_origin(hint) is tuple:
        return "list"
    return " or ".join("none" if m is type(None) else _values(m) for m in typing.get_args(hint))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    reference = Path("docs/reference")
    (reference / "cli.md").write_text(cli_page(), "utf-8")
    (reference / "settings.md").write_text(settings_page(), "utf-8")
    (reference / "training-config.md").write_text(training_page(), "utf-8")
