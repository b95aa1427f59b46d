import ast
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import reenact_core
from reenact_core.errors import MediaError
from reenact_core.media.decode import decode
from reenact_core.media.ffmpeg_binary import decoded_sound
from reenact_core.media.opening import open_file, opened, stamp_of
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, write_clip

REPOSITORY = Path(reenact_core.__file__).parents[2]

PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n",
    "hls-absolute.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{folder}/secret.ts\n"
    "#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile secret.ts\n",
    "dash.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">'
    '<Period duration="PT1S"><AdaptationSet mimeType="video/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>secret.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "cpl.xml": '<?xml version="1.0"?><CompositionPlaylist '
    'xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>urn:uuid:1</Id>'
    "<EditRate>25 1</EditRate><SegmentList/></CompositionPlaylist>",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "subtitles.idx": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
    "smooth.ism": '<?xml version="1.0"?><smil><body><switch><video src="secret.mp4"/></switch>'
    "</body></smil>",
    "graph.lavfi": "movie=secret.ts",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media that lists name, and the lists."""
    folder = tmp_path_factory.mktemp("lists")
    for name in ("secret.ts", "secret.mp4"):
        write_clip(folder / name, Clip(count=5))
    for name, text in PLAYLISTS.items():
        (folder / name).write_text(text.format(folder=folder))
    return folder


@pytest.mark.parametrize("suffix", ["", ".mp4", ".mkv", ".mov", ".ts", ".png", ".m3u8", ".tga"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_list_of_other_files_is_no_media(folder: Path, name: str, suffix: str) -> None:
    path = folder / f"{name}{suffix}"
    if suffix:
        path.write_bytes((folder / name).read_bytes())
    with pytest.raises(MediaError):
        probe(path)


def test_the_ffmpeg_program_reads_no_list_either(folder: Path, tmp_path: Path) -> None:
    stops = Fraction(1)
    for name in ("hls.m3u8", "list.ffconcat", "dash.mpd"):
        with pytest.raises(MediaError, match="its sound cannot be decoded"):
            sound = decoded_sound((folder / name, None), Fraction(0), stops, tmp_path / "a.mov")
            with sound:
                pass
    assert not list(tmp_path.iterdir())


def test_a_playlist_is_told_from_damage(folder: Path) -> None:
    with pytest.raises(MediaError, match="a playlist or another list of files never is"):
        probe(folder / "hls.m3u8")


def test_a_reference_inside_quicktime_is_not_followed(tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.mov", Clip(count=3))
    content = _pointing(secret.read_bytes(), "secret.mov")
    outside = tmp_path / "pointing.mov"
    outside.write_bytes(content[: content.index(b"mdat") - 4] + _without_data(content))
    followed = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(outside), options=followed) as container:
        assert next(container.decode(video=0)).width == 96  # the reference is a good one
    with pytest.raises(MediaError):
        probe(outside)


def _without_data(content: bytes) -> bytes:
    """What follows the media data, and in its place a hole as large."""
    at = content.index(b"mdat") - 4
    size = struct.unpack(">I", content[at : at + 4])[0]
    return struct.pack(">I4s", size, b"free") + bytes(size - 8) + content[at + size :]


def _pointing(content: bytes, name: str) -> bytes:
    """A QuickTime file whose only track says that its media lie in a file beside it."""
    alias = bytes(10) + bytes(28) + bytes(12)
    alias += bytes([len(name)]) + name.encode().ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name.encode() + b"\0" * (len(name) % 2)
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    return _replaced(content, b"dref", struct.pack(">II", 0, 1) + entry)


def _replaced(content: bytes, kind: bytes, payload: bytes) -> bytes:
    """The boxes with the payload of every box of a kind replaced."""
    made, at = b"", 0
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        inner = content[at + 8 : at + size]
        if name == kind:
            inner = payload
        elif name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            inner = _replaced(inner, kind, payload)
        made += struct.pack(">I4s", 8 + len(inner), name) + inner
        at += size
    return made


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/zero")):
        with pytest.raises(MediaError, match="is a device or a pipe"):
            probe(path)


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "a%04d.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "a0001.png")
    assert probe(tmp_path / "a%04d.png").width == 8


@pytest.mark.parametrize("suffix", [".tga", ".png"])
def test_a_still_is_read_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    kind = {".tga": "TGA", ".png": "JPEG"}[suffix]
    Image.new("RGB", (8, 6), (9, 200, 90)).save(tmp_path / f"a{suffix}", format=kind)
    assert probe(tmp_path / f"a{suffix}").still


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".mp4", ""])
def test_a_jpeg_is_read_however_large(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3)).astype(np.uint8)
    path = tmp_path / f"large{suffix}"
    Image.fromarray(noise).save(path, "JPEG", quality=95)
    with opened(path) as container:
        assert container.format.name == "jpeg_pipe"
        assert next(container.decode(video=0)).width == 800


def test_a_file_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    stamp = stamp_of(path)
    with open_file(path, stamp) as stream:
        assert stream.read() == b"one"
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp.modified, stamp.modified + 1))
    told = "has changed since this job first looked at it"
    with pytest.raises(MediaError, match=told), open_file(path, stamp):
        pass


def test_another_file_of_the_same_size_and_time_is_another(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"one")
    stamp = stamp_of(path)
    other.write_bytes(b"two")
    os.utime(other, ns=(stamp.modified, stamp.modified))
    os.replace(other, path)
    with pytest.raises(MediaError, match="has changed"), open_file(path, stamp):
        pass


def test_a_file_that_is_written_to_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    with pytest.raises(MediaError, match="has changed"), open_file(path, stamp_of(path)) as stream:
        stream.read()
        with path.open("ab") as more:
            more.write(b"two")


def test_a_link_that_is_turned_round_is_not_followed(tmp_path: Path) -> None:
    own = write_clip(tmp_path / "own.mp4", Clip(count=4))
    secret = write_clip(tmp_path / "secret.mp4", Clip(count=4))
    link = tmp_path / "link.mp4"
    link.symlink_to(own)
    info = probe(link)
    link.unlink()
    link.symlink_to(secret)
    with pytest.raises(MediaError, match=r"link\.mp4: has changed since this job"):
        list(decode(info, FrameRange(0, 4, info.rate)))


def test_every_picture_of_a_sequence_is_known_again(tmp_path: Path) -> None:
    for number in range(4):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"a.{number}.png")
    info = probe(tmp_path / "a.%d.png")
    pictures = decode(info, FrameRange(0, 4, Fraction(25)), ahead=1)
    assert int(next(pictures).planes[0][0, 0]) == 0
    (tmp_path / "a.3.png").unlink()
    (tmp_path / "a.3.png").symlink_to(tmp_path / "a.1.png")
    with pytest.raises(MediaError, match=r"a\.3\.png: has changed since this job"):
        list(pictures)


def test_a_hole_of_a_sequence_stays_one(tmp_path: Path) -> None:
    for number in (0, 2):
        Image.new("RGB", (8, 8)).save(tmp_path / f"a.{number}.png")
    info = probe(tmp_path / "a.%d.png")
    (tmp_path / "a.1.png").symlink_to(tmp_path / "a.2.png")
    with pytest.raises(MediaError, match=r"a\.1\.png: is missing"):
        list(decode(info, FrameRange(0, 3, Fraction(25))))


def test_sound_is_copied_from_the_file_that_was_looked_at(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mov", Clip(count=5, sound=("pcm_s16le",)))
    file = probe(path).file_of(0)
    decoded = decoded_sound(file, Fraction(0), Fraction(1, 5), tmp_path / "b.mov")
    with decoded as sound, opened(sound) as container:
        samples = [frame.to_ndarray() for frame in container.decode(audio=0)]
    assert np.abs(np.concatenate(samples, axis=1)).max() > 0
    write_clip(path, Clip(count=6, sound=("pcm_s16le",)))
    sound_again = decoded_sound(file, Fraction(0), Fraction(1, 5), tmp_path / "b.mov")
    with pytest.raises(MediaError, match="has changed"), sound_again:
        pass


def test_nothing_else_opens_files_with_ffmpeg() -> None:
    folders = ("core", "bridge", "training", "reenact_cli")
    files = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    assert len(files) > 200
    found = {path.name: list(_opens(ast.parse(path.read_text("utf-8")))) for path in files}
    assert [name for name, calls in found.items() if calls] == ["opening.py"]


def _opens(tree: ast.AST) -> Iterator[Any]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("av.open", "cv2.VideoCapture"):
            yield node
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "av":
            yield from (name for name in node.names if name.name == "open")
