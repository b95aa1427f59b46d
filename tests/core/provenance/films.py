"""Films as a render leaves them, marked or not, and all that an editor looks at in them."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.media.codecs import choose_codec
from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.probe import probe
from reenact_core.provenance.manifest import Deed
from reenact_core.provenance.mark import Marking, Sealer, sealed
from reenact_core.timing import FrameRange
from tests.synthetic import ClipFormat, draw, one_face

Packet = tuple[int, int | None, int | None, int | None, str]


def write_film(path: Path, codec: str, pixels: str = "yuv420p", *, sound: bool = True) -> Path:
    """A film with sound, timecode and colour tags."""
    form = ClipFormat(width=96, height=64)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=form.rate)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, pixels
        stream.codec_context.color_primaries = 9
        stream.codec_context.color_trc = 16
        stream.codec_context.colorspace = 9
        if path.suffix in (".mov", ".mp4", ".mkv"):
            stream.metadata["timecode"] = "01:02:03:04"
        voice: Any = container.add_stream("pcm_s16le", rate=48000) if sound else None
        if voice is not None:
            voice.layout = "mono"
        for number in range(9):
            picture = draw(form.width, form.height, one_face(96, 64)(number), seed=number)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, 1 / form.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            _add_sound(container, voice, 9 * 48000 // 25)
    return path


def _add_sound(container: Any, stream: Any, samples: int) -> None:
    for start in range(0, samples, 960):
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(hashlib.shake_256(b"%d" % start).digest(1920))
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def rewrite(source: Path, path: Path, marking: Marking, deed: Deed) -> Sealer:
    """A film as the engine writes one: every picture encoded anew, then marked."""
    info = probe(source)
    frames = FrameRange(2, 8, info.rate)
    encode, _ = choose_codec(info, "match")
    encode, seal = sealed(replace(encode, suffix=path.suffix), marking, deed)
    with open_encoder(path, info, frames, encode, seal=seal) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    return seal


def packets(path: Path) -> list[Packet]:
    """Every packet of every stream: stream, times and content."""
    with av.open(str(path)) as container:
        return [
            (one.stream.index, one.pts, one.dts, one.duration, _hash(bytes(one)))
            for one in container.demux()
            if one.size
        ]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pixels(path: Path) -> NDArray[np.uint8]:
    """What a picture shows."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.astype(np.uint8)


def streams(path: Path) -> Sequence[Any]:
    """What a container says of its streams: clocks, tags, parameters."""
    with av.open(str(path)) as container:
        return [
            (one.type, one.time_base, one.start_time, one.duration, dict(one.metadata))
            for one in container.streams
        ]


def facts(path: Path) -> dict[str, Any]:
    """What we read of it, whatever its name, size and comment, where a mark stands."""
    info = probe(path)
    but = ("path", "index", "bit_rate", "stamps", "extras")
    names = [field.name for field in fields(info) if field.name not in but]
    tags = {key: value for key, value in info.extras.tags if key != "comment"}
    return {
        "times": info.times.tolist(),
        "tags": tags,
        "extras": replace(info.extras, tags=()),
        **{name: getattr(info, name) for name in names},
    }
