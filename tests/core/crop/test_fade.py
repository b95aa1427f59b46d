from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reenact_core.crop.fade import FadeSettings, fade, trust

RATE = Fraction(25)
SETTINGS = FadeSettings(seconds=0.2, bridge_seconds=0.08)  # five frames; gaps of two bridged


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_weights_never_pop_and_need_a_face(confidence: np.ndarray) -> None:
    plain = FadeSettings(seconds=0.2, bridge_seconds=0.0)
    weight = fade(confidence, RATE, plain, before="fade", after="fade")
    steps = np.diff(np.concatenate([[0.0], weight, [0.0]]))
    assert np.abs(steps).max() <= 1.5 / 5 + 1e-9
    assert weight.min() >= 0 and weight.max() <= 1
    assert (weight[confidence < plain.unsure] == 0).all()


def test_a_sure_face_is_pasted_whole_up_to_the_cuts() -> None:
    assert (fade(np.full(20, 0.9), RATE, SETTINGS) == 1).all()


def test_a_face_that_is_lost_fades_before_it_goes_and_after_it_comes() -> None:
    confidence = np.full(40, 0.9)
    confidence[15:25] = 0
    weight = fade(confidence, RATE, SETTINGS)
    assert (weight[15:25] == 0).all()
    assert (np.diff(weight[10:16]) < 0).all() and (np.diff(weight[24:30]) > 0).all()
    assert (weight[:10] == 1).all() and (weight[30:] == 1).all()


def test_a_blink_of_the_tracker_is_passed_over() -> None:
    confidence = np.full(20, 0.9)
    confidence[8:10] = 0
    assert (fade(confidence, RATE, SETTINGS) == 1).all()


def test_an_unsure_face_is_kept_but_not_taken_up() -> None:
    kept = np.concatenate([np.full(20, 0.9), np.full(20, 0.3)])
    assert (fade(kept, RATE, SETTINGS) == 1).all()
    assert (fade(kept[::-1], RATE, SETTINGS)[:20] == 0).all()


def test_a_track_that_begins_inside_a_shot_fades_in() -> None:
    weight = fade(np.ones(20), RATE, SETTINGS, before="fade")
    assert 0 < weight[0] < 0.2 and weight[-1] == 1 and (np.diff(weight) >= 0).all()


def test_frames_marked_as_unseen_have_no_weight() -> None:
    seen = np.arange(20) < 10
    assert (fade(np.ones(20), RATE, SETTINGS, seen=seen)[10:] == 0).all()


def test_no_frames_give_no_weights() -> None:
    assert fade(np.empty(0), RATE, SETTINGS).shape == (0,)


def test_settings_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="unsure"):
        FadeSettings(sure=0.2, unsure=0.4)


def test_a_face_is_trusted_as_it_is_sure_and_not_where_it_is_tiny() -> None:
    """Widths 12, 24 and 48, then a frame that does not show the face; 24 pixels are the least."""
    left = np.array([10.0, 10.0, 10.0, np.nan])
    boxes = np.stack([left, left, left + np.array([12, 24, 48, 0]), left + 40], axis=1)
    found = trust(np.array([0.8, 0.8, 0.6, 0.0]), boxes, FadeSettings(least_pixels=24))
    np.testing.assert_allclose(found, [0.0, 0.8, 0.6, 0.0])
