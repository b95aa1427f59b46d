from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest

from reenact_cli.demo_footage import FRAME_RATE, FRAMES, make_timeline, write_clip
from reenact_cli.demo_sound import RATE, voice
from reenact_core.media.probe import probe
from tests.cli.process import Demo


def test_the_voice_is_quiet_at_its_ends_and_never_clips() -> None:
    sound = voice(1.5, 3)
    assert sound.shape == (round(1.5 * RATE),) and sound.dtype == np.float32
    assert float(np.abs(sound).max()) <= 0.25 and abs(float(sound[0])) < 1e-3
    assert np.array_equal(sound, voice(1.5, 3)) and not np.array_equal(sound, voice(1.5, 4))


def test_a_clip_of_the_demo_says_its_rate_and_colours_and_has_sound(tmp_path: Path) -> None:
    frames = [np.full((360, 640, 3), 90 + number, np.uint8) for number in range(6)]
    write_clip(tmp_path / "a.mp4", frames, voice(0.25, 1))
    info = probe(tmp_path / "a.mp4")
    assert (info.frame_count, info.rate, info.sound_codecs) == (6, FRAME_RATE, ("aac",))
    assert (info.colour.matrix, info.colour.full_range) == ("bt709", False)


def test_the_timeline_has_two_shots_over_their_own_sound(tmp_path: Path) -> None:
    timeline = make_timeline(tmp_path)
    pictures, sound = timeline.tracks
    assert [clip.name for clip in pictures] == [clip.name for clip in sound]
    assert {clip.effects[0].metadata["reenact"]["mode"] for clip in pictures} == {
        "recast",
        "redirect",
    }
    assert all(not clip.effects for clip in sound)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_goes_from_nothing_to_a_contact_sheet(demo: Demo) -> None:
    result = demo.result
    assert result["complete"] and (demo.folder / result["sheet"]).stat().st_size > 50_000
    assert [shot["faces"] for shot in result["shots"]] == [1, 1]
    assert not result["notes"]
    for shot in result["shots"]:
        info = probe(demo.folder / shot["file"])
        assert (info.frame_count, info.rate, info.has_sound) == (FRAMES, FRAME_RATE, True)
    timeline = otio.adapters.read_from_file(str(demo.folder / result["timeline"]))
    keys = [clip.active_media_reference_key for clip in timeline.tracks[0]]
    assert keys == ["reenact", "reenact"]
