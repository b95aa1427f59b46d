import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.crop.cut import cut
from reenact_core.crop.paste import PasteSettings, paste, support
from reenact_core.frames import Picture
from reenact_core.media.colour import to_rgb
from tests.core.crop.pictures import (
    FORMS,
    Form,
    disc,
    maps,
    picture,
    pictures,
    similarity,
    texture,
)

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

PLAIN = PasteSettings(detail=0.0, grain=0.0, dither="none")


def new_face(size: int, seed: int = 7) -> Image:
    random = np.random.default_rng(seed)
    return np.dstack([texture(size, size, random) for _ in range(3)])


def ragged(size: int, seed: int) -> Image:
    """A mask with holes, islands and hard edges that reaches the border."""
    random = np.random.default_rng(seed)
    return np.asarray(np.clip(3 * texture(size, size, random) - 1.5, 0, 1), dtype=np.float32)


@settings(max_examples=150)
@given(pictures(), maps(24), st.integers(0, 9), st.sampled_from([PasteSettings(), PLAIN]))
def test_every_sample_outside_the_support_is_the_pictures_own(
    shown: Picture, to_crop: Floats, seed: int, chosen: PasteSettings
) -> None:
    mask = ragged(24, seed)
    pasted = paste(shown, new_face(24, seed), mask, to_crop, chosen)
    touched = support(shown, mask, to_crop)
    for old, new, may in zip(shown.planes, pasted.planes, touched, strict=True):
        assert old[~may].tobytes() == new[~may].tobytes()
        assert old.dtype == new.dtype and old.shape == new.shape
        assert np.nanmax(np.where(np.isinf(new), 0, new)) <= shown.layout.extent[1]
    if shown.layout.has_alpha:
        assert not touched[-1].any()


@given(pictures(), maps(24))
def test_weight_0_and_an_empty_mask_give_the_picture_itself(
    shown: Picture, to_crop: Floats
) -> None:
    assert paste(shown, new_face(24), disc(24), to_crop, PasteSettings(), 0.0) is shown
    empty = np.zeros((24, 24), np.float32)
    assert paste(shown, new_face(24), empty, to_crop, PasteSettings()) is shown
    assert not any(plane.any() for plane in support(shown, empty, to_crop))


@given(pictures(), maps(24), st.floats(0.01, 1.0))
def test_a_face_that_is_the_frames_own_changes_nothing(
    shown: Picture, to_crop: Floats, weight: float
) -> None:
    own = cut(shown, to_crop, 24)
    pasted = paste(shown, own, disc(24), to_crop, PasteSettings(), weight)
    for old, new in zip(shown.planes, pasted.planes, strict=True):
        assert old.tobytes() == new.tobytes()


def psnr(one: Picture, two: Picture, where: tuple[NDArray[np.bool_], ...]) -> float:
    most = one.layout.peak
    errors = [
        (a[w].astype(np.float64) - b[w]) / most
        for a, b, w in zip(one.planes, two.planes, where, strict=True)
    ]
    return float(-10 * np.log10((np.concatenate(errors) ** 2).mean() + 1e-12))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.pixel_format)
@pytest.mark.parametrize("scale", [1.0, 1.7, 3.0])
def test_there_and_back_without_any_help_is_not_visible(form: Form, scale: float) -> None:
    shown = picture(form, 120, 120)
    size = round(64 * scale)
    to_crop = similarity((61.3, 58.8), 64, 0.3, size)
    pasted = paste(shown, cut(shown, to_crop, size), disc(size), to_crop, PLAIN)
    assert psnr(shown, pasted, support(shown, disc(size), to_crop)) > 45


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.pixel_format)
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_new_face_stands_where_the_crop_was(form: Form, turns: int) -> None:
    shown = picture(form, 121, 103, turns=turns)
    to_crop, size = similarity((50.0, 52.0), 64, 0.3, 128), 128
    grey = cut(shown, to_crop, size).mean(axis=2, keepdims=True)
    wanted = np.repeat(0.2 + 0.4 * grey, 3, axis=2)
    pasted = paste(shown, wanted, disc(size), to_crop, PLAIN)
    seen = cut(pasted, to_crop, size)
    middle = disc(size) == 1
    assert np.abs(seen - wanted)[middle].mean() < 0.01


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.pixel_format)
def test_a_flat_ground_shows_neither_box_nor_ring(form: Form) -> None:
    flat = picture(form, 96, 96)
    level = [np.full_like(plane, plane.mean()) for plane in flat.planes]
    flat = flat.with_planes(tuple(level))
    to_crop = similarity((48, 48), 80, 0.2, 64)
    new = np.clip(cut(flat, to_crop, 64) + 0.04, 0, 1)
    before, after = to_rgb(flat), to_rgb(paste(flat, new, disc(64), to_crop, PLAIN))
    change = (after - before).mean(axis=2)
    # The edge is 8 crop pixels wide, 10 of the frame: no step is steeper than a sample's own.
    assert np.abs(np.diff(change, axis=0)).max() < 0.04 / 10 + 2.6 / 255
    assert change.max() == pytest.approx(0.04, abs=1.6 / 255)


def test_a_face_over_what_is_no_number_is_whole() -> None:
    shown = picture(FORMS[-3], 96, 96)
    holes = [plane.copy() for plane in shown.planes]
    for plane, hole in zip(holes, (np.nan, np.inf, -np.inf), strict=True):
        plane[40:56, 40:56] = hole
    shown = shown.with_planes(tuple(holes))
    to_crop, new = similarity((48, 48), 80, 0.0, 80), np.full((80, 80, 3), 0.5, np.float32)
    pasted = paste(shown, new, disc(80), to_crop, PLAIN)
    for plane in pasted.planes:
        # 0.5 under sRGB's curve is 0.2140 of light.
        assert plane[40:56, 40:56] == pytest.approx(0.2140, abs=2e-4)


def test_half_the_weight_is_half_the_way() -> None:
    shown = picture(FORMS[2], 80, 80)
    to_crop, new = similarity((40, 40), 50, 0.0, 50), new_face(50)
    whole, half = (
        paste(shown, new, disc(50), to_crop, PLAIN, weight).planes[0].astype(np.float64)
        for weight in (1.0, 0.5)
    )
    assert np.abs(half - (whole + shown.planes[0]) / 2).max() <= 1


def test_faces_are_pasted_one_after_another() -> None:
    shown = picture(FORMS[0], 100, 160)
    left, right = similarity((45, 50), 60, 0.0, 48), similarity((115, 50), 60, 0.0, 48)
    both = paste(shown, new_face(48), disc(48), left, PLAIN)
    both = paste(both, new_face(48, 8), disc(48), right, PLAIN)
    alone = paste(shown, new_face(48, 8), disc(48), right, PLAIN)
    for plane in range(3):
        where = support(shown, disc(48), right)[plane]
        assert np.array_equal(both.planes[plane][where], alone.planes[plane][where])
        assert not (where & support(shown, disc(48), left)[plane]).any()


def test_grain_follows_from_seed_and_frame_only() -> None:
    random = np.random.default_rng(0)
    shown = picture(FORMS[0], 96, 96)
    noise = random.normal(0, 4, (96, 96))
    luma = np.clip(shown.planes[0] + noise, 16, 235).astype(np.uint8)
    shown = shown.with_planes((luma, *shown.planes[1:]))
    to_crop, new = similarity((48, 48), 70, 0.0, 64), np.full((64, 64, 3), 0.5, np.float32)
    one, two = (paste(shown, new, disc(64), to_crop, PasteSettings()) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.planes, two.planes, strict=True))
    other = paste(shown, new, disc(64), to_crop, PasteSettings(seed=1))
    assert not np.array_equal(one.planes[0], other.planes[0])
    middle = one.planes[0][40:56, 40:56]
    assert 2 < middle.std() < 6


def test_the_source_picture_is_never_written_to() -> None:
    shown = picture(FORMS[0], 64, 64)
    for plane in shown.planes:
        plane.flags.writeable = False
    kept = [plane.copy() for plane in shown.planes]
    pasted = paste(shown, new_face(32), disc(32), similarity((32, 32), 40, 0, 32), PasteSettings())
    assert all(np.array_equal(a, b) for a, b in zip(kept, shown.planes, strict=True))
    assert not any(plane.flags.writeable for plane in pasted.planes)


def test_what_cannot_be_pasted_is_refused() -> None:
    shown, to_crop = picture(FORMS[0], 64, 64), similarity((32, 32), 40, 0, 32)
    with pytest.raises(ValueError, match="face must be"):
        paste(shown, new_face(32), disc(16), to_crop, PLAIN)
    with pytest.raises(ValueError, match="finite"):
        paste(shown, np.full((32, 32, 3), np.nan, np.float32), disc(32), to_crop, PLAIN)
    with pytest.raises(ValueError, match="weight must be"):
        paste(shown, new_face(32), disc(32), to_crop, PLAIN, 1.5)
