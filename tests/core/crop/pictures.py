"""Pictures with texture in every layout, and maps, for the tests of this folder."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import cv2
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture, SampleLayout

BT709 = ColourSpec("bt709", "bt709", "bt709", False, "left")
GBR = ColourSpec("bt709", "bt709", "gbr", True)
LIGHT = ColourSpec(transfer="linear", matrix="gbr")


@dataclass(frozen=True, slots=True)
class Form:
    """How a picture is stored."""

    pixel_format: str
    kind: Literal["yuv", "rgb", "grey"]
    depth: int
    shift_x: int = 0
    shift_y: int = 0
    alpha: bool = False
    floating: bool = False


FORMS = [
    Form("yuv420p", "yuv", 8, 1, 1),
    Form("yuv422p10le", "yuv", 10, 1, 0),
    Form("yuv444p12le", "yuv", 12),
    Form("yuv420p10le", "yuv", 10, 1, 1),
    Form("yuva444p", "yuv", 8, alpha=True),
    Form("gbrp", "rgb", 8),
    Form("gbrp16le", "rgb", 16),
    Form("gray", "grey", 8),
    Form("gray12le", "grey", 12),
    Form("gbrpf32le", "rgb", 32, floating=True),
    Form("gbrapf16le", "rgb", 16, alpha=True, floating=True),
    Form("grayf32le", "grey", 32, floating=True),
]


def texture(height: int, width: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Slow and fine structure, about 0.2 to 0.8."""
    total = np.full((height, width), 0.2, np.float32)
    for cell, strength in ((24, 0.4), (6, 0.15), (3, 0.05)):
        small = random.random((height // cell + 2, width // cell + 2), dtype=np.float32)
        large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        total += strength * np.asarray(large, dtype=np.float32)
    return total


def picture(form: Form, height: int, width: int, *, seed: int = 0, turns: int = 0) -> Picture:
    """A picture with texture in each plane, stored height x width and turned by quarters."""
    random = np.random.default_rng(seed)
    low = (-(-height // (1 << form.shift_y)), -(-width // (1 << form.shift_x)))
    planes: list[NDArray[Any]] = [0.1 + 0.7 * texture(height, width, random)]
    if form.kind == "yuv":
        planes += [0.5 + 0.2 * (texture(*low, random) - 0.5) for _ in range(2)]
    if form.kind == "rgb":
        planes = [0.8 * planes[0] + 0.2 * texture(height, width, random) for _ in range(3)]
    if form.alpha:
        planes.append(texture(height, width, random))
    shifts = (form.shift_x, form.shift_y) if turns % 2 == 0 else (form.shift_y, form.shift_x)
    layout = SampleLayout(
        form.pixel_format, form.kind, form.depth, *shifts, form.alpha, form.floating
    )
    if form.floating:
        samples = [plane.astype(layout.dtype) for plane in planes]
    else:
        codes = [np.clip(np.rint(plane * layout.peak), 0, layout.peak) for plane in planes]
        samples = [plane.astype(layout.dtype) for plane in codes]
    return Picture(
        tuple(np.rot90(plane, turns) for plane in samples),
        layout,
        LIGHT if form.floating else GBR if form.kind == "rgb" else BT709,
        index=seed,
        pts=seed,
        time_base=Fraction(1, 25),
        rotation=90 * turns % 360,
    )


def wild(shown: Picture) -> Picture:
    """The picture with random codes, down to those that no colour in range has.

    Of floating point: from far below 0 to far above 1, with infinities and what is no number.
    """
    random = np.random.default_rng(shown.index)
    if shown.layout.floating:
        values = [
            random.standard_normal(p.shape) * 10.0 ** random.integers(-4, 5, p.shape)
            for p in shown.planes
        ]
        odd = [np.nan, np.inf, -np.inf]
        for plane in values:
            plane.flat[::7] = random.choice(odd, len(plane.flat[::7]))
        with np.errstate(over="ignore"):
            return shown.with_planes(tuple(plane.astype(shown.layout.dtype) for plane in values))
    codes = [random.integers(0, 2**shown.layout.depth, p.shape, p.dtype) for p in shown.planes]
    return shown.with_planes(tuple(codes))


def similarity(
    centre: tuple[float, float], side: float, roll: float, size: int
) -> NDArray[np.float64]:
    """The map (2, 3) that brings a turned square of the frame to a crop."""
    scale = size / side
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.concatenate([linear, (size / 2 - linear @ np.array(centre))[:, None]], axis=1)


def disc(size: int, radius: float = 0.35) -> NDArray[np.float32]:
    """A soft round mask."""
    line = (np.arange(size) + 0.5) / size - 0.5
    away = np.hypot(line[:, None], line[None, :])
    return np.clip((radius - away) / 0.1, 0.0, 1.0).astype(np.float32)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Pictures of all forms, of odd sizes, turned; some of them nothing but noise."""
    shown = picture(
        draw(st.sampled_from(FORMS)),
        draw(st.integers(17, 90)),
        draw(st.integers(17, 90)),
        seed=draw(st.integers(0, 99)),
        turns=draw(st.integers(0, 3)),
    )
    return wild(shown) if draw(st.booleans()) else shown


@st.composite
def maps(draw: st.DrawFn, size: int) -> NDArray[np.float64]:
    """Crops anywhere in and around a small frame, tiny to huge, some of anamorphic pixels."""
    centre = (draw(st.floats(-40, 130)), draw(st.floats(-40, 130)))
    side = 2 ** draw(st.floats(1, 9))
    square = similarity(centre, side, draw(st.floats(-3.2, 3.2)), size)
    return square @ np.diag([draw(st.sampled_from([1.0, 1.0, 4 / 3, 2.0])), 1.0, 1.0])
