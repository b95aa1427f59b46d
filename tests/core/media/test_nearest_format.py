import pytest

from reenact_core.media.layouts import packing_of
from reenact_core.media.nearest_format import losses, nearest_format


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("nv12", ["yuv422p", "yuv420p", "yuvj420p"], "yuv420p"),
        ("yuvj420p", ["yuv422p", "yuvj420p", "yuv420p"], "yuv420p"),
        ("p010le", ["yuv420p", "yuv444p10le", "yuv420p10le"], "yuv420p10le"),
        ("rgb24", ["yuv444p", "bgr0", "gbrp10le"], "bgr0"),
        ("rgb48be", ["bgr0", "gbrp12le", "gbrp16le"], "gbrp16le"),
        ("yuva444p12le", ["yuv444p12le", "yuva444p10le"], "yuva444p10le"),
        ("yuv420p", ["yuv444p10le", "yuv422p10le"], "yuv422p10le"),
        ("yuv420p", ["gray", "rgb24"], "rgb24"),
        ("gray", ["yuv420p", "yuv444p"], "yuv420p"),
        ("gbrpf16le", ["gbrp16le", "gbrpf32le", "gbrapf32le"], "gbrpf32le"),
        ("rgbf32le", ["gbrpf16le", "gbrp16le", "gbrpf32le"], "gbrpf32le"),
        ("gbrp16le", ["gbrpf16le", "gbrp12le", "gbrp16le"], "gbrp16le"),
        ("gbrapf32le", ["gbrpf32le", "gbrap16le"], "gbrap16le"),
        ("grayf16le", ["grayf32le", "gbrpf32le"], "grayf32le"),
        ("yaf16le", ["grayf32le", "gbrpf32le", "gbrapf32le"], "gbrapf32le"),
    ],
)
def test_the_nearest_format_loses_least(wanted: str, offered: list[str], chosen: str) -> None:
    assert nearest_format(packing_of(wanted).layout, offered) == chosen


@pytest.mark.parametrize(
    ("own", "target", "words"),
    [
        ("yuva444p12le", "yuv420p10le", ("opacity", "halved", "10 of 12 bits")),
        ("rgb24", "yuv420p", ("halved",)),
        ("yuv440p", "yuv422p", ("halved",)),
        ("yuv422p", "yuv440p", ("halved",)),
        ("yuv420p", "gray", ("no colour",)),
        ("gbrpf32le", "gbrp16le", ("clipped",)),
        ("gbrpf32le", "yuv420p10le", ("halved", "clipped")),
        ("yuv420p", "yuv444p10le", ()),
        ("rgb24", "yuv444p10le", ()),
        ("gray", "yuv420p", ()),
        ("gbrpf16le", "gbrpf32le", ()),
    ],
)
def test_every_loss_has_its_sentence(own: str, target: str, words: tuple[str, ...]) -> None:
    found = losses(packing_of(own).layout, packing_of(target).layout)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))
