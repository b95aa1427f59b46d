"""OTIO bundles: a timeline packed with its media, unpacked without trust."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from reenact_core.errors import MediaError, OutputError, TimelineError
from reenact_core.files import written_whole
from reenact_core.journal import Journal

CONTENT = "content.otio"
MOST_MEMBERS = 100_000
MOST_CONTENT = 512 * 1024 * 1024
"""Bytes of the timeline itself."""
MOST_GROWTH = 100
"""Bundles store media as they are; what unpacks to more times its size is a bomb."""
CHUNK = 1024 * 1024


def read_bundle(path: Path, folder: Path | None, journal: Journal | None = None) -> bytes:
    """The timeline in an `.otioz` file; its media are unpacked under `folder`, where one is given.

    Nothing is written before every member's name and size have been checked. A member that is
    there already, whole, is kept.

    Args:
        journal: of `folder`, so that nobody else's file is replaced; None: whatever is there is.

    Raises:
        TimelineError: no bundle, a damaged one, or one that would harm: paths that lead out of
            the folder, links, sizes out of proportion.
        OutputError: the folder cannot hold the media, or another's file bears a name of theirs.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            members = [member for member in bundle.infolist() if not member.is_dir()]
            _check(path, members)
            if folder is not None:
                _unpack(path, bundle, members, folder, journal)
            return bundle.read(CONTENT)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise TimelineError(f"{path}: the bundle is damaged ({error}); export it again") from error


def lay_out(path: Path, folder: Path) -> bytes:
    """The timeline in an `.otioz` file; its media stand under `folder` as files of their names and
    sizes that hold nothing and take no room. `filled` gives one of them its content.

    Raises: as `read_bundle`.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            members = [member for member in bundle.infolist() if not member.is_dir()]
            _check(path, members)
            for member in members:
                if "/" in member.filename:
                    _empty(folder / member.filename, member.file_size)
            return bundle.read(CONTENT)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise TimelineError(f"{path}: the bundle is damaged ({error}); export it again") from error


@contextmanager
def filled(path: Path, folder: Path, file: Path) -> Iterator[None]:
    """Within, a file that `lay_out` made holds what the bundle has under its name.

    Raises:
        MediaError: that is damaged.
    """
    name = file.relative_to(folder).as_posix() if file.is_relative_to(folder) else ""
    if not name or not file.is_file():
        yield
        return
    try:
        with zipfile.ZipFile(path) as bundle, bundle.open(name) as packed, file.open("wb") as out:
            shutil.copyfileobj(packed, out, CHUNK)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise MediaError(f"{path}: {name} in it is damaged ({error})") from error
    try:
        yield
    finally:
        _empty(file, file.stat().st_size)


def _empty(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.truncate(size)


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if CONTENT not in names:
        raise TimelineError(f"{path}: no timeline bundle, it holds no {CONTENT}")
    if len(members) > MOST_MEMBERS:
        raise TimelineError(f"{path}: holds {len(members)} files, more than {MOST_MEMBERS}")
    if len({name.lower() for name in names}) < len(names):
        raise TimelineError(f"{path}: holds several files of one name; export it again")
    for member in members:
        _check_member(path, member)
    total = sum(member.file_size for member in members)
    packed = path.stat().st_size
    if total > MOST_GROWTH * packed:
        raise TimelineError(
            f"{path}: would grow from {packed} to {total} bytes, which no bundle of media does; "
            "not unpacked"
        )


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    wrong = not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]
    if wrong or stat.S_ISLNK(member.external_attr >> 16):
        raise TimelineError(f"{path}: holds {name!r}, which leads out of the bundle; not unpacked")
    if member.flag_bits & 1:
        raise TimelineError(f"{path}: {name} is encrypted; export the bundle without a password")
    if name == CONTENT and member.file_size > MOST_CONTENT:
        raise TimelineError(f"{path}: its timeline has {member.file_size} bytes; not read")


def _unpack(
    path: Path,
    bundle: zipfile.ZipFile,
    members: Iterable[zipfile.ZipInfo],
    folder: Path,
    journal: Journal | None,
) -> None:
    """Only what lies in folders of the bundle: the media, not the timeline beside them."""
    media = [member for member in members if "/" in member.filename]
    wanted = [member for member in media if not _is_there(folder / member.filename, member)]
    _check_room(path, sum(member.file_size for member in wanted), folder)
    if journal is not None:
        journal.require(folder / member.filename for member in wanted)
    real = folder.resolve()
    for member in wanted:
        target = folder / member.filename
        if not target.parent.resolve().is_relative_to(real):
            raise TimelineError(f"{target.parent} is a link out of {folder}; unpack elsewhere")
        with (
            written_whole(target, admit=None if journal is None else journal.admit) as partial,
            bundle.open(member) as packed,
            partial.open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, CHUNK)


def _is_there(target: Path, member: zipfile.ZipInfo) -> bool:
    if not target.is_file() or target.stat().st_size != member.file_size:
        return False
    checksum = 0
    with target.open("rb") as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.CRC


def _check_room(path: Path, needed: int, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from error
    if needed > free:
        raise OutputError(
            f"{folder}: {path.name} needs {needed} bytes and {free} are free; choose another folder"
        )
