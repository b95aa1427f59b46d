"""Real media files made with PyAV, for the tests of this folder."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from reenact_core.frames import ColourSpec, Picture, SampleLayout, Samples
from reenact_core.media.codecs import Codec, choose_codec
from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.layouts import packing_of, plane_size, write_planes
from reenact_core.media.probe import probe
from reenact_core.media.tags import tag_frame, tag_stream
from reenact_core.timing import FrameRange

HD = ColourSpec("bt709", "bt709", "bt709", False)


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file as a test wants it."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    count: int = 24
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (96, 64)
    options: dict[str, str] = field(default_factory=dict)
    colour: ColourSpec = HD
    times: tuple[int, ...] | None = None
    """In units of 1/30000; None: evenly."""
    rotation: int = 0
    aspect: Fraction = Fraction(1)
    timecode: str | None = None
    sound: tuple[str, ...] = ()
    """Codec of every sound track."""
    noise: int = 0
    """Amplitude of what changes from frame to frame without rule, so that no two are alike."""


def write_clip(path: Path, clip: Clip) -> Path:
    """The clip, written with PyAV alone."""
    with av.open(str(path), "w") as target:
        stream = target.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.width, context.height = clip.size
        context.pix_fmt = clip.pixel_format
        time_base = Fraction(1, 30000) if clip.times else 1 / clip.rate
        context.time_base = time_base
        context.sample_aspect_ratio = clip.aspect
        tag_stream(stream, clip.colour)
        if clip.rotation:
            stream.set_display_rotation(clip.rotation)
        if clip.timecode:
            stream.metadata["timecode"] = clip.timecode
        tracks = [target.add_stream(codec, rate=48000) for codec in clip.sound]
        end = Fraction(clip.count) / clip.rate
        for number in range(clip.count):
            frame = make_frame(clip, number)
            frame.pts = clip.times[number] if clip.times else number
            frame.time_base = time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        for place, track in enumerate(tracks):
            assert isinstance(track, av.AudioStream)
            _write_tone(target, track, end, 220 * (place + 1))
    return path


def make_frame(clip: Clip, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(*clip.size, clip.pixel_format)
    layout = packing_of(clip.pixel_format).layout
    write_planes(frame, make_planes(layout, clip.size, number, clip.noise))
    tag_frame(frame, clip.colour)
    return frame


def make_planes(
    layout: SampleLayout, size: tuple[int, int], number: int, noise: int = 0
) -> tuple[Samples, ...]:
    """A slope that moves, with a corner that spells the number in bars."""
    planes = []
    random = np.random.default_rng(number)
    unit = 1 if layout.floating else 1 << (layout.depth - 8)
    for plane in range(len(packing_of(layout.pixel_format).components)):
        height, width = plane_size(*size, layout, plane)
        y, x = np.mgrid[0:height, 0:width]
        values = 40 + (x * (2 + plane) + y * 3 + number * 5) % 160
        values = values * unit + random.integers(0, noise * unit + 1, (height, width))
        if layout.floating:
            values = values / 64 - 1  # darker than black, brighter than white
        planes.append(values.astype(layout.dtype))
    return tuple(planes)


def make_picture(pixel_format: str, size: tuple[int, int], colour: ColourSpec) -> Picture:
    layout = packing_of(pixel_format).layout
    planes = make_planes(layout, size, 1)
    return Picture(planes, layout, colour, 0, 0, Fraction(1, 25))


def all_frames(path: Path, start: int = 0, stop: int | None = None) -> list[Picture]:
    info = probe(path)
    stop = info.frame_count if stop is None else stop
    return list(decode(info, FrameRange(start, stop, info.rate)))


def rewrite(
    source: Path, folder: Path, codec: Codec, start: int = 0, stop: int | None = None
) -> Path:
    """A range of a file, decoded and encoded again as shots are; the new file."""
    info = probe(source)
    frames = FrameRange(start, info.frame_count if stop is None else stop, info.rate)
    settings, _ = choose_codec(info, codec)
    target = settings.output_path(folder, "shot")
    with open_encoder(target, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    return target


def same(one: Picture, other: Picture) -> bool:
    return all(
        np.array_equal(mine, theirs) for mine, theirs in zip(one.planes, other.planes, strict=True)
    )


def sound_packets(path: Path) -> list[list[tuple[Fraction, bytes]]]:
    """Time and payload of the packets of every sound track."""
    with av.open(str(path)) as source:
        tracks: dict[int, list[tuple[Fraction, bytes]]] = {
            stream.index: [] for stream in source.streams.audio
        }
        if tracks:
            for packet in source.demux(source.streams.audio):
                if packet.size and packet.pts is not None:
                    time = packet.pts * Fraction(packet.time_base)
                    tracks[packet.stream_index].append((time, bytes(packet)))
    return list(tracks.values())


def decoded_samples(path: Path) -> tuple[Fraction, NDArray[np.int64]]:
    """When the first track's first sample sounds, after edit lists, and all its samples."""
    parts: list[NDArray[Any]] = []
    start: Fraction | None = None
    with av.open(str(path)) as source:
        for frame in source.decode(audio=0):
            if start is None and frame.pts is not None and frame.time_base:
                start = frame.pts * Fraction(frame.time_base)
            parts.append(frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:, 0])
    return start or Fraction(0), np.concatenate(parts).astype(np.int64)


def _write_tone(target: OutputContainer, track: av.AudioStream, end: Fraction, hertz: int) -> None:
    total = int(end * 48000)
    layout = track.codec_context.format.name
    for start in range(0, total, 1024):
        samples = np.arange(start, min(start + 1024, total))
        wave = np.sin(samples * 2 * np.pi * hertz / 48000) * 0.3
        planar = np.stack([wave, wave])
        values = planar if layout.endswith("p") else planar.T.reshape(1, -1)
        if layout.startswith("s16"):
            values = (values * 32767).astype(np.int16)
        elif layout.startswith("s32"):
            values = (values * 2147483647).astype(np.int32)
        else:
            values = values.astype(np.float32)
        frame = av.AudioFrame.from_ndarray(values, format=layout, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        target.mux(track.encode(frame))
    target.mux(track.encode(None))
