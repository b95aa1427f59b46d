"""Hard cuts are found; flashes, fades and fast motion are not cuts."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.tracking.cuts import find_cuts, signature

Pictures = list[NDArray[np.uint8]]


def scene(seed: int) -> NDArray[np.uint8]:
    """A large soft pattern (270, 600, 3) to look at parts of."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 20, 3)).astype(np.uint8)
    return np.kron(noise, np.ones((30, 30, 1), np.uint8))


def pan(seed: int, count: int, step: int = 3) -> Pictures:
    """A camera that moves over a scene by `step` pixels a frame."""
    wide = scene(seed)
    return [wide[:, index * step % 120 : index * step % 120 + 480].copy() for index in range(count)]


def cuts_of(pictures: Pictures) -> list[int]:
    return find_cuts([signature(picture) for picture in pictures])


def test_a_still_shot_has_no_cut() -> None:
    assert cuts_of([scene(1)] * 20) == []


def test_every_cut_is_found_at_the_first_frame_after_it() -> None:
    assert cuts_of(pan(1, 20) + pan(2, 15) + pan(3, 25)) == [20, 35]


def test_a_cut_near_either_end_is_found() -> None:
    assert cuts_of(pan(1, 2) + pan(2, 30) + pan(3, 2)) == [2, 32]


def test_fast_motion_is_no_cut() -> None:
    assert cuts_of(pan(4, 30, step=25)) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    pictures = pan(5, 30, step=1)
    for index in range(12, 12 + length):
        pictures[index] = np.full_like(pictures[index], 250)
    assert cuts_of(pictures) == []


def test_a_fade_is_no_cut() -> None:
    pictures = [
        (picture * (1 - index / 40)).astype(np.uint8) for index, picture in enumerate(pan(6, 30))
    ]
    assert cuts_of(pictures) == []


def test_a_dissolve_is_no_hard_cut() -> None:
    first, second = pan(7, 30, step=1), pan(8, 30, step=1)
    mixed = [
        ((1 - share) * one + share * other).astype(np.uint8)
        for one, other, share in zip(
            first, second, np.clip((np.arange(30) - 8) / 14, 0, 1), strict=True
        )
    ]
    assert cuts_of(mixed) == []


def test_few_frames_do_not_trouble() -> None:
    assert cuts_of([]) == []
    assert cuts_of(pan(9, 1)) == []
    assert cuts_of(pan(9, 1) + pan(10, 1)) in ([], [1])
