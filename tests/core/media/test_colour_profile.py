import numpy as np
import pytest
from PIL import ImageCms

from reenact_core.media.colour_profile import read_profile
from tests.core.media.profiles import SRGB, WIDE, grey_profile, rgb_profile


def test_srgb_by_any_name_needs_no_conversion() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_profile(made, grey=False) is None


def test_linear_light_comes_out_by_the_curve_of_srgb() -> None:
    profile = read_profile(rgb_profile("Linear", SRGB, 1.0), grey=False)
    assert profile is not None and profile.name == "Linear"
    light = np.full((4, 4, 3), 0.5, np.float32)
    # IEC 61966-2-1: 1.055 * 0.5 ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(profile.to_srgb(light), 0.7354, atol=1.5 / 255)


def test_a_wide_gamut_is_brought_into_the_narrow_one() -> None:
    profile = read_profile(rgb_profile("Wide", WIDE, 2.2), grey=False)
    assert profile is not None
    colours = np.array([[[0.5, 0.5, 0.5], [0.6, 0.3, 0.3]]], np.float32)
    grey, red = profile.to_srgb(colours)[0]
    np.testing.assert_allclose(grey, grey.mean(), atol=1.5 / 255)
    assert red[0] > 0.61 and red[1] < 0.295  # the same red is more saturated in the narrow one


def test_more_than_eight_bits_are_not_thrown_away() -> None:
    profile = read_profile(rgb_profile("Wide", WIDE, 2.2), grey=False)
    assert profile is not None
    ramp = np.linspace(0.5, 0.502, 64, dtype=np.float32).reshape(8, 8, 1).repeat(3, axis=-1)
    assert len(np.unique(profile.to_srgb(ramp)[..., 0])) > 60


def test_greys_have_profiles_of_their_own() -> None:
    profile = read_profile(grey_profile("Grey", 1.0), grey=True)
    assert profile is not None
    light = np.full((2, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(profile.to_srgb(light), 0.7354, atol=1.5 / 255)


@pytest.mark.parametrize("data", [b"", b"nothing", rgb_profile("Wide", WIDE, 2.2)[:200]])
def test_a_damaged_profile_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        read_profile(data, grey=False)


def test_a_profile_for_other_pictures_is_told() -> None:
    with pytest.raises(ValueError, match="a profile for GRAY colours"):
        read_profile(grey_profile("Grey", 1.0), grey=False)
