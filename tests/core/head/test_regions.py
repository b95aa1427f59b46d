"""How much of each region of a performance is carried over."""

import pytest

from reenact_core.head.regions import REGIONS, RegionStrengths


def test_all_is_carried_over_as_it_is_where_nothing_is_said() -> None:
    assert [RegionStrengths().of(region) for region in REGIONS] == [1.0] * 6
    assert RegionStrengths().changed == ()


def test_two_are_multiplied_up_to_the_most() -> None:
    both = RegionStrengths(mouth=1.4, gaze=0.5).times(RegionStrengths(mouth=1.4, gaze=0.5, jaw=0))
    assert both == RegionStrengths(mouth=1.5, gaze=0.25, jaw=0)
    assert both.changed == ("mouth", "gaze", "jaw")


@pytest.mark.parametrize("value", [-0.1, 1.6, float("nan")])
def test_what_makes_no_sense_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"brows must lie in \[0, 1\.5\]"):
        RegionStrengths(brows=value)
