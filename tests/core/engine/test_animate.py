from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reenact_core.engine.animate import Animation, perform_animation
from reenact_core.engine.events import Event, Progress, ShotDone
from reenact_core.errors import FaceError, MediaError, SettingsError
from reenact_core.settings import Settings
from tests.core.engine.shots import find_drawn_faces, frames_of
from tests.echo import EchoPerformer
from tests.synthetic import ClipFormat, draw, one_face, write_clip, write_portrait

COUNT = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def driving(folder: Path) -> Path:
    return write_clip(folder / "driving.mkv", COUNT, form=ClipFormat(sound=True))


@pytest.fixture(scope="module")
def portrait(folder: Path) -> Path:
    return write_portrait(folder / "face.png")


def animated(job: Animation) -> list[Event]:
    return list(perform_animation(job, EchoPerformer(), Settings(), find_drawn_faces))


def notes_of(events: list[Event]) -> tuple[str, ...]:
    assert isinstance(events[-1], ShotDone)
    return events[-1].rendered.notes


def test_frames_out_are_frames_in_with_their_times_and_sound(
    tmp_path: Path, portrait: Path, driving: Path
) -> None:
    out = tmp_path / "face.mkv"
    animated(Animation(portrait, driving, out))
    assert [time for time, _ in frames_of(out)] == [time for time, _ in frames_of(driving)]
    with av.open(str(out)) as made, av.open(str(driving)) as source:
        assert (made.streams.video[0].width, made.streams.video[0].height) == (256, 256)
        packets = [
            [bytes(packet) for packet in file.demux(file.streams.audio[0]) if packet.size]
            for file in (made, source)
        ]
    assert packets[0] == packets[1]


def test_face_crops_go_through_untouched(tmp_path: Path) -> None:
    square = write_clip(
        tmp_path / "crops.mkv", COUNT, one_face(256, 256), ClipFormat(width=256, height=256)
    )
    source = write_portrait(tmp_path / "face.png", 256)
    out = tmp_path / "out.mkv"
    animated(Animation(source, square, out, crop="none", codec="ffv1"))
    with av.open(str(out)) as made, av.open(str(square)) as driver:
        pairs = zip(made.decode(video=0), driver.decode(video=0), strict=True)
        for new, old in pairs:
            before = old.to_ndarray(format="rgb24").astype(int)
            after = new.to_ndarray(format="rgb24").astype(int)
            # The two converters place chroma differently at hard edges; faces are the same.
            assert np.abs(before - after).mean() < 3


def test_a_crop_must_be_square(tmp_path: Path, portrait: Path, driving: Path) -> None:
    with pytest.raises(MediaError, match="face crop is square"):
        animated(Animation(portrait, driving, tmp_path / "out.mkv", crop="none"))


def test_paste_back_shows_the_whole_picture(tmp_path: Path, portrait: Path, driving: Path) -> None:
    out = tmp_path / "whole.mkv"
    picture = tmp_path / "wide.png"
    cv2.imwrite(str(picture), draw(400, 300, one_face(400, 300)(0))[..., ::-1])
    animated(Animation(picture, driving, out, paste_back=True, codec="png"))
    (first, *_) = sorted(tmp_path.glob("whole.mkv/*.png"))
    made, source = cv2.imread(str(first)), cv2.imread(str(picture))
    assert made is not None
    assert source is not None
    assert made.shape == source.shape
    assert (made[:, :15] == source[:, :15]).all()
    assert (made != source).any()


def test_frames_without_a_driving_face_hold_the_nearest_and_say_so(
    tmp_path: Path, portrait: Path
) -> None:
    faces = one_face(192, 144)
    media = write_clip(tmp_path / "goes.mkv", 40, lambda n: faces(n) if n < 20 else [])
    out = tmp_path / "out.mkv"
    events = animated(Animation(portrait, media, out))
    assert len(frames_of(out)) == 40
    assert any("goes.mkv" in note for note in notes_of(events))


def test_a_driver_without_a_face_is_refused(tmp_path: Path, portrait: Path) -> None:
    media = write_clip(tmp_path / "empty.mkv", 8, lambda _: [])
    with pytest.raises(FaceError):
        animated(Animation(portrait, media, tmp_path / "out.mkv"))
    assert {path.name for path in tmp_path.iterdir()} == {"empty.mkv"}


def test_a_still_cannot_drive(tmp_path: Path, portrait: Path) -> None:
    with pytest.raises(MediaError, match="driving video"):
        animated(Animation(portrait, portrait, tmp_path / "out.mkv"))


def test_a_container_that_does_not_hold_the_codec_is_refused(
    tmp_path: Path, portrait: Path, driving: Path
) -> None:
    with pytest.raises(SettingsError, match=r"\.webm"):
        animated(Animation(portrait, driving, tmp_path / "out.webm", codec="h264"))


@pytest.mark.parametrize("stage", ["track", "cut", "move", "paste"])
def test_closing_leaves_nothing(tmp_path: Path, portrait: Path, driving: Path, stage: str) -> None:
    job = Animation(portrait, driving, tmp_path / "out" / "face.mkv")
    run = perform_animation(job, EchoPerformer(), Settings(), find_drawn_faces)
    with closing(run) as events:
        for event in events:
            if isinstance(event, Progress) and event.stage == stage:
                break
    assert list((tmp_path / "out").iterdir()) == []
