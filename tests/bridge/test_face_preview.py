"""Previews with networks that have learned nothing: what is remembered, and what is touched."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reenact_bridge.face_preview import FacePreview
from reenact_bridge.pixels import PixelFormat, put_changes, to_picture
from reenact_core.devices import Compute
from reenact_core.engine.portrait import faces_in
from reenact_core.frames import Picture
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.models.compact import Compact
from reenact_core.settings import Settings
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import FaceDetection, Pixels
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_core.tracking.faces import TrackSettings
from tests.chance import chance_networks
from tests.core.engine.shots import find_drawn_faces
from tests.synthetic import draw, one_face

WIDTH, HEIGHT = 192, 144
RATE = Fraction(25)


@pytest.fixture(scope="module")
def network() -> Compact:
    return chance_networks()


@pytest.fixture
def preview(network: Compact) -> FacePreview:
    source = draw(256, 256, one_face(256, 256)(0)).astype(np.float32) / 255
    settings = Settings(track=TrackSettings(points="average", least_score=0.5))
    return FacePreview(network, [source], settings, find_drawn_faces, Compute(), RATE)


def pixels(number: int, kind: str = "u1") -> np.ndarray[Any, Any]:
    drawn = draw(WIDTH, HEIGHT, one_face(WIDTH, HEIGHT)(number))
    return drawn if kind == "u1" else (drawn / 255).astype(kind)


def picture(number: int) -> Picture:
    return to_picture(pixels(number), number, RATE)


def test_the_next_frame_goes_on_and_a_jump_starts_afresh(preview: FacePreview) -> None:
    told = [preview.show(picture(number))[1] for number in (0, 1, 3, 40, 39)]
    assert [shown.continued for shown in told] == [False, True, True, False, False]
    assert all(shown.faces == 1 for shown in told)
    assert not preview.show(picture(40), reset=True)[1].continued


def test_to_go_on_is_not_the_same_as_to_start_afresh(
    network: Compact, preview: FacePreview
) -> None:
    preview.show(picture(0))
    after, _ = preview.show(picture(1))
    fresh, _ = preview.show(picture(1), reset=True)
    assert any((a != b).any() for a, b in zip(after.planes, fresh.planes, strict=True))


def test_several_pictures_show_one_face(network: Compact) -> None:
    sources = [draw(256, 256, one_face(256, 256)(number)) / np.float32(255) for number in (0, 9)]
    settings = Settings(track=TrackSettings(points="average", least_score=0.5))
    preview = FacePreview(network, sources, settings, find_drawn_faces, Compute(), RATE)
    preview.learn(picture(number) for number in (0, 4))
    told = [preview.show(picture(number))[1] for number in (0, 1)]
    assert [shown.continued for shown in told] == [False, True]


def test_only_the_face_changes(preview: FacePreview) -> None:
    frame = picture(0)
    changed, shown = preview.show(frame)
    assert shown.box is not None
    around = shown.box.scaled(2.4).clip(WIDTH, HEIGHT)
    for old, new in zip(frame.planes, changed.planes, strict=True):
        rows, columns = np.nonzero(old != new)
        assert len(rows) > 100
        assert around.left <= columns.min() and columns.max() <= around.right
        assert around.top <= rows.min() and rows.max() <= around.bottom


def test_a_frame_without_a_face_comes_back_and_is_forgotten(preview: FacePreview) -> None:
    preview.show(picture(0))
    empty = to_picture(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 1, RATE)
    back, shown = preview.show(empty)
    assert back is empty and shown.faces == 0
    assert not preview.show(picture(2))[1].continued


@pytest.mark.parametrize("kind", ["u1", "f2", "f4"])
def test_what_is_not_touched_keeps_its_bits(preview: FacePreview, kind: str) -> None:
    form = PixelFormat(WIDTH, HEIGHT, 4, kind)
    held = np.concatenate([pixels(0, kind), pixels(3, kind)[..., :1]], axis=2)
    buffer = bytearray(held.tobytes())
    assert len(buffer) == form.nbytes
    array = form.array(buffer)
    before = to_picture(array, 0, RATE)
    after, _ = preview.show(before)
    put_changes(array, before, after)
    same = (array == held).all(axis=2)
    assert 0.3 < same.mean() < 1.0 and (array[..., 3] == held[..., 3]).all()


def test_a_face_that_goes_on_is_followed_and_not_searched_for(
    network: Compact, shared: Path
) -> None:
    info = probe(shared / "clips" / "drv_tps_talk.mp4")
    frames = [0, 1, 2, 3, 60]
    pictures = [
        next(decode(info, FrameRange(frame, frame + 1, info.rate), ahead=1)) for frame in frames
    ]
    searched: list[int] = []
    detector = EmbeddedDetector()

    def counted(seen: Pixels) -> list[FaceDetection]:
        searched.append(len(seen))
        return detector(seen)

    source = draw(256, 256, one_face(256, 256)(0)).astype(np.float32) / 255
    preview = FacePreview(network, [source], Settings(), counted, Compute(), RATE)
    boxes, counts = [], []
    for seen in pictures:
        box = preview.show(seen)[1].box
        assert box is not None
        boxes.append(box)
        counts.append(len(searched))
    assert counts[0] > 0 and counts[:4] == [counts[0]] * 4
    assert counts[4] > counts[3]  # a jump is searched
    for seen, box in zip(pictures[1:4], boxes[1:4], strict=True):
        found = faces_in(seen, Settings(), detector)[0].box_at(seen.index)
        assert found is not None and box.overlap(found) > 0.75
