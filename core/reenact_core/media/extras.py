"""What a file holds besides pictures and sound: tags, chapters, subtitles, dispositions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition

Tags = tuple[tuple[str, str], ...]

# What muxers write by themselves, or what would be wrong of the new file.
_OWN = frozenset(
    (
        "major_brand", "minor_version", "compatible_brands", "encoder", "encoding_tool", "duration",
        "software", "timecode", "language", "rotate", "vendor_id", "bps", "number_of_frames",
        "number_of_bytes", "operational_pattern_ul", "uid", "generation_uid", "product_uid",
        "product_version", "product_version_num", "toolkit_version_num", "application_platform",
        "material_package_umid", "file_package_umid", "company_name", "product_name",
        "modification_date", "isft", "timecode_rate",
    )
)  # fmt: skip
# Tags that QuickTime and MP4 have places for; all others go into a table of keys.
_PLACED = frozenset(
    (
        "title", "artist", "album", "album_artist", "composer", "comment", "copyright", "date",
        "description", "genre", "grouping", "lyrics", "make", "model", "creation_time", "track",
        "synopsis", "show", "episode_id", "network", "keywords", "author", "director", "performers",
    )
)  # fmt: skip
BESIDE = {
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid metadata",
    "A53_CC": "closed captions in the pictures",
    "FILM_GRAIN_PARAMS": "film grain parameters",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
    "AFD": "the active format description",
    "STEREO3D": "the stereoscopic layout",
    "SPHERICAL": "the spherical projection",
}
"""What travels beside frames and encoders are not given: PyAV puts nothing beside a frame."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named stretch of a file."""

    start: Fraction
    """Seconds in the file's own clock."""
    stop: Fraction
    tags: Tags


@dataclass(frozen=True, slots=True)
class Extras:
    """What is not pictures and not sound."""

    tags: Tags = ()
    """Of the container, by FFmpeg's names, but for those that muxers write by themselves."""
    picture_tags: Tags = ()
    """Of the picture stream, as `handler_name`, `creation_time`, `reel_name`."""
    disposition: int = 0
    """Of the picture stream: default, forced, ...; FFmpeg's flags."""
    chapters: tuple[Chapter, ...] = ()
    subtitles: tuple[str, ...] = ()
    """The codec of every subtitle track, in order."""
    subtitle_flags: tuple[int, ...] = ()
    """The disposition of every subtitle track, in the same order."""
    others: tuple[str, ...] = ()
    """What else there is, in words: further pictures, data tracks, attachments."""
    beside: tuple[str, ...] = ()
    """What travels beside the first frame, in words."""
    big_endian: bool = False
    """Of DPX: the highest bytes come first."""


NOTHING = Extras()


def read_extras(
    container: InputContainer, stream: av.VideoStream, side: Iterable[str] = ()
) -> Extras:
    """What an open file holds besides pictures and sound.

    Args:
        side: FFmpeg's names of what lies beside the first frame.
    """
    picture = dict(kept_tags(stream.metadata))
    for track in container.streams:
        if "reel_name" in track.metadata:
            picture.setdefault("reel_name", track.metadata["reel_name"])
    return Extras(
        kept_tags(container.metadata),
        tuple(picture.items()),
        int(stream.disposition),
        tuple(_chapters(container)),
        tuple(_codec(track) for track in container.streams.subtitles),
        tuple(int(track.disposition) for track in container.streams.subtitles),
        tuple(_others(container, stream)),
        tuple(dict.fromkeys(BESIDE[name] for name in side if name in BESIDE)),
    )


def kept_tags(tags: Mapping[str, str]) -> Tags:
    """The tags that are the author's, with FFmpeg's lower-case names; empty ones are left out."""
    named = ((_name(key), str(value)) for key, value in tags.items())
    return tuple((key, value) for key, value in named if key.lower() not in _OWN and value.strip())


def container_options(muxer: str, extras: Extras) -> dict[str, str]:
    """The muxer's options, so that it has a place for everything that it is given."""
    if muxer not in ("mov", "mp4"):
        return {}
    strange = any(key not in _PLACED for key, _ in extras.tags)
    return {"movflags": "+write_colr" + ("+use_metadata_tags" if strange else "")}


def write_tags(target: OutputContainer, stream: av.VideoStream, extras: Extras, ours: Tags) -> None:
    """Give a new file the tags and the disposition of its source, and `ours` before them."""
    tags = dict(extras.tags)
    for key, value in ours:
        tags[key] = f"{value} | {tags[key]}" if key in tags else value
    target.metadata.update(tags)
    stream.metadata.update(dict(extras.picture_tags))
    if extras.disposition:
        stream.disposition = Disposition(extras.disposition)


def write_chapters(
    target: OutputContainer, extras: Extras, start: Fraction, stop: Fraction
) -> None:
    """Give a new file the chapters of a stretch of its source, in seconds of the source's clock."""
    found = [
        {
            "id": number,
            "start": round((max(chapter.start, start) - start) * 1000),
            "end": round((min(chapter.stop, stop) - start) * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": dict(chapter.tags),
        }
        for number, chapter in enumerate(extras.chapters)
        if chapter.start < stop and chapter.stop > start
    ]
    if found:
        target.set_chapters(found)  # type: ignore[arg-type]


def lost_extras(
    extras: Extras, written: Extras | None, held: frozenset[str], muxer: str
) -> Iterator[str]:
    """What a new file will not hold, a sentence each.

    Args:
        written: what a blank file held that was given all of it; None: a folder of pictures.
        held: the codecs that the container takes.
    """
    subtitles = extras.subtitles if written is None else _left_out(extras.subtitles, held)
    if subtitles:
        yield f"subtitles ({', '.join(subtitles)}) are not written; the container takes none such"
    if muxer == "mov":  # FFmpeg writes them to MP4 and Matroska alone
        pairs = zip(extras.subtitles, extras.subtitle_flags, strict=True)
        marks = {name for codec, flags in pairs if codec in held for name in _marks(flags)}
        if marks:
            named = ", ".join(sorted(marks))
            yield f"marks of subtitles ({named}) are not written; QuickTime holds none"
    if extras.chapters and (written is None or not written.chapters):
        yield "chapters are not written; the container holds none"
    names = dict(extras.tags).keys() - dict(written.tags if written else ()).keys()
    names |= dict(extras.picture_tags).keys() - dict(written.picture_tags if written else ()).keys()
    if names:
        yield f"tags ({', '.join(sorted(names))}) are not written; the container takes none such"
    if extras.others:
        yield f"{', '.join(dict.fromkeys(extras.others))} are not written"
    for name in extras.beside:
        if written is not None and name in written.beside:
            continue
        yield f"{name} are not written; they stay in the source"


def _marks(flags: int) -> Iterator[str]:
    """The names of a track's disposition, but for that of the one that players choose first."""
    for mark in Disposition:
        if mark & flags and mark != Disposition.default and mark.name:
            yield mark.name.replace("_", " ")


def _left_out(subtitles: Iterable[str], held: frozenset[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codec for codec in subtitles if codec not in held))


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters():
        table: Any = chapter
        base = Fraction(table["time_base"].numerator, table["time_base"].denominator)
        start, stop = table["start"] * base, table["end"] * base
        if stop > start:
            yield Chapter(start, stop, kept_tags(table["metadata"]))


def _others(container: InputContainer, stream: av.VideoStream) -> Iterator[str]:
    of_chapters = len(container.chapters()) > 0 and container.format.name.startswith("mov")
    for track in container.streams:
        if track.type == "video" and track.index != stream.index:
            cover = track.disposition & Disposition.attached_pic
            yield "a cover picture" if cover else "further picture tracks"
        elif track.type == "data" and "timecode" not in track.metadata:
            if not of_chapters:
                yield "data tracks"
            of_chapters = False  # their titles are in one such track
        elif track.type == "attachment":
            yield "attachments"


def _codec(track: Any) -> str:
    return str(track.codec_context.codec.canonical_name) if track.codec_context else "unknown"


def _name(key: str) -> str:
    """Matroska writes names in capitals."""
    return key.lower() if key.isupper() else key
