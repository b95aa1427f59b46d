"""Every layer by which a file may say that it is synthetic, read back and judged."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from reenact_core.errors import MediaError
from reenact_core.files import sha256
from reenact_core.media.opening import opened
from reenact_core.media.sequence import find_numbers, frame_path, is_pattern
from reenact_core.provenance.credentials import Credentials, read_credentials
from reenact_core.provenance.identity import Identity
from reenact_core.provenance.manifest import SOURCE_TYPES
from reenact_core.provenance.mark import FRAMES, frames_file
from reenact_core.provenance.xmp import find_source_type

RUN_FILE = "run.json"
Recorded = Literal["same", "other", "named"]
"""`same`: the file has the content that the record tells; `other`: it has not; `named`: the record
names it without a hash of this one file."""

_URI = re.compile(re.escape(SOURCE_TYPES) + r"\w+")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one file."""

    path: Path
    credentials: Credentials
    """In the file or beside it; of a picture of a sequence, those of the sequence's list."""
    xmp: str | None = None
    """IPTC's digital source type in the file's XMP."""
    comment: str | None = None
    """The container's comment, where it names a digital source type."""
    record: Path | None = None
    """The `run.json` that names the file."""
    recorded: Recorded | None = None
    timeline: bool | None = None
    """Whether the timeline says that it is synthetic; None: no timeline was looked at."""
    missing: bool = False
    """The file is not there."""

    @property
    def synthetic(self) -> bool:
        """Whether any layer says that the file is synthetic."""
        marks = (self.xmp, self.comment)
        said = any(mark is not None and "rainedAlgorithmicMedia" in mark for mark in marks)
        return said or self.credentials.synthetic or bool(self.recorded) or bool(self.timeline)

    @property
    def status(self) -> int:
        """0: signed and unchanged; 3: no valid signature; 4: changed, broken or not there."""
        if self.missing or self.credentials.state in ("changed", "broken"):
            return 4
        if self.credentials.state == "valid":
            return 0
        return 4 if self.recorded == "other" else 3


def verify(path: Path, trust: Path | None = None, own: Identity | None = None) -> list[Report]:
    """A report for a file, or for every file that a timeline, `run.json` or folder of a run names.

    A picture of a sequence that reenact wrote is judged by the list of the sequence's pictures; a
    printf pattern, the list or the sequence's folder stands for all of them.

    Args:
        trust: PEM file of root certificates.
        own: whose signatures the reader knows.

    Raises:
        MediaError: there is no such file, or it cannot be read.
    """
    try:
        return list(_reports(path, _Reader(trust, own)))
    except OSError as error:
        raise MediaError(f"{error.filename or path}: cannot be read ({error.strerror})") from error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who asks."""

    trust: Path | None
    own: Identity | None

    def credentials(self, path: Path) -> Credentials:
        return read_credentials(path, self.trust, self.own)


def _reports(path: Path, reader: _Reader) -> Iterator[Report]:
    listed = _list_of(path)
    if path.suffix.lower() in (".otio", ".otioz", ".otiod"):
        yield from _of_timeline(path, reader)
    elif path.name == RUN_FILE or (path.is_dir() and (path / RUN_FILE).is_file()):
        yield from _of_run(path if path.is_file() else path / RUN_FILE, reader)
    elif listed is not None:
        yield _of_sequence(path, listed, reader)
    elif pictures := _pictures_of(path):
        yield _with_record(_unlisted(path, pictures), lambda: _joined(pictures))
    elif path.is_dir():
        raise MediaError(f"{path}: is a folder without run.json and without a sequence of ours")
    elif not path.is_file():
        raise MediaError(f"{path}: there is no such file")
    else:
        yield _of_file(path, reader)


def _of_file(path: Path, reader: _Reader) -> Report:
    found = Report(path, reader.credentials(path), find_source_type(path), _comment(path))
    return _with_record(found, lambda: sha256(path))


def _comment(path: Path) -> str | None:
    """What the container's tags say, by FFmpeg; None where it cannot open the file."""
    try:
        with opened(path) as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
    except MediaError:
        return None
    said = tags.get("comment", "")
    return said if _URI.search(said) else None


def _list_of(path: Path) -> Path | None:
    """The list of pictures that a picture, a pattern or a folder belongs to."""
    if path.name.endswith(FRAMES):
        return path if path.is_file() else None
    if is_pattern(path):
        listed = frames_file(path)
        return listed if listed.is_file() else None
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return None
    lists = sorted(folder.glob(f"*{FRAMES}"))
    if path.is_dir():
        return lists[0] if len(lists) == 1 else None
    return next((listed for listed in lists if path.name in _hashes(listed)), None)


def _hashes(listed: Path) -> Mapping[str, str]:
    try:
        hashes = json.loads(listed.read_text("utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError):
        return {}
    return hashes if isinstance(hashes, dict) else {}


def _of_sequence(path: Path, listed: Path, reader: _Reader) -> Report:
    """One picture or all of them, against their list; the list against its signature."""
    credentials, hashes = reader.credentials(listed), _hashes(listed)
    names = [path.name] if path.name in hashes else list(hashes)
    pictures = [listed.with_name(name) for name in names]
    wrong = [one for one in pictures if not one.is_file() or sha256(one) != hashes[one.name]]
    if wrong and credentials.state == "valid":
        credentials = replace(
            credentials, state="changed", problems=tuple(one.name for one in wrong[:16])
        )
    there = [one for one in pictures if one.is_file()]
    types = {find_source_type(one) for one in there}
    found = Report(path, credentials, types.pop() if len(types) == 1 else None)
    if len(names) == 1 and len(hashes) > 1:
        return _with_record(found, None)
    return _with_record(found, lambda: _joined(there))


def _pictures_of(path: Path) -> list[Path]:
    """The pictures of a pattern, none where it is no pattern or has none."""
    if not is_pattern(path):
        return []
    try:
        numbers = find_numbers(path, None, 1)
    except MediaError:
        return []
    return [one for one in (frame_path(path, number) for number in numbers) if one.is_file()]


def _unlisted(path: Path, pictures: list[Path]) -> Report:
    """Pictures without a list of them."""
    types = {find_source_type(one) for one in pictures}
    return Report(path, Credentials("none"), types.pop() if len(types) == 1 else None)


def _joined(pictures: list[Path]) -> str:
    """The hash that a run's record has of a sequence."""
    joined = hashlib.sha256()
    for picture in pictures:
        joined.update(bytes.fromhex(sha256(picture)))
    return joined.hexdigest()


def _with_record(found: Report, digest: Any) -> Report:
    """With what a `run.json` beside the file, or one folder up, says of it."""
    place = found.path.absolute()
    for folder in dict.fromkeys((place.parent, place.parent.parent, place)):
        record = folder / RUN_FILE
        for shot in _shots(record):
            if not _means(folder / shot["file"], place):
                continue
            if digest is None:
                return replace(found, record=record, recorded="named")
            same: Recorded = "same" if shot.get("sha256") == digest() else "other"
            return replace(found, record=record, recorded=same)
    return found


def _shots(record: Path) -> list[dict[str, Any]]:
    try:
        table = json.loads(record.read_text("utf-8"))
        shots = [shot for shot in table["shots"] if isinstance(shot.get("file"), str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return shots


def _means(file: Path, place: Path) -> bool:
    """Whether a file that a record names is the one in question, or the sequence that it is of."""
    if file.resolve() == place.resolve():
        return True
    return is_pattern(file) and file.parent.resolve() in (place.resolve(), place.parent.resolve())


def _of_run(record: Path, reader: _Reader) -> Iterator[Report]:
    shots = _shots(record)
    if not shots:
        raise MediaError(f"{record}: is no record of a run, or of one that made nothing")
    for shot in shots:
        yield _named(record.parent / shot["file"], reader)


def _named(path: Path, reader: _Reader) -> Report:
    """The report of a file that something names, which may be gone."""
    if not path.is_file() and not _pictures_of(path) and _list_of(path) is None:
        return Report(path, Credentials("none"), missing=True)
    return next(iter(_reports(path, reader)))


def _of_timeline(path: Path, reader: _Reader) -> Iterator[Report]:
    from reenact_core.timeline.media_paths import Places, locate
    from reenact_core.timeline.read import read_timeline
    from reenact_core.timeline.references import result_of

    edit, found = read_timeline(path), False
    for clip in edit.timeline.find_clips():
        for reference in clip.media_references().values():
            record = result_of(reference)
            if record is None:
                continue
            found = True
            url = _url(reference)
            made = _named(locate(url, Places(edit.folder, (edit.folder,))), reader)
            yield replace(made, timeline=record.get("synthetic") is True)
    if not found:
        raise MediaError(f"{path}: names no file that reenact made")


def _url(reference: Any) -> str:
    """The file of a media reference, or the pattern of its sequence."""
    if hasattr(reference, "target_url"):
        return str(reference.target_url)
    padding = f"%0{reference.frame_zero_padding}d" if reference.frame_zero_padding else "%d"
    name = f"{reference.name_prefix}{padding}{reference.name_suffix}"
    return f"{reference.target_url_base}{name}"
