"""What an animation is painted on: a bare face crop, or the picture that the face came from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from reenact_core.engine.performer import Floats
from reenact_core.engine.portrait import Portrait
from reenact_core.errors import SettingsError
from reenact_core.frames import ColourSpec, Picture
from reenact_core.media.codecs import Codec, EncodeSettings
from reenact_core.media.colour import from_rgb
from reenact_core.media.fitting import fit_codec, refusal
from reenact_core.media.layouts import packing_of, plane_size
from reenact_core.media.opening import codecs_held
from reenact_core.media.probe import MediaInfo

_MUXERS: Mapping[str, str] = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
_WHOLE_COLOUR = ("ffv1", "png", "exr")


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """The picture that every frame begins as, and how the video of it is described."""

    picture: Picture
    info: MediaInfo
    """The driving video's times and sound with the canvas's size, samples and colours."""

    def at(self, frame: int) -> Picture:
        """The canvas at the moment of a frame of the driving video."""
        times = self.info.times
        duration = self.info.index.last_duration
        if frame + 1 < len(times):
            duration = int(times[frame + 1] - times[frame])
        return replace(
            self.picture,
            index=frame,
            pts=int(times[frame]),
            time_base=self.info.time_base,
            duration=duration,
        )


def face_canvas(driving: MediaInfo, size: int, codec: Codec) -> Canvas:
    """A square of a crop's size; the lossless codecs keep its R'G'B', the others 4:2:0."""
    name = "gbrp" if codec in _WHOLE_COLOUR else "yuv420p"
    layout = packing_of(name).layout
    colour = ColourSpec("bt709", "bt709", "gbr" if name == "gbrp" else "bt709", name == "gbrp")
    planes = tuple(np.zeros(plane_size(size, size, layout, plane), np.uint8) for plane in range(3))
    picture = Picture(planes, layout, colour, 0, 0, driving.time_base)
    return Canvas(picture, _described(driving, picture, driving))


def portrait_canvas(driving: MediaInfo, portrait: Portrait) -> Canvas:
    """The picture that the face was cut out of."""
    return Canvas(portrait.picture, _described(driving, portrait.picture, portrait.info))


def painted(canvas: Picture, pixels: Floats) -> Picture:
    """The canvas covered with R'G'B' (h, w, 3) in [0, 1] of its own size."""
    return canvas.with_planes(from_rgb(pixels, canvas, 0, 0))


def encode_settings(info: MediaInfo, out: Path, codec: Codec) -> tuple[EncodeSettings, list[str]]:
    """How to write the canvas to a file of that name, and what to tell the user.

    Raises:
        SettingsError: a container of that name does not hold the codec.
        MediaError: the encoder refuses; names the codecs that work.
    """
    settings, notes = fit_codec(info, codec)
    if settings.is_sequence or out.suffix.lower() == settings.suffix:
        return settings, list(notes)
    muxer = _MUXERS.get(out.suffix.lower())
    name = av.Codec(settings.encoder, "w").canonical_name
    if muxer is None or name not in codecs_held(muxer):
        raise SettingsError(
            f"{out}: {name} goes into a {settings.suffix} file; name the output so, or choose "
            "another --codec"
        )
    if settings.sound == "copy" and not set(info.sound_codecs) <= codecs_held(muxer):
        raise SettingsError(
            f"{out}: the driving video's sound ({', '.join(info.sound_codecs)}) does not go into "
            f"that kind of file; name the output {out.stem}{settings.suffix}"
        )
    settings = replace(settings, muxer=muxer, suffix=out.suffix)
    if (reason := refusal(info, settings)) is not None:
        raise SettingsError(f"{out}: {settings.encoder} in that container does not take {reason}")
    return settings, list(notes)


def output_path(settings: EncodeSettings, out: Path) -> Path:
    """The file, or for picture files their pattern in the folder `out`."""
    return settings.output_path(out.parent, out.name) if settings.is_sequence else out


def _described(driving: MediaInfo, picture: Picture, shown: MediaInfo) -> MediaInfo:
    own = shown is driving
    return replace(
        driving,
        width=picture.width,
        height=picture.height,
        layout=picture.layout,
        colour=picture.colour,
        rotation=0 if own else shown.rotation,
        display_matrix=None if own else shown.display_matrix,
        pixel_aspect=Fraction(1) if own else shown.pixel_aspect,
        interlaced=False,
        field_order=0,
        mastering=None,
        light_level=None,
    )
