from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import av.filter
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture
from reenact_core.geometry import Box
from reenact_core.media.colour import from_rgb, guess, plane_windows, to_rgb, to_rgb8
from reenact_core.media.layouts import packing_of, plane_size, read_planes, turned, write_planes
from reenact_core.media.tags import tag_frame
from tests.core.media.clips import make_picture

MATRICES = {"bt709": "bt709", "smpte170m": "bt601", "bt2020nc": "bt2020"}
SITES = {"left": (0, 128), "center": (128, 128), "topleft": (0, 0)}


def smooth(width: int, height: int, cell: int = 8) -> NDArray[np.float32]:
    """Random colours, a new one every `cell` pixels, and slopes between them."""
    random = np.random.default_rng(0).random((height // cell + 2, width // cell + 2, 3))
    small = random.astype(np.float32) * 0.6 + 0.2
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.float32)


def blank(pixel_format: str, width: int, height: int, colour: ColourSpec) -> Picture:
    layout = packing_of(pixel_format).layout
    dtype = np.uint8 if layout.depth == 8 else np.uint16
    count = len(packing_of(pixel_format).components)
    planes = [np.zeros(plane_size(width, height, layout, n), dtype) for n in range(count)]
    return Picture(tuple(planes), layout, colour, 0, 0, Fraction(1, 25))


def frame_of(picture: Picture) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, picture.layout.pixel_format)
    write_planes(frame, picture.planes)
    tag_frame(frame, picture.colour)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame


def swscale(frame: av.VideoFrame, pixel_format: str, options: str) -> av.VideoFrame:
    """The independent reference, with its exact settings."""
    graph = av.filter.Graph()
    steps = [
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
        ),
        graph.add(
            "scale", f"flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp:{options}"
        ),
        graph.add("format", f"pix_fmts={pixel_format}"),
        graph.add("buffersink"),
    ]
    for before, after in pairwise(steps):
        before.link_to(after)
    graph.configure()
    graph.push(frame)
    result = graph.pull()
    assert isinstance(result, av.VideoFrame)
    return result


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv422p", "nv12"])
def test_colours_are_those_of_libswscale(matrix: str, full: bool, site: str, name: str) -> None:
    colour = ColourSpec(matrix=matrix, full_range=full, chroma_location=site)
    picture = blank(name, 128, 96, colour)
    picture = picture.with_planes(from_rgb(smooth(128, 96), picture, 0, 0))
    across, down = SITES[site]
    place = (
        f"in_h_chr_pos={across}:in_v_chr_pos={down if '420' in name or name == 'nv12' else -513}"
    )
    tags = f"in_color_matrix={MATRICES[matrix]}:in_range={'pc' if full else 'tv'}:out_range=pc"
    reference = np.stack(read_planes(swscale(frame_of(picture), "gbrp16le", f"{tags}:{place}")), 2)
    error = np.abs(to_rgb(picture) * 255 - reference / 257)[4:-4, 4:-4]
    assert error.max() < 1.0


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv420p10le"])
def test_samples_are_those_of_libswscale(matrix: str, full: bool, name: str) -> None:
    rgb = smooth(128, 96, cell=16)  # where colours change fast, the two average differently
    picture = blank(name, 128, 96, ColourSpec(matrix=matrix, full_range=full))
    source = blank("gbrp16le", 128, 96, ColourSpec(matrix="gbr", full_range=True))
    deep = tuple((rgb[:, :, n] * 65535 + 0.5).astype(np.uint16) for n in range(3))
    place = f"out_h_chr_pos=0:out_v_chr_pos={128 if '420' in name else -513}"
    tags = f"out_color_matrix={MATRICES[matrix]}:out_range={'pc' if full else 'tv'}:in_range=pc"
    reference = read_planes(swscale(frame_of(source.with_planes(deep)), name, f"{tags}:{place}"))
    unit = 1 << (picture.layout.depth - 8)
    for mine, theirs in zip(from_rgb(rgb, picture, 0, 0), reference, strict=True):
        error = np.abs(mine.astype(int) - theirs)[4:-4, 4:-4]
        assert error.max() <= 2 * unit


@pytest.mark.parametrize("matrix", [*MATRICES, "ycgco", "smpte240m", "fcc"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["yuv444p", "yuv444p10le", "yuva444p12le", "yuv444p16le"])
def test_there_and_back_is_the_same_to_one_code(matrix: str, full: bool, name: str) -> None:
    picture = make_picture(name, (64, 48), ColourSpec(matrix=matrix, full_range=full))
    back = from_rgb(to_rgb(picture, out_of_range="keep"), picture, 0, 0, out_of_range="keep")
    for mine, theirs in zip(back, picture.planes, strict=True):
        assert np.abs(mine.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(
    "name", ["gbrp", "gbrap12le", "rgb24", "bgra", "rgb48be", "gray", "gray10le"]
)
def test_rgb_and_grey_come_back_exactly(name: str) -> None:
    picture = make_picture(name, (64, 48), ColourSpec())
    for mine, theirs in zip(from_rgb(to_rgb(picture), picture, 0, 0), picture.planes, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv411p", "yuv444p"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("site", ["left", "center", "topleft"])
def test_a_region_is_a_part_of_the_whole(name: str, rotation: int, site: str) -> None:
    picture = rotated(make_picture(name, (65, 47), ColourSpec(chroma_location=site)), rotation)
    whole = to_rgb(picture)
    part = to_rgb(picture, Box(11.5, 6, 30, 29.2))
    np.testing.assert_allclose(part, whole[6:30, 11:30], atol=1e-6)


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "gbrp"])
def test_turning_and_converting_are_the_same_in_either_order(name: str, rotation: int) -> None:
    stored = make_picture(name, (65, 47), ColourSpec(matrix="bt709"))
    displayed = rotated(stored, rotation)
    np.testing.assert_array_equal(to_rgb(displayed), np.rot90(to_rgb(stored), rotation // 90))
    np.testing.assert_array_equal(to_rgb8(displayed), np.rot90(to_rgb8(stored), rotation // 90))
    rgb = to_rgb(displayed)
    wanted = from_rgb(to_rgb(stored), stored, 0, 0)
    for plane, other in zip(from_rgb(rgb, displayed, 0, 0), wanted, strict=True):
        np.testing.assert_array_equal(plane, np.rot90(other, rotation // 90))


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuva420p", "yuv411p", "gbrp", "gray"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_windows_fit_the_planes_of_a_region(name: str, rotation: int) -> None:
    picture = rotated(make_picture(name, (65, 47), ColourSpec()), rotation)
    rgb = to_rgb(picture, Box(16, 16, 39, 37))
    planes = from_rgb(rgb, picture, 16, 16)
    windows = plane_windows(picture, 16, 16, 23, 21)
    changed = []
    for plane, window, samples in zip(picture.planes, windows, planes, strict=True):
        assert plane[window].shape == samples.shape
        copy = plane.copy()
        copy[window] = samples
        changed.append(copy)
    pasted = to_rgb(picture.with_planes(tuple(changed)))
    assert np.abs(pasted - to_rgb(picture))[:8].max() == 0  # far above the region


def test_values_beyond_white_are_kept_or_clipped() -> None:
    picture = make_picture("yuv444p", (16, 16), ColourSpec(matrix="bt709", full_range=False))
    bright = (np.full((16, 16), 250, np.uint8), *(np.full((16, 16), 128, np.uint8),) * 2)
    picture = picture.with_planes(bright)
    assert to_rgb(picture).max() == 1
    kept = to_rgb(picture, out_of_range="keep")
    assert kept.max() > 1.06
    assert from_rgb(kept, picture, 0, 0)[0].max() == 235
    assert from_rgb(kept, picture, 0, 0, out_of_range="keep")[0].min() == 250


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gbrp", "gray16be", "nv12", "rgb24"])
def test_the_quick_picture_is_nearly_the_exact_one(name: str) -> None:
    picture = blank(name, 128, 96, ColourSpec(matrix="bt709"))
    picture = picture.with_planes(from_rgb(smooth(128, 96), picture, 0, 0))
    exact = to_rgb(picture) * 255
    assert np.abs(to_rgb8(picture) - exact).mean() < 4
    half = to_rgb8(picture, max_side=64)
    assert half.shape == (48, 64, 3)
    assert np.abs(half - to_rgb(picture, size=(64, 48)) * 255).mean() < 4


def test_missing_tags_are_guessed_as_players_do() -> None:
    unknown, layout = ColourSpec(), packing_of("yuv420p").layout
    assert guess(unknown, 1080, layout).matrix == "bt709"
    assert guess(unknown, 576, layout).matrix == "smpte170m"
    assert guess(unknown, 576, layout).full_range is False
    assert guess(unknown, 576, packing_of("gbrp").layout).full_range is True
    told = ColourSpec(matrix="bt2020nc", full_range=True, chroma_location="topleft")
    assert guess(told, 576, layout) == told


def rotated(picture: Picture, rotation: int) -> Picture:
    """The picture as a file with that rotation tag shows it."""
    return replace(
        picture,
        planes=tuple(np.rot90(plane, rotation // 90) for plane in picture.planes),
        layout=turned(picture.layout, rotation),
        rotation=rotation,
    )
