"""Files signed by a process of their own, whole or not at all."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reenact_core.errors import OutputError, ReenactError, SettingsError
from reenact_core.files import Admit, passing_folder, written_whole
from reenact_core.provenance.identity import Identity
from reenact_core.provenance.manifest import (
    Deed,
    Ingredient,
    embeds,
    ingredients_of,
    manifest_of,
    mime_of,
)

SIDECAR = ".c2pa"
_NO_SPACE = ("No space left", "Disk quota", f"os error {errno.ENOSPC}", "There is not enough space")


class SigningError(ReenactError):
    """The C2PA library refused; the message has what it said."""

    code = "signing"


class UnavailableError(SigningError):
    """There is no C2PA library that works here."""


def can_sign() -> bool:
    """Whether the libraries that sign are installed."""
    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def sidecar_of(path: Path) -> Path:
    """Where credentials lie that a file cannot hold."""
    return path.with_name(path.name + SIDECAR)


def embed(path: Path, name: str, deed: Deed, identity: Identity, tsa: str | None) -> None:
    """Sign a file in its place.

    Args:
        name: what the file will be called.

    Raises:
        SigningError: it cannot be signed; it stays as it was.
        OutputError: the disk is full, or the folder cannot be written.
    """
    if mime_of(Path(name)) == "video/x-msvideo" and not _one_riff(path):
        raise SigningError("the library would cut off what lies behind the first gigabyte")
    with written_whole(path) as partial:
        _run(path, partial, None, mime_of(Path(name)), name, deed, identity, tsa)
        if partial.stat().st_size < path.stat().st_size:
            raise SigningError("the library left out a part of the file")


def _one_riff(path: Path) -> bool:
    """Whether an AVI file is one RIFF chunk; beyond a gigabyte there are further ones."""
    with path.open("rb") as stream:
        return int.from_bytes(stream.read(8)[4:], "little") + 8 >= path.stat().st_size


def sign_beside(
    path: Path,
    name: str,
    sidecar: Path,
    deed: Deed,
    identity: Identity,
    tsa: str | None,
    admit: Admit | None = None,
) -> None:
    """Sign a file of any kind, which stays as it is; the credentials go to a file of their own.

    Raises: as `embed`.
    """
    mime = mime_of(Path(name))
    kind = "application/octet-stream" if embeds(Path(name)) or mime.endswith("json") else mime
    with written_whole(sidecar, admit=admit) as partial:
        _run(path, None, partial, kind, name, deed, identity, tsa)


def check_identity(identity: Identity, tsa: str | None) -> None:
    """See that an identity can sign, by signing a word.

    Raises:
        SettingsError: it cannot; says why.
    """
    with passing_folder() as folder:
        word, sidecar = folder / "word", folder / "word.c2pa"
        word.write_bytes(b"reenact")
        try:
            sign_beside(word, word.name, sidecar, Deed(None), identity, tsa)
        except UnavailableError:
            return
        except SigningError as error:
            raise SettingsError(f"provenance.toml: the certificate cannot sign: {error}") from error


def _run(
    source: Path,
    target: Path | None,
    sidecar: Path | None,
    mime: str,
    name: str,
    deed: Deed,
    identity: Identity,
    tsa: str | None,
) -> None:
    ingredients = ingredients_of(deed)
    request = {
        "manifest": manifest_of(deed, name, [one.label for one in ingredients]),
        "ingredients": [_plain(one) for one in ingredients],
        "source": str(source.absolute()),
        "target": None if target is None else str(target.absolute()),
        "sidecar": None if sidecar is None else str(sidecar.absolute()),
        "mime": mime,
        "certificates": identity.certificates,
        "key": identity.key,
        "algorithm": identity.algorithm,
        "tsa": tsa,
    }
    _judge(_ask(request), source.with_name(name))


def _plain(ingredient: Ingredient) -> dict[str, Any]:
    return {**asdict(ingredient), "path": str(ingredient.path.absolute())}


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        _command(),
        input=json.dumps(request).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        reason = said[0] if said else f"its process ended with status {done.returncode}"
        return {"failed": "signing", "said": reason}
    return dict(answer)


def _command() -> Sequence[str]:
    return (sys.executable, "-m", "reenact_core.provenance.sign_process")


def _judge(answer: dict[str, Any], path: Path) -> None:
    failed, said = answer["failed"], str(answer.get("said", ""))
    if failed is None:
        return
    if failed == "unavailable":
        raise UnavailableError(f"the C2PA library does not work here ({said})")
    full = answer.get("errno") in (errno.ENOSPC, errno.EDQUOT)
    if full or any(words in said for words in _NO_SPACE):
        raise OutputError(
            f"{path}: the disk is full; signing needs room for a second copy of the file; free "
            "some space and run the same command again"
        )
    raise SigningError(said)
