"""What the demo renders: two shots of drawn people with sound, a portrait, a performance."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from reenact_cli.demo_sound import RATE
from reenact_core.files import written_whole

Pixels = NDArray[np.uint8]

FRAME_RATE = Fraction(24)
WIDTH, HEIGHT = 640, 360
FRAMES = 48
"""Frames of each file."""
HANDLE = 4
"""Frames of each file before and after what the timeline shows."""

_BT709 = 1
_AUDIO_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Footage:
    """The demo's files."""

    timeline: Path
    portrait: Path
    """The new face of the first shot."""
    performance: Path
    """What the face of the second shot is to do."""


def make_timeline(folder: Path) -> otio.schema.Timeline:
    """Two shots of `folder`, each asking for a new face, over their own sound."""
    timeline = otio.schema.Timeline("two_shots")
    pictures = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    timeline.tracks.extend([pictures, sound])
    asks = {
        "close_up": {"mode": "recast", "source": "portrait.png"},
        "answer": {"mode": "redirect", "driving": "performance.mp4"},
    }
    for name, ask in asks.items():
        clip = _clip(name)
        clip.effects.append(
            otio.schema.Effect(effect_name="reenact", metadata={"reenact": {"version": 1, **ask}})
        )
        pictures.append(clip)
        sound.append(_clip(name))
    return timeline


def write_clip(path: Path, frames: Iterable[Pixels], sound: NDArray[np.float32]) -> None:
    """Write frames (h, w, 3) R'G'B' as H.264 with BT.709 tags, and mono sound as AAC.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    with written_whole(path) as partial, av.open(str(partial), "w") as container:
        video = container.add_stream("libx264", rate=FRAME_RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.options = {"crf": "14", "preset": "veryfast"}
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for frame in frames:
            container.mux(video.encode(_tagged(frame)))
        container.mux(video.encode(None))
        for block in _blocks(sound):
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))


def _clip(name: str) -> otio.schema.Clip:
    rate = float(FRAME_RATE)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(FRAMES, rate)
    )
    shown = otio.opentime.TimeRange(
        otio.opentime.RationalTime(HANDLE, rate),
        otio.opentime.RationalTime(FRAMES - 2 * HANDLE, rate),
    )
    media = otio.schema.ExternalReference(target_url=f"{name}.mp4", available_range=available)
    return otio.schema.Clip(name, media_reference=media, source_range=shown)


def _tagged(frame: Pixels) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(frame, format="rgb24")
    picture = rgb.reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    picture.color_primaries = picture.color_trc = _BT709
    return picture


def _blocks(sound: NDArray[np.float32]) -> Iterator[Any]:
    for start in range(0, len(sound), _AUDIO_BLOCK):
        part = np.ascontiguousarray(sound[None, start : start + _AUDIO_BLOCK])
        block = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        block.sample_rate = RATE
        block.pts = start
        block.time_base = Fraction(1, RATE)
        yield block
