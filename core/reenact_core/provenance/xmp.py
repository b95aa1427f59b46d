"""IPTC's digital source type as XMP: put into MP4, QuickTime, PNG and JPEG files, and read back.

In MP4 and QuickTime a box is added behind everything else; in PNG a chunk and in JPEG a segment
before the picture's data. Nothing else changes. Other files have no agreed place that can be had so
cheaply.
"""

import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""UUID of the box that holds XMP, from Adobe's specification."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEY = b"XML:com.adobe.xmp\0\0\0\0\0"
_JPEG_KEY = b"http://ns.adobe.com/xap/1.0/\0"
_LARGEST = 1 << 20
_SOURCE_TYPE = re.compile(rb"DigitalSourceType[^>]{0,20}[>\"']\s*([!-;=?-~]+?)\s*[<\"']")


def packet(source_type: str) -> bytes:
    """The XMP of a file of that source type; always the same bytes."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' Iptc4xmpExt:DigitalSourceType="{source_type}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def put_xmp(path: Path, source_type: str) -> bool:
    """Add XMP to a file that no one else has yet; False where its kind has no place for it.

    Raises:
        OSError: the file cannot be written, or the disk is full.
    """
    suffix, data = path.suffix.lower(), packet(source_type)
    if suffix in (".mp4", ".m4v", ".mov", ".qt"):
        with path.open("ab") as stream:
            stream.write(struct.pack(">I4s", 24 + len(data), b"uuid") + BOX + data)
        return True
    if suffix == ".png":
        body = b"iTXt" + _PNG_KEY + data
        length = struct.pack(">I", len(body) - 4)
        return _insert(path, _PNG, 33, length + body + struct.pack(">I", zlib.crc32(body)))
    if suffix in (".jpg", ".jpeg"):
        body = _JPEG_KEY + data
        segment = b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body
        return _insert(path, b"\xff\xd8", _behind_jfif(path), segment)
    return False


def _behind_jfif(path: Path) -> int:
    """Where a JPEG file takes a segment: JFIF's own must stay the first."""
    with path.open("rb") as stream:
        head = stream.read(6)
    if head[2:4] == b"\xff\xe0":
        return 4 + int.from_bytes(head[4:6], "big")
    return 2


def _insert(path: Path, begin: bytes, at: int, new: bytes) -> bool:
    """Put bytes into a file that begins as expected."""
    partial = path.with_name(f"{path.name}.xmp")
    try:
        with path.open("rb") as old, partial.open("wb") as made:
            head = old.read(at)
            if not head.startswith(begin):
                return False
            made.write(head + new)
            shutil.copyfileobj(old, made)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return True


def find_source_type(path: Path) -> str | None:
    """IPTC's digital source type in a file's XMP; None: it has none that can be found.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        for part in _packets(stream, path.stat().st_size):
            if found := _SOURCE_TYPE.search(part):
                return found[1].decode("ascii")
    return None


def _packets(stream: IO[bytes], size: int) -> Iterator[bytes]:
    begin = stream.read(8)
    if begin == _PNG:
        yield from _png_packets(stream)
    elif begin.startswith(b"\xff\xd8"):
        stream.seek(2)
        yield from _jpeg_packets(stream)
    elif begin[4:] in (b"ftyp", b"wide", b"moov", b"mdat", b"free"):
        stream.seek(0)
        yield from _box_packets(stream, size)


def _box_packets(stream: IO[bytes], size: int) -> Iterator[bytes]:
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        header = stream.read(24)
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) >= 16:
            length = struct.unpack(">Q", header[8:16])[0]
        elif kind == b"uuid" and header[8:24] == BOX:
            yield stream.read(min(length - 24, _LARGEST))
        if length < 8:
            return
        at += length


def _png_packets(stream: IO[bytes]) -> Iterator[bytes]:
    while len(header := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind == b"iTXt" and length < _LARGEST:
            yield stream.read(length)
            stream.seek(4, os.SEEK_CUR)
        else:
            stream.seek(length + 4, os.SEEK_CUR)


def _jpeg_packets(stream: IO[bytes]) -> Iterator[bytes]:
    while len(header := stream.read(4)) == 4:
        mark, kind, length = struct.unpack(">BBH", header)
        if mark != 0xFF or kind == 0xDA or length < 2:
            return
        body = stream.read(length - 2)
        if kind == 0xE1 and body.startswith(_JPEG_KEY):
            yield body
