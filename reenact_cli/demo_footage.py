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
from PIL import Image

from reenact_cli.demo_sound import RATE, voice
from reenact_core.files import Admit, written_whole
from reenact_core.media.opening import created
from reenact_training.synthetic.plate import PlateFace, render_plate

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
class Take:
    """One drawn person in a room."""

    name: str
    """Of the file, without its suffix."""
    person: int
    """Seed of who it is."""
    acting: int
    """Seed of what they do."""
    room: int
    """Seed of where."""


TAKES = (
    Take("close_up", 8000, 7, 5),
    Take("answer", 6000, 35, 2),
    Take("performance", 4000, 25, 7),
)
"""The clips: two for the timeline, and one whose performance the second of them is given."""

PORTRAIT = Take("portrait", 3000, 37, 9)
PORTRAIT_SIZE = 512


def draw_take(take: Take) -> Iterator[Pixels]:
    """The frames of a take, (HEIGHT, WIDTH, 3) R'G'B'; the same on every machine."""
    face = PlateFace(WIDTH / 2, 0.48 * HEIGHT, 0.46 * HEIGHT, take.person, take.acting)
    return render_plate(take.room, WIDTH, HEIGHT, FRAMES, [face], rate=float(FRAME_RATE))


def write_portrait(path: Path, *, admit: Admit | None = None) -> None:
    """A picture of the person who is to act in the first shot.

    `admit` guards the name, as in `files.written_whole`.

    Raises:
        OutputError: the folder cannot be written.
    """
    size = PORTRAIT_SIZE
    face = PlateFace(size / 2, 0.51 * size, 0.46 * size, PORTRAIT.person, PORTRAIT.acting)
    picture = next(iter(render_plate(PORTRAIT.room, size, size, 1, [face])))
    with written_whole(path, admit=admit) as partial:
        Image.fromarray(picture).save(partial)


def write_take(path: Path, take: Take, frames: Iterable[Pixels]) -> None:
    """The frames of a take with a voice of its own.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    write_clip(path, frames, voice(float(FRAMES / FRAME_RATE), take.person))


def make_timeline(folder: Path) -> otio.schema.Timeline:
    """Two shots of `folder`, each asking for a new face, over their own sound.

    Media are named by their absolute place, as editors do; the files that act, beside the timeline.
    """
    timeline = otio.schema.Timeline("two_shots")
    pictures = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    sound = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    timeline.tracks.extend([pictures, sound])
    asks = {
        "close_up": {"mode": "recast", "source": "portrait.png"},
        "answer": {"mode": "redirect", "driving": "performance.mp4"},
    }
    for name, ask in asks.items():
        clip = _clip(folder, name)
        clip.effects.append(
            otio.schema.Effect(effect_name="reenact", metadata={"reenact": {"version": 1, **ask}})
        )
        pictures.append(clip)
        sound.append(_clip(folder, name))
    return timeline


def write_clip(path: Path, frames: Iterable[Pixels], sound: NDArray[np.float32]) -> None:
    """Write frames (h, w, 3) R'G'B' as H.264 with BT.709 tags, and mono sound as AAC.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    with written_whole(path) as partial, created(partial) as container:
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


def _clip(folder: Path, name: str) -> otio.schema.Clip:
    rate = float(FRAME_RATE)
    available = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, rate), otio.opentime.RationalTime(FRAMES, rate)
    )
    shown = otio.opentime.TimeRange(
        otio.opentime.RationalTime(HANDLE, rate),
        otio.opentime.RationalTime(FRAMES - 2 * HANDLE, rate),
    )
    url = (folder.resolve() / f"{name}.mp4").as_uri()
    media = otio.schema.ExternalReference(target_url=url, available_range=available)
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
