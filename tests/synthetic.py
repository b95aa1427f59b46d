"""Short clips with a drawn face, whose place is known to the pixel, and timelines made of them.

The face is a picture-book one: enough for the engine, which is told where it is by a tracks file or
by `find_drawn_faces`, a detector that goes by the colour of its skin.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import opentimelineio as otio
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SKIN = (214, 164, 132)
"""R, G, B of the drawn skin; no background comes near it."""


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """A face in one frame."""

    x: float
    """Centre, pixels of the frame."""
    y: float
    half_width: float
    """From the centre to a cheek, pixels; the face is 1.3 times as high as wide."""
    mouth: float = 0.2
    """How far the mouth is open, 0 to 1."""
    turn: float = 0.0
    """Where the nose points: -1 the image's left, 1 its right."""
    skin: tuple[int, int, int] = SKIN

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, pixels."""
        half_height = 1.3 * self.half_width
        return (
            self.x - self.half_width,
            self.y - half_height,
            self.x + self.half_width,
            self.y + half_height,
        )

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """(5, 2): eyes, nose tip, mouth corners, the image's left first."""
        r, shift = self.half_width, self.turn * 0.3 * self.half_width
        places = [(-0.4, -0.3), (0.4, -0.3), (0.0, 0.15), (-0.35, 0.65), (0.35, 0.65)]
        return np.array([(self.x + shift + a * r, self.y + b * r) for a, b in places])


Cast = Callable[[int], Sequence[DrawnFace]]
"""The faces of a frame, by its number."""


def one_face(width: int, height: int, *, size: float = 0.22) -> Cast:
    """A face that sways, turns and talks in the middle of the frame."""

    def faces(frame: int) -> Sequence[DrawnFace]:
        turn = float(np.sin(frame / 7))
        x = width / 2 + 0.04 * width * float(np.sin(frame / 9))
        mouth = 0.5 + 0.5 * float(np.sin(frame / 2))
        return [DrawnFace(x, height / 2, size * height, mouth, turn)]

    return faces


def draw(width: int, height: int, faces: Sequence[DrawnFace], *, seed: int = 0) -> Image:
    """A frame (height, width, 3) uint8 R'G'B': a detailed background, and the faces."""
    picture = _background(width, height, seed)
    for face in faces:
        _draw_face(picture, face)
    return picture


def find_skin(picture: Image) -> list[tuple[float, float, float, float]]:
    """The boxes of drawn faces in a frame by the colour of their skin, image left first."""
    skin = np.abs(picture.astype(np.int16) - np.array(SKIN)).max(axis=2) < 40
    closed = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    boxes = [stats[number] for number in range(1, count) if stats[number][4] > 150]
    return sorted((float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in boxes)


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """How a clip is stored."""

    codec: str = "ffv1"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(25)
    sound: bool = False
    width: int = 192
    height: int = 144


def write_clip(
    path: Path,
    count: int,
    cast: Cast | None = None,
    form: ClipFormat | None = None,
    *,
    cuts: Sequence[int] = (),
) -> Path:
    """A clip of `count` frames; `cast` says where its faces are (one in the middle by default).

    The background changes at every frame of `cuts`.
    """
    form = form or ClipFormat()
    cast = cast or one_face(form.width, form.height)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(form.codec, rate=form.rate)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, form.pixel_format
        stream.time_base = 1 / form.rate
        sound: Any = container.add_stream("pcm_s16le", rate=48000) if form.sound else None
        if sound is not None:
            sound.layout = "mono"
        for number in range(count):
            scene = sum(cut <= number for cut in cuts)
            pixels = draw(form.width, form.height, cast(number), seed=7 * scene)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format=form.pixel_format, dst_colorspace="ITU709")
            frame.pts, frame.time_base = number, 1 / form.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _write_sound(container, sound, float(count / form.rate))
    return path


def write_tracks(path: Path, video: str, frames: int, form: "ClipFormat | None" = None) -> Path:
    """A tracks file of `write_clip`'s face, where it is drawn."""
    form = form or ClipFormat()
    cast = one_face(form.width, form.height)
    faces = [cast(frame)[0] for frame in range(frames)]
    track = {
        "id": 1,
        "start": 0,
        "boxes": [list(face.box) for face in faces],
        "landmarks": [face.landmarks.tolist() for face in faces],
        "confidence": [1.0] * frames,
    }
    held = {"version": 1, "video": video, "rate": "25/1", "tracks": [track]}
    path.write_text(json.dumps(held))
    return path


def write_portrait(path: Path, size: int = 256, face: DrawnFace | None = None) -> Path:
    """A picture of a face, another one than the clips show."""
    other = face or DrawnFace(size / 2, size / 2, 0.27 * size, 0.1, 0.0, (190, 140, 150))
    cv2.imwrite(str(path), draw(size, size, [other], seed=5)[..., ::-1])
    return path


@dataclass(frozen=True, slots=True)
class TimelineClip:
    """A clip of a timeline to be made."""

    name: str
    media: Path
    start: int
    count: int
    length: int
    """Frames that the file has."""
    effect: dict[str, Any] | None = None
    """The `reenact` metadata of its effect; None: the clip is not asked for."""
    rate: float = 25.0


def write_timeline(path: Path, clips: Sequence[TimelineClip]) -> Path:
    """A timeline with one video track that shows the clips one after another."""
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for clip in clips:
        track.append(_otio_clip(clip))
    timeline = otio.schema.Timeline(path.stem)
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))
    return path


def _otio_clip(clip: TimelineClip) -> Any:
    def span(start: int, count: int) -> Any:
        time = otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(start, clip.rate), time(count, clip.rate))

    media = otio.schema.ExternalReference(str(clip.media), span(0, clip.length))
    made = otio.schema.Clip(clip.name, media, span(clip.start, clip.count))
    if clip.effect is not None:
        made.effects.append(
            otio.schema.Effect(
                name="reenact", effect_name="reenact", metadata={"reenact": clip.effect}
            )
        )
    return made


def _background(width: int, height: int, seed: int) -> Image:
    random = np.random.default_rng(seed)
    small = random.integers(20, 120, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    scaled = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = random.integers(0, 6, (height, width, 3), np.uint8)
    return np.asarray(cv2.add(scaled, grain), np.uint8)


def _draw_face(picture: Image, face: DrawnFace) -> None:
    r, turn = face.half_width, face.turn * 0.3

    def part(x: float, y: float, size: tuple[float, float], colour: tuple[int, ...]) -> None:
        _ellipse(picture, (face.x + x * r, face.y + y * r), (size[0] * r, size[1] * r), colour)

    part(0, 0, (1.0, 1.3), face.skin)
    for eye in (turn - 0.4, turn + 0.4):
        part(eye, -0.3, (0.16, 0.1), (250, 250, 250))
        part(eye + 0.2 * turn, -0.3, (0.07, 0.08), (40, 30, 20))
        part(eye, -0.5, (0.2, 0.04), (70, 45, 30))
    part(1.3 * turn, 0.1, (0.08, 0.25), (180, 125, 100))
    part(turn, 0.65, (0.35, 0.05 + 0.2 * face.mouth), (140, 40, 45))


def _ellipse(
    picture: Image, centre: tuple[float, float], axes: tuple[float, float], colour: tuple[int, ...]
) -> None:
    shift = 4  # cv2 takes sixteenths of a pixel, and puts 0 at the middle of the first pixel
    place = tuple(round((value - 0.5) * 2**shift) for value in centre)
    size = tuple(max(1, round(value * 2**shift)) for value in axes)
    cv2.ellipse(picture, place, size, 0, 0, 360, colour, -1, cv2.LINE_AA, shift)


def _write_sound(container: Any, stream: Any, seconds: float) -> None:
    times = np.arange(round(seconds * 48000)) / 48000
    samples = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    for start in range(0, len(samples), 1024):
        part = samples[None, start : start + 1024]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
