"""Requests that a server must not choke on, and the files that they name."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import opentimelineio as otio

from tests.synthetic import TimelineClip, write_clip, write_timeline

Request = tuple[str, dict[str, Any]]


def numbered(folder: Path, padding: int, last: int) -> Request:
    """`validate` of a timeline with an image sequence."""
    folder.mkdir()
    for number in (1, last):
        (folder / f"sh.{number:04d}.png").write_bytes(png(8, 8))
    reference = otio.schema.ImageSequenceReference(str(folder), "sh.", ".png", 1, 1, 25.0, padding)
    return timeline_of(folder / "cut.otio", reference)


def timeline_of(path: Path, reference: Any) -> Request:
    """`validate` of a timeline of one clip."""
    span = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(2, 25)
    )
    clip = otio.schema.Clip("sh", reference, span)
    track = otio.schema.Track("V1", [clip], kind=otio.schema.TrackKind.Video)
    otio.adapters.write_to_file(otio.schema.Timeline("cut", tracks=[track]), str(path))
    asked = {"clips": ["sh"], "source": str(path.parent.parent / "face.png")}
    return "validate", {"timeline": {"path": str(path)}, "options": asked}


def png(width: int, height: int, told: tuple[int, int] | None = None) -> bytes:
    """A black grey picture; `told` is the size that its header says instead."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return len(data).to_bytes(4, "big") + kind + data + check.to_bytes(4, "big")

    said = told or (width, height)
    head = b"".join(side.to_bytes(4, "big") for side in said) + bytes([8, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def huge_tiff(path: Path, side: int) -> Request:
    """`detect` in a black TIFF of which the disk holds nothing but the header."""
    tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 256), (277, 1),
            (278, side), (279, side * side)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4))
    os.truncate(path, 256 + side * side)
    return "detect", {"path": str(path)}


def huge_header(path: Path) -> Request:
    """`detect` in a small PNG that says that it is huge."""
    path.write_bytes(png(64, 64, (65_000, 65_000)))
    return "detect", {"path": str(path)}


def pipe(path: Path) -> Path:
    """A FIFO that nobody writes into."""
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    return path


def piped_media(folder: Path) -> Request:
    """`validate` of a timeline whose media is a FIFO."""
    media = otio.schema.ExternalReference(str(pipe(folder / "a.mov")))
    return timeline_of(folder / "cut.otio", media)


def many_clips(root: Path, count: int) -> Request:
    """`validate` of a timeline of so many clips of one file."""
    clip = write_clip(root / "many.mkv", 4)
    ask = {"version": 1, "mode": "recast", "source": str(root / "face.png")}
    clips = [TimelineClip(f"c{number}", clip, 0, 4, 4, ask) for number in range(count)]
    return "validate", {"timeline": {"path": str(write_timeline(root / "many.otio", clips))}}
