import struct
from pathlib import Path

import pytest

from reenact_core.media.exr_header import left_behind
from reenact_core.media.probe import probe
from tests.core.media.test_floats import write_exr


def entry(name: str, kind: str, data: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(data)) + data


def channels(*names: str) -> bytes:
    each = [name.encode() + b"\0" + struct.pack("<IIII", 1, 0, 1, 1) for name in names]
    return entry("channels", "chlist", b"".join(each) + b"\0")


def window(name: str, *corners: int) -> bytes:
    return entry(name, "box2i", struct.pack("<4i", *corners))


def header(*entries: bytes, flags: int = 2) -> bytes:
    return b"v/1\x01" + struct.pack("<I", flags) + b"".join(entries) + b"\0"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (header(channels("A", "B", "G", "R")), ()),
        (header(channels("B", "G", "R", "Z", "spec.R", "id", "N.x", "N.y")), ("Z, spec.R, id, N",)),
        (header(channels("B", "G", "R"), flags=0x1002), ("more than one part",)),
        (header(window("dataWindow", -8, 0, 71, 47), window("displayWindow", 0, 0, 63, 47)),
         ("outside the display window",)),
        (header(window("dataWindow", 8, 8, 40, 40), window("displayWindow", 0, 0, 63, 47)), ()),
        (header(entry("chromaticities", "chromaticities", bytes(32)), channels("R")),
         ("chromaticities",)),
    ],
)  # fmt: skip
def test_what_is_left_behind_is_said(data: bytes, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(data)
    found = left_behind(tmp_path / "a.exr")
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_a_header_that_is_cut_off_anywhere_is_no_error(tmp_path: Path) -> None:
    whole = header(channels("R", "Z"), window("dataWindow", 0, 0, 9, 9), entry("x", "int", b"1234"))
    for length in range(1, len(whole)):
        (tmp_path / "a.exr").write_bytes(whole[:length])
        left_behind(tmp_path / "a.exr")


def test_probing_says_what_a_file_holds_besides(tmp_path: Path) -> None:
    write_exr(tmp_path / "a.exr", "gbrpf32le", "half")
    assert probe(tmp_path / "a.exr").notes == ()
    data = (tmp_path / "a.exr").read_bytes()
    more = entry("owner", "string", b"someone")
    (tmp_path / "b.exr").write_bytes(data[:8] + more + data[8:])
    assert any("owner" in note for note in probe(tmp_path / "b.exr").notes)
