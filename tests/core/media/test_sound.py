from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reenact_core.media.codecs import Codec
from reenact_core.media.ffmpeg_binary import find_ffmpeg
from reenact_core.media.probe import probe
from tests.core.media.clips import Clip, decoded_samples, rewrite, sound_packets, write_clip

TWO = Clip(sound=("aac", "aac"), count=50)


@pytest.mark.parametrize("codec", ["match", "ffv1", "prores", "dnxhr", "h264", "hevc"])
def test_a_whole_clip_keeps_every_packet(tmp_path: Path, codec: Codec) -> None:
    clip = Clip(sound=("aac", "aac"), count=30, size=(320, 192))
    source = write_clip(tmp_path / "a.mp4", clip)
    new = rewrite(source, tmp_path, codec)
    assert sound_packets(new) == sound_packets(source)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("match", ".mov"), ("match", ".mkv"), ("ffv1", ".mp4"), ("h264", ".ts")]
)
def test_a_part_keeps_the_packets_of_its_time(tmp_path: Path, codec: Codec, suffix: str) -> None:
    source = write_clip(tmp_path / f"a{suffix}", TWO)
    new = rewrite(source, tmp_path, codec, 17, 40)
    info, found = probe(source), probe(new)
    start = int(info.times[17]) * info.time_base
    for before, after in zip(sound_packets(source), sound_packets(new), strict=True):
        payloads = [_bare(data) for _, data in before]
        first = payloads.index(_bare(after[0][1]))
        assert [_bare(data) for _, data in after] == payloads[first : first + len(after)]
        for (old, _), (time, _) in zip(before[first:], after, strict=False):
            # A tick of the container, and of the sound's own clock.
            assert abs((time - found.start_time) - (old - start)) < Fraction(2, 1000)
        packet = Fraction(1024, 48000)
        assert after[0][0] - found.start_time < packet
        assert after[-1][0] - found.start_time + 2 * packet > Fraction(23, 25)


def _bare(data: bytes) -> bytes:
    """An AAC packet without the seven bytes that a transport stream puts before it."""
    return data[7:] if data[:2] == b"\xff\xf1" else data


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pcm_is_in_step_to_the_sample(tmp_path: Path, suffix: str) -> None:
    source = write_clip(tmp_path / f"a{suffix}", Clip(sound=("pcm_s16le",), count=50))
    _, whole = decoded_samples(source)
    new = rewrite(source, tmp_path, "match", 17, 40)
    start, part = decoded_samples(new)
    delay = start - probe(new).start_time
    at = round((Fraction(17, 25) + delay) * 48000)
    differences = [
        np.abs(whole[at + shift : at + shift + 20000] - part[:20000]).mean()
        for shift in range(-100, 101)
    ]
    best = int(np.argmin(differences)) - 100
    assert abs(best) <= (1 if suffix == ".mov" else 60)  # Matroska: milliseconds
    assert 0 <= delay < Fraction(1024, 48000) + Fraction(1, 500)


def test_sound_that_no_container_takes_is_decoded(tmp_path: Path) -> None:
    clip = Clip(codec="mpeg4", sound=("adpcm_ms",), count=50)
    source = write_clip(tmp_path / "a.avi", clip)
    new = rewrite(source, tmp_path, "prores", 10, 40)
    found = probe(new)
    assert found.sound_codecs == ("pcm_s24le",)
    _, whole = decoded_samples(source)
    start, part = decoded_samples(new)
    assert abs(len(part) / 48000 - 30 / 25) < 0.03
    assert start == 0
    at = round(Fraction(10, 25) * 48000)
    loud = part / (1 << 16)  # 24 bits, given in 32
    shifts = range(-600, 601, 4)
    errors = [np.abs(whole[at + s : at + s + 9000] - loud[:9000]).mean() for s in shifts]
    assert min(errors) < 400
    assert not [path.name for path in tmp_path.iterdir() if "partial" in path.name]


def test_sound_that_starts_late_stays_late(tmp_path: Path) -> None:
    import av

    source = write_clip(tmp_path / "a.mp4", Clip(sound=("aac",), count=50))
    late = tmp_path / "late.mp4"
    with av.open(str(source)) as reader, av.open(str(late), "w") as writer:
        tracks = {
            stream.index: writer.add_stream_from_template(stream, opaque=True)
            for stream in (*reader.streams.video, *reader.streams.audio)
        }
        for packet in reader.demux(video=0, audio=0):
            if packet.pts is None or packet.dts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts, packet.dts = packet.pts + 24000, packet.dts + 24000
            packet.stream = tracks[packet.stream_index]
            writer.mux(packet)
    for codec in ("match", "ffv1"):
        assert sound_packets(rewrite(late, tmp_path, codec)) == sound_packets(late)
        part = sound_packets(rewrite(late, tmp_path, codec, 5, 30))[0]
        whole = sound_packets(late)[0]
        assert abs(part[0][0] - (whole[0][0] - Fraction(5, 25))) < Fraction(1, 1000)


def test_an_ffmpeg_program_is_there() -> None:
    assert Path(find_ffmpeg()).is_file()
