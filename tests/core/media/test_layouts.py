import av
import numpy as np
import pytest

from reenact_core.media.layouts import (
    packing,
    packing_of,
    planar_format,
    read_planes,
    readable_format,
    write_planes,
)
from tests.core.media.clips import make_planes

FORMATS = [
    "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuvj422p",
    "yuvj444p", "yuv420p9le", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv422p12le",
    "yuv444p12le", "yuv444p14le", "yuv420p16le", "yuv444p16le", "yuv422p10be", "yuva420p",
    "yuva422p10le", "yuva444p12le", "yuva444p16le", "gray", "gray10le", "gray12le", "gray16le",
    "gray16be", "ya8", "ya16le", "ya16be", "gbrp", "gbrp10le", "gbrp12le", "gbrp12be", "gbrp16le",
    "gbrap", "gbrap12le", "gbrap16le", "nv12", "nv21", "nv16", "nv24", "nv42", "p010le", "p012le",
    "p016le", "p210le", "p216le", "p416le", "rgb24", "bgr24", "rgba", "bgra", "argb", "abgr",
    "rgb0", "bgr0", "0rgb", "0bgr", "rgb48le", "rgb48be", "bgr48le", "rgba64le", "rgba64be",
    "bgra64le", "yuyv422", "uyvy422", "yvyu422", "y210le", "ayuv64le", "gbrpf16le", "gbrpf32le",
    "gbrpf32be", "gbrapf16be", "gbrapf32le", "grayf16le", "grayf32be", "yaf16le", "yaf32le",
    "rgbf32le", "rgbaf16le", "rgbf16be",
]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(32, 16), (35, 17)])
def test_samples_come_back_as_they_were_put(name: str, size: tuple[int, int]) -> None:
    layout = packing_of(name).layout
    planes = make_planes(layout, size, 3, noise=20)
    frame = av.VideoFrame(*size, name)
    write_planes(frame, planes)
    for found, wanted in zip(read_planes(frame), planes, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", FORMATS)
def test_depth_and_components_are_those_that_ffmpeg_says(name: str) -> None:
    found, about = packing_of(name), av.VideoFormat(name, 64, 64)
    assert found.layout.depth == about.components[0].bits
    colours = [part for part in about.components if not part.is_alpha]
    assert len(found.components) == len(colours) + found.layout.has_alpha
    if found.layout.kind == "yuv":
        assert 64 >> found.layout.chroma_width_shift == about.components[1].width
        assert 64 >> found.layout.chroma_height_shift == about.components[1].height


@pytest.mark.parametrize("name", ["bgr24", "nv12", "p010le", "yuyv422", "rgba64le", "uyvy422"])
def test_ffmpeg_unpacks_the_same_samples(name: str) -> None:
    layout = packing_of(name).layout
    frame = av.VideoFrame(64, 32, name)
    write_planes(frame, make_planes(layout, (64, 32), 1, noise=30))
    other = frame.reformat(format=planar_format(layout))
    for found, wanted in zip(read_planes(frame), read_planes(other), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_planes_are_read_only() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p")
    with pytest.raises(ValueError, match="read-only"):
        read_planes(frame)[0][0, 0] = 1


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("yuv420p", "yuv420p"),
        ("pal8", "gbrap"),
        ("rgb565le", "gbrp"),
        ("rgba128le", "gbrap16le"),
        ("gray32le", "gray16le"),
        ("gbrap32be", "gbrap16le"),
        ("bayer_rggb16le", "gbrp16le"),
        ("xyz12le", "gbrp16le"),
        ("monow", "gray"),
        ("x2rgb10le", "gbrp16le"),
    ],
)
def test_formats_without_whole_samples_are_converted(name: str, readable: str) -> None:
    assert readable_format(name) == readable
    assert packing(readable) is not None
