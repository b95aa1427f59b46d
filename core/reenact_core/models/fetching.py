"""Files fetched over HTTP: resumed where they broke off, measured, and compared with their hash.

The one module of the core that reaches the network, and only when it is called.
"""

import errno
import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reenact_core.errors import CheckpointError
from reenact_core.files import sha256
from reenact_core.models.catalogue import Download
from reenact_core.models.state_dicts import LARGEST_FILE

CHUNK = 1 << 20
TIMEOUT = 30.0
"""Seconds without a byte."""
SPARE = 64 * 2**20
"""Bytes that stay free on the disk."""
TRIES = 5
"""How often a broken connection is taken up again without a byte of progress."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a file is."""

    name: str
    done: int
    """Bytes."""
    total: int | None
    """Bytes; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is here, whole."""

    path: Path
    size: int
    """Bytes."""
    sha256: str
    """As measured, in hexadecimal."""
    compared: bool
    """Whether its hash was known and is the same; if not, only the maker's page can tell."""
    was_here: bool
    """Whether it was here before."""


@dataclass(frozen=True, slots=True)
class _Start:
    """What is there of a file that was begun."""

    length: int
    """Bytes."""
    tag: str | None
    """The server's name of the file's state."""


def address(file: Download, mirror: str | None) -> str | None:
    """Where to fetch a file: on the mirror, if there is one, else at upstream's address."""
    return f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url


def check(file: Download, path: Path, *, was_here: bool = True) -> Fetched:
    """What is known of a file that is here.

    Raises:
        CheckpointError: its size or hash is another than the one that is known.
    """
    size, found = path.stat().st_size, sha256(path)
    if file.size is not None and size != file.size:
        raise CheckpointError(
            f"{path}: {size} bytes, but upstream's file has {file.size}; delete it and fetch anew"
        )
    if file.sha256 is not None and found != file.sha256.lower():
        raise CheckpointError(
            f"{path}: its SHA-256 is {found}, but upstream's file has {file.sha256}; delete it "
            "and fetch anew"
        )
    return Fetched(path, size, found, file.sha256 is not None, was_here)


def free_bytes(folder: Path) -> int:
    """What the disk of a folder still takes."""
    return shutil.disk_usage(folder).free


def fetch(
    file: Download, url: str, folder: Path, *, free: Callable[[Path], int] = free_bytes
) -> Generator[FetchProgress | Fetched, None, None]:
    """Fetch a file into a folder, unless it is there; the last thing yielded is `Fetched`.

    What was fetched stays in `NAME.part` until it is whole, and is gone on from next time.

    Raises:
        CheckpointError: the address gives no file, or not the one that is known, or the disk has
            no room for it.
    """
    path = folder.joinpath(*file.name.split("/"))
    if path.exists():
        yield check(file, path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    yield from _whole(file, url, partial, free)
    _refuse_page(url, partial)
    try:
        checked = check(file, partial, was_here=False)
    except CheckpointError as error:
        _forget(partial)
        raise CheckpointError(f"{url}: not the file that is known ({error})") from error
    partial.replace(path)
    _forget(partial)
    yield Fetched(path, checked.size, checked.sha256, checked.compared, was_here=False)


def _whole(
    file: Download, url: str, partial: Path, free: Callable[[Path], int]
) -> Iterator[FetchProgress]:
    """Fetch until nothing is missing; connections that break are taken up again."""
    idle = 0
    while True:
        before = _started(partial).length
        try:
            yield from _further(file, url, partial, free)
        except urllib.error.HTTPError as error:
            raise CheckpointError(f"{url}: the server says {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _no_room(partial, url, "the disk is full") from error
            idle = 0 if _started(partial).length > before else idle + 1
            if idle >= TRIES:
                raise CheckpointError(
                    f"{url}: cannot be reached ({error}); run the same command again to go on"
                ) from error
        else:
            return


def _further(
    file: Download, url: str, partial: Path, free: Callable[[Path], int]
) -> Iterator[FetchProgress]:
    """One connection: append what is missing, or begin anew if the file changed meanwhile."""
    start = _started(partial)
    with _opened(url, start) as response:
        begun = _offset(response)
        resumed = begun is not None and begun == start.length and start.length > 0
        done = start.length if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        _refuse_size(file, url, total)
        missing, room = (total or file.size or 0) - done, free(partial.parent)
        if missing + SPARE > room:
            raise _no_room(partial, url, f"{missing} bytes are missing and {room} are free")
        if not resumed:
            _remember(partial, response.headers)
        with partial.open("ab" if resumed else "wb") as stream:
            while chunk := response.read(CHUNK):
                stream.write(chunk)
                done += len(chunk)
                if done > LARGEST_FILE:
                    raise CheckpointError(f"{url}: larger than any checkpoint that is known")
                yield FetchProgress(file.name, done, total)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _no_room(partial: Path, url: str, found: str) -> CheckpointError:
    return CheckpointError(
        f"{url}: {partial.parent} has no room for it ({found}); free some space and run the same "
        "command again to go on"
    )


def _opened(url: str, start: _Start) -> http.client.HTTPResponse:
    if not url.startswith(("http://", "https://")):
        raise CheckpointError(f"{url}: only http and https addresses can be fetched")
    request = urllib.request.Request(url, headers={"User-Agent": "reenact"})
    if start.length and start.tag:
        request.add_header("Range", f"bytes={start.length}-")
        request.add_header("If-Range", start.tag)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not start.length:
            raise
        error.close()
        return _opened(url, _Start(0, None))
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _offset(response: http.client.HTTPResponse) -> int | None:
    """Where in the file a partial answer begins; None for a whole one."""
    if response.status != http.client.PARTIAL_CONTENT:
        return None
    first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else None


def _refuse_size(file: Download, url: str, total: int | None) -> None:
    if total is not None and file.size is not None and total != file.size:
        raise CheckpointError(f"{url}: gives {total} bytes, but upstream's file has {file.size}")
    if total is not None and total > LARGEST_FILE:
        raise CheckpointError(f"{url}: larger than any checkpoint that is known")


def _refuse_page(url: str, partial: Path) -> None:
    """A page for browsers in the place of a file, as links that have gone give it."""
    with partial.open("rb") as stream:
        start = stream.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")) or not start:
        _forget(partial)
        what = "a web page" if start else "nothing"
        raise CheckpointError(f"{url}: gives {what} and no weights; fetch it with a browser")


def _started(partial: Path) -> _Start:
    if not partial.exists():
        return _Start(0, None)
    tag = None
    with suppress(OSError, ValueError, AttributeError):
        tag = json.loads(_note(partial).read_text("utf-8")).get("state")
    # Without the server's word for the file's state, what is here may be of an older file.
    return _Start(partial.stat().st_size, tag) if isinstance(tag, str) else _Start(0, None)


def _remember(partial: Path, headers: http.client.HTTPMessage) -> None:
    """Note the server's word for the file's state; a weak tag does not promise the same bytes."""
    tag = headers.get("ETag")
    state = headers.get("Last-Modified") if tag is None or tag.startswith("W/") else tag
    _note(partial).write_text(json.dumps({"state": state}), "utf-8")


def _note(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)
