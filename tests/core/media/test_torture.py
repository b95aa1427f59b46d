"""Every odd file of the shared footage, there and back."""

from pathlib import Path

import numpy as np
import pytest

from reenact_core.errors import MediaError
from reenact_core.frames import Picture
from reenact_core.media.codecs import Codec
from reenact_core.media.decode import decode
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import all_frames, rewrite, same, sound_packets

REFUSED = {
    "audio_only.m4a": "sound only",
    "audio_only.mp4": "sound only",
    "text_named.mp4": "no media file",
    "truncated_no_moov.mp4": "cut off",
    "zero_byte.mp4": "empty",
}
COUNTS = {
    "anamorphic_sar4x3.mp4": 48,
    "bitflips_mid.mp4": 60,
    "bt601_sd.mp4": 30,
    "dnxhr_hq_8bit.mov": 15,
    "dnxhr_hqx_10bit.mxf": 15,
    "dropframe_tc_2997.mov": 30,
    "fullrange_yuvj420p.mp4": 48,
    "hevc10_hdr10_pq_bt2020.mp4": 48,
    "interlaced_mpeg2_576i_tff.mpg": 40,
    "odd_333x187_mjpeg.avi": 30,
    "odd_641x361_h264_444.mp4": 36,
    "one_frame.mp4": 1,
    "prores422hq_10bit_23976_tc.mov": 24,
    "prores4444_alpha.mov": 14,
    "resolution_change_midstream.ts": 42,
    "rotated90_metadata.mp4": 50,
    "start_offset_1h.ts": 36,
    "truncated_moov_first.mp4": 30,
    "two_audio_tracks.mov": 36,
    "untagged_colour.mp4": 28,
    "vfr_h264.mp4": 41,
}
WHOLE = sorted(set(COUNTS) - {"resolution_change_midstream.ts"})


@pytest.fixture(scope="module")
def torture(shared: Path) -> Path:
    return shared / "clips" / "torture"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence(torture: Path, name: str) -> None:
    with pytest.raises(MediaError, match=REFUSED[name]) as caught:
        probe(torture / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", COUNTS)
def test_the_count_is_what_decodes(torture: Path, name: str) -> None:
    assert probe(torture / name).frame_count == COUNTS[name]


@pytest.mark.parametrize("name", WHOLE)
def test_any_frame_is_the_same_alone(torture: Path, name: str) -> None:
    whole = all_frames(torture / name)
    for number in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        alone = all_frames(torture / name, number, number + 1)
        assert len(alone) == 1
        assert same(alone[0], whole[number])


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("codec", ["ffv1", "match"])
def test_a_part_goes_there_and_back(torture: Path, tmp_path: Path, name: str, codec: Codec) -> None:
    source, info = torture / name, probe(torture / name)
    start, stop = min(5, info.frame_count - 1), max(1, info.frame_count - 3)
    stop = max(stop, start + 1)
    target = rewrite(source, tmp_path, codec, start, stop)
    new = probe(target)
    assert new.frame_count == stop - start
    assert (new.width, new.height, new.rotation) == (info.width, info.height, info.rotation)
    assert new.pixel_aspect == info.pixel_aspect
    assert _tags(new) == _tags(info)
    assert len(new.sound_codecs) == len(info.sound_codecs)
    _compare_times(info, new, start)
    if codec == "ffv1":
        for part, wanted in zip(all_frames(target), all_frames(source, start, stop), strict=True):
            assert same(part, wanted)
    else:
        assert (new.codec, new.layout.kind, new.layout.chroma_width_shift) == (
            info.codec,
            info.layout.kind,
            info.layout.chroma_width_shift,
        )
        assert _error(all_frames(target)[0], all_frames(source, start, start + 1)[0]) < 0.02


def test_sound_tracks_are_copied(torture: Path, tmp_path: Path) -> None:
    for name in ("two_audio_tracks.mov", "vfr_h264.mp4", "hevc10_hdr10_pq_bt2020.mp4"):
        source = torture / name
        assert sound_packets(rewrite(source, tmp_path, "match")) == sound_packets(source)


def test_a_change_of_size_is_named(torture: Path) -> None:
    info = probe(torture / "resolution_change_midstream.ts")
    with pytest.raises(MediaError, match="frame 21 is 480x270, the first is 640x360"):
        list(decode(info, FrameRange(0, 42, info.rate)))


def _tags(info: MediaInfo) -> tuple[object, ...]:
    colour = info.colour
    return colour.primaries, colour.transfer, colour.matrix, colour.full_range


def _compare_times(info: MediaInfo, new: MediaInfo, start: int) -> None:
    mine = (new.times - new.times[0]) * float(new.time_base)
    theirs = info.times[start : start + len(mine)] - info.times[start]
    np.testing.assert_allclose(mine, theirs * float(info.time_base), atol=6e-4)


def _error(one: Picture, other: Picture) -> float:
    """Mean difference of luma, of the whole range."""
    depths = [(1 << picture.layout.depth) - 1 for picture in (one, other)]
    difference = one.planes[0] / depths[0] - other.planes[0] / depths[1]
    return float(np.abs(difference).mean())
