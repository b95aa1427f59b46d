"""Tags, chapters, subtitles and dispositions come back, or the notes say that they do not."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.ffmpeg_binary import find_ffmpeg
from reenact_core.media.fitting import fit_codec
from reenact_core.media.join import Piece, join
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange

WORDS = """1
00:00:00,500 --> 00:00:01,200
Hello

2
00:00:01,800 --> 00:00:03,000
World

3
00:00:03,200 --> 00:00:03,900
Gone
"""
TAGS = """;FFMETADATA1
title=A Film
artist=Somebody
comment=the author's own
com.example.shot=sh010
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1500
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=3500
title=Two
[CHAPTER]
TIMEBASE=1/1000
START=3500
END=4000
title=Three
"""


def made(folder: Path, suffix: str) -> Path:
    """Four seconds of pictures, sound, words and chapters, by the ffmpeg program."""
    (folder / "words.srt").write_text(WORDS)
    (folder / "tags.txt").write_text(TAGS)
    path = folder / f"clip{suffix}"
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4"]
    inputs += ["-i", str(folder / "words.srt"), "-i", str(folder / "tags.txt")]
    words = "subrip" if suffix == ".mkv" else "mov_text"
    options = ["-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3", "-map_chapters", "3"]
    options += ["-metadata", "creation_time=2020-02-03T04:05:06Z", "-c:s", words]
    options += ["-metadata:s:v", "handler_name=Camera A", "-metadata:s:a", "handler_name=Boom"]
    options += [
        "-metadata:s:s",
        "language=ger",
        "-disposition:s",
        "forced",
        "-disposition:v",
        "default",
    ]
    options += ["-movflags", "use_metadata_tags", "-c:v", "mpeg4", "-c:a", "aac"]
    subprocess.run([find_ffmpeg(), "-v", "error", *inputs, *options, str(path)], check=True)
    return path


def written(info: MediaInfo, frames: FrameRange, codec: str, folder: Path) -> Path:
    settings, _ = fit_codec(info, codec)  # type: ignore[arg-type]
    path = settings.output_path(folder, f"new-{frames.start}")
    with open_encoder(path, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    return path


def words_of(path: Path) -> list[tuple[float, float, bytes]]:
    """When every event begins and how long it is shown, in seconds, and its text."""
    with av.open(str(path)) as container:
        return [
            (
                round(float(packet.pts * packet.time_base), 2),
                round(float((packet.duration or 0) * packet.time_base), 2),
                bytes(packet).lstrip(b"\0\5\4"),
            )
            for packet in container.demux(container.streams.subtitles)
            if packet.size > 2 and packet.pts is not None and packet.time_base is not None
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("way", ["encoded", "joined"])
def test_a_range_takes_everything_of_its_part_along(tmp_path: Path, suffix: str, way: str) -> None:
    info = probe(made(tmp_path, suffix))
    assert (info.extras.subtitle_flags[0] & Disposition.forced > 0) == (suffix != ".mov")
    frames = FrameRange(25, 75, info.rate)
    settings, notes = fit_codec(info, "match")
    assert not any("not written" in note for note in notes)
    if way == "encoded":
        path = written(info, frames, "match", tmp_path / "out")
    else:
        parts = [FrameRange(25, 50, info.rate), FrameRange(50, 75, info.rate)]
        pieces = [Piece(written(info, part, "match", tmp_path / "out"), part) for part in parts]
        path = tmp_path / f"joined{suffix}"
        join(path, pieces, info, frames, settings)
    got = probe(path).extras
    assert got.subtitle_flags == info.extras.subtitle_flags
    assert dict(info.extras.tags).items() <= dict(got.tags).items()
    assert dict(got.picture_tags)["handler_name"] == "Camera A"
    assert dict(got.tags)["creation_time"].startswith("2020-02-03T04:05:06")
    chapters = [
        (float(one.start), float(one.stop), dict(one.tags)["title"]) for one in got.chapters
    ]
    late = float(info.start_time)  # of a Matroska file whose sound begins before its pictures
    assert [title for _, _, title in chapters] == ["One", "Two"]
    assert chapters[0][1] == pytest.approx(0.5 - late, abs=0.03)
    shown = [(begins, lasts, text[-5:]) for begins, lasts, text in words_of(path)]
    assert [text for _, _, text in shown] == [b"Hello", b"World"]
    assert shown[0][:2] == pytest.approx((0, 0.2 - late), abs=0.04)
    assert shown[1][:2] == pytest.approx((0.8 - late, 1.2), abs=0.04)
    with av.open(str(path)) as container:
        assert container.streams.subtitles[0].metadata["language"] == "ger"


def test_what_another_container_does_not_hold_is_said(tmp_path: Path) -> None:
    info = probe(made(tmp_path, ".mkv"))
    _, notes = fit_codec(info, "prores")
    assert any(note.startswith("subtitles (subrip) are not written") for note in notes)
    _, notes = fit_codec(info, "png")
    said = " ".join(notes)
    for part in ("subtitles (subrip)", "chapters are not written", "title", "com.example.shot"):
        assert part in said


def test_quicktime_is_said_not_to_mark_subtitles_as_forced(tmp_path: Path) -> None:
    info = probe(made(tmp_path, ".mp4"))
    _, notes = fit_codec(info, "prores")
    assert "marks of subtitles (forced) are not written; QuickTime holds none" in notes
    path = written(info, FrameRange(0, 25, info.rate), "prores", tmp_path / "out")
    assert not probe(path).extras.subtitle_flags[0] & Disposition.forced


def test_a_file_with_nothing_beside_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1"]
    subprocess.run([find_ffmpeg(), "-v", "error", *inputs, "-c:v", "mpeg4", str(path)], check=True)
    for codec in ("match", "ffv1", "prores", "hevc"):
        _, notes = fit_codec(probe(path), codec)
        assert not any("not written" in note for note in notes)
    assert probe(path).rate == Fraction(25)
