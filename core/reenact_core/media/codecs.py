"""Which encoder, pixel format and container a shot is written with."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
from av.error import FFmpegError

from reenact_core.frames import ColourSpec, SampleLayout
from reenact_core.media.colour import guess
from reenact_core.media.convert import colour_after
from reenact_core.media.layouts import packing, packing_of
from reenact_core.media.probe import MediaInfo

Codec = Literal["match", "ffv1", "prores", "dnxhr", "h264", "hevc", "png", "exr"]


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How a shot is written; made by `choose_codec`."""

    encoder: str
    """FFmpeg's name of the encoder, as `libx264`."""
    pixel_format: str
    """What the encoder is given."""
    muxer: str
    """FFmpeg's name of the container's writer; `image2` for a folder of pictures."""
    suffix: str
    """Of the file's name, with its dot."""
    options: tuple[tuple[str, str], ...] = ()
    """For the encoder."""
    sound: Literal["copy", "pcm", "none"] = "copy"
    """`copy`: packet by packet; `pcm`: decoded, where no container holds its codec."""
    tags: tuple[tuple[str, str], ...] = ()
    """Of the container, by FFmpeg's names, as `comment`."""
    float_format: str = ""
    """Of pictures with floating point: what those of `pixel_format` are turned into at last."""

    @property
    def is_sequence(self) -> bool:
        """One file a frame."""
        return self.muxer == "image2"

    def output_path(self, folder: Path, name: str) -> Path:
        """Where a shot of that name goes: a file, or for pictures a pattern in their own folder."""
        if self.is_sequence:
            return folder / name / f"{name}.%06d{self.suffix}"
        return folder / f"{name}{self.suffix}"


BOTTOM_FIRST = (3, 5)
"""FFmpeg's field orders whose bottom field is shown first."""
_UNMARKED = {"dnxhd": "DNxHR", "libx265": "HEVC"}
_MILLISECOND = Fraction(1, 1000)
_ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "prores": "prores_ks",
    "dnxhd": "dnxhd",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
}
# Encoders of the same name as the codec, good enough to be matched.
_OWN_NAME = (
    "bmp",
    "cfhd",
    "dpx",
    "ffv1",
    "ffvhuff",
    "huffyuv",
    "jpeg2000",
    "mjpeg",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "png",
    "qtrle",
    "tiff",
    "utvideo",
    "v210",
)
_STILL_SUFFIXES = {"png": ".png", "tiff": ".tif", "dpx": ".dpx", "bmp": ".bmp", "mjpeg": ".jpg"}
_FLOATS = {"gbrp16le": "gbrpf32le", "gbrap16le": "gbrapf32le"}
_SUFFIXES = {
    "mov": ".mov",
    "mp4": ".mp4",
    "matroska": ".mkv",
    "webm": ".webm",
    "mpegts": ".ts",
    "avi": ".avi",
}
_PRORES = {
    "Proxy": "proxy",
    "LT": "lt",
    "Standard": "standard",
    "HQ": "hq",
    "4444": "4444",
    "XQ": "4444xq",
}
# Encoders whose streams, or the containers used here, say that samples have full range.
_TELL_RANGE = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1", "mjpeg")
_DNXHR = {
    "DNXHR LB": "dnxhr_lb",
    "DNXHR SQ": "dnxhr_sq",
    "DNXHR HQ": "dnxhr_hq",
    "DNXHR HQX": "dnxhr_hqx",
    "DNXHR 444": "dnxhr_444",
}
_TRANSPORTED = frozenset(("h264", "hevc", "mpeg1video", "aac", "ac3", "mp3"))
# Codecs that play in an MP4 file nearly everywhere.
_MP4_SOUND = {"aac", "mp3", "ac3", "eac3", "alac"}


def choose_codec(info: MediaInfo, codec: Codec) -> tuple[EncodeSettings, tuple[str, ...]]:
    """The encoder, pixel format and container for a shot of `info`, and what to tell the user.

    `match` is the codec, samples, quality class and container of the source where FFmpeg
    can write them, else the nearest of higher quality. `ffv1` keeps every sample. The notes
    name what changes: sentences without the file's name.
    """
    notes: list[str] = []
    if info.still and codec == "match":
        codec = "prores"
        notes.append("a still becomes a ProRes film")
    name = _matched(info, notes) if codec == "match" else codec
    if codec == "exr":
        return _float_pictures(info, notes), tuple(notes)
    if codec == "png" or (info.numbers and name in _STILL_SUFFIXES):
        return _pictures(info, name, notes), tuple(notes)
    settings = _video(info, name, notes)
    settings = _contained(info, settings, codec, notes)
    return settings, tuple(notes)


def nearest_format(wanted: SampleLayout, offered: Iterable[str]) -> str:
    """The pixel format that keeps most of a layout: colour model, opacity, chroma, depth."""

    chroma = (wanted.chroma_width_shift, wanted.chroma_height_shift)
    if wanted.kind == "grey":
        chroma = (9, 9)  # there is none to lose

    def loss(name: str) -> tuple[int | bool, ...]:
        layout = packing_of(name).layout
        wide = layout.chroma_width_shift + layout.chroma_height_shift
        fine = chroma[0] + chroma[1]
        return (
            layout.kind == "grey" != wanted.kind,
            layout.kind != wanted.kind and wanted.kind != "grey",
            wanted.has_alpha and not layout.has_alpha,
            max(0, layout.chroma_width_shift - chroma[0])
            + max(0, layout.chroma_height_shift - chroma[1]),
            max(0, wanted.depth - layout.depth),
            layout.kind != wanted.kind,
            layout.has_alpha != wanted.has_alpha,
            max(0, fine - wide),
            max(0, layout.depth - wanted.depth),
            name.startswith("yuvj"),
        )

    return min((name for name in offered if packing(name)), key=loss)


def _matched(info: MediaInfo, notes: list[str]) -> str:
    if info.codec in _ENCODERS or info.codec in _OWN_NAME:
        return info.codec
    notes.append(f"{info.codec} cannot be written; ProRes of higher quality is used instead")
    return "prores"


def _pictures(info: MediaInfo, name: str, notes: list[str]) -> EncodeSettings:
    own = packing_of(info.layout.pixel_format).layout
    pixel_format = nearest_format(own, _formats(name))
    _note_format(own, pixel_format, notes)
    if info.has_sound:
        notes.append("a picture sequence holds no sound; the sound stays in the source")
    options = _constant_quality(2) if name == "mjpeg" else ()
    return EncodeSettings(name, pixel_format, "image2", _STILL_SUFFIXES[name], options, "none")


def _float_pictures(info: MediaInfo, notes: list[str]) -> EncodeSettings:
    """OpenEXR: R'G'B' as coded, from 0 to 1; half floats hold ten bits of it exactly."""
    own = packing_of(info.layout.pixel_format).layout
    pixel_format = nearest_format(own, _FLOATS)
    if own.kind != "rgb":
        notes.append(f"{own.pixel_format} is converted to R'G'B'")
    if info.has_sound:
        notes.append("a picture sequence holds no sound; the sound stays in the source")
    notes.append("the EXR files hold the footage's own transfer function, not linear light")
    options = (("format", "half" if own.depth <= 10 else "float"), ("compression", "zip16"))
    settings = EncodeSettings("exr", pixel_format, "image2", ".exr", options, "none")
    return replace(settings, float_format=_FLOATS[pixel_format])


def _video(info: MediaInfo, name: str, notes: list[str]) -> EncodeSettings:
    own = packing_of(info.layout.pixel_format).layout
    name = "dnxhd" if name == "dnxhr" else name
    encoder = _ENCODERS.get(name, name)
    offered = list(_formats(encoder))
    if encoder in ("libx264", "libx265") and own.kind == "rgb":
        offered = [form for form in offered if form in ("yuv420p", "yuv420p10le")]
    if encoder == "libx265":
        offered = [form for form in offered if not form.startswith("yuva")]
    if name == "dnxhd":
        offered = [form for form in offered if form in _dnxhr_formats(info)]
    pixel_format = nearest_format(own, offered)
    _note_format(own, pixel_format, notes)
    _note_colour(info, encoder, pixel_format, notes)
    _note_hdr(info, encoder, notes)
    options = _options(info, encoder, pixel_format, notes)
    return EncodeSettings(encoder, pixel_format, "", "", options)


def _contained(
    info: MediaInfo, settings: EncodeSettings, codec: Codec, notes: list[str]
) -> EncodeSettings:
    """The settings with the first container that holds the pictures and all sound."""
    wanted = _wanted_muxers(info, settings, codec)
    name = av.Codec(settings.encoder, "w").canonical_name
    fitting = [muxer for muxer in wanted if name in _held(muxer)]
    muxer = next((one for one in fitting if set(info.sound_codecs) <= _held(one)), None)
    sound: Literal["copy", "pcm", "none"] = "copy" if info.sound_codecs else "none"
    if muxer is None:
        muxer, sound = fitting[0], "pcm"
        notes.append(f"the sound ({', '.join(info.sound_codecs)}) is decoded to PCM")
    if codec == "match" and muxer != wanted[0]:
        notes.append(f"the file is {_SUFFIXES[muxer]}, since {wanted[0]} does not hold all of it")
    elif codec == "match" and _own_muxer(info) is None:
        notes.append(f"the file is {_SUFFIXES[muxer]} instead of {info.container}")
    if muxer == "matroska" and info.time_base != _MILLISECOND:
        notes.append("Matroska rounds frame times to milliseconds")
    return replace(settings, muxer=muxer, suffix=_SUFFIXES[muxer], sound=sound)


def _wanted_muxers(info: MediaInfo, settings: EncodeSettings, codec: Codec) -> list[str]:
    if codec == "match":
        own = _own_muxer(info) or "mov"
        return [own, *(muxer for muxer in ("mov", "mp4", "matroska") if muxer != own)]
    if settings.encoder == "ffv1":
        return ["mp4", "matroska"]  # MP4 keeps exact times; QuickTime knows no FFV1
    if settings.encoder in ("libx264", "libx265") and set(info.sound_codecs) <= _MP4_SOUND:
        return ["mp4", "mov", "matroska"]
    return ["mov", "matroska"]


def _own_muxer(info: MediaInfo) -> str | None:
    suffix = info.path.suffix.lower()
    if info.container.startswith("mov"):
        return "mov" if suffix in (".mov", ".qt") else "mp4"
    if info.container.startswith("matroska"):
        return "webm" if suffix == ".webm" else "matroska"
    if info.container == "avi" and not info.variable_rate:
        return "avi"
    return "mpegts" if info.container == "mpegts" else None


def _options(
    info: MediaInfo, encoder: str, pixel_format: str, notes: list[str]
) -> tuple[tuple[str, str], ...]:
    if encoder == "libx264":
        return (*_x26x(info), *_fields(info))
    if encoder == "libx265":
        return (*_x26x(info), ("x265-params", _x265_parameters(info)))
    if encoder == "ffv1":
        return _ffv1_options(info, pixel_format)
    if encoder == "prores_ks":
        return _prores_options(info, pixel_format)
    if encoder == "dnxhd":
        return (("profile", _dnxhr_profile(info, pixel_format, notes)),)
    if encoder in ("mjpeg", "mpeg4", "mpeg2video", "mpeg1video"):
        return _constant_quality(2)
    if encoder in ("libvpx-vp9", "libvpx"):
        return ("crf", "12"), ("b", "0"), ("cpu-used", "4"), ("row-mt", "1")
    if encoder == "libsvtav1":
        return ("crf", "14"), ("preset", "6")
    return ()


def _x26x(info: MediaInfo) -> tuple[tuple[str, str], ...]:
    """Constant quality, finer the more bits the source spends on a pixel; intra stays intra."""
    pixels = info.width * info.height * float(info.rate)
    spent = (info.bit_rate or 0) / pixels
    crf = 14 if spent < 0.3 else 12 if spent < 0.8 else 10
    intra = info.codec in ("h264", "hevc") and 1 < info.frame_count == len(info.index.keyframes)
    return ("preset", "medium"), ("crf", str(crf)), *((("g", "1"),) if intra else ())


def _fields(info: MediaInfo) -> tuple[tuple[str, str], ...]:
    if not info.interlaced:
        return ()
    return (("x264-params", "bff=1" if info.field_order in BOTTOM_FIRST else "tff=1"),)


def _x265_parameters(info: MediaInfo) -> str:
    parameters = ["log-level=error"]
    if info.mastering is not None:
        parameters.append(f"master-display={info.mastering.x265()}")
    if info.light_level is not None:
        parameters.append(f"max-cll={info.light_level[0]},{info.light_level[1]}")
    if len(parameters) > 1:
        parameters.append("hdr10=1")
    return ":".join(parameters)


def _ffv1_options(info: MediaInfo, pixel_format: str) -> tuple[tuple[str, str], ...]:
    """Version 3, in as many slices as the size takes (all cores work, a damage stays small)."""
    if packing_of(pixel_format).layout.chroma_width_shift == 2:
        # Version 3 loses the last column of chroma where widths are no multiple of four.
        return ("level", "1"), ("g", "1")
    size = (info.height, info.width) if info.rotation % 180 else (info.width, info.height)
    options = ("level", "3"), ("g", "1"), ("slicecrc", "1")
    for slices in ("16", "9", "4"):
        if _opens("ffv1", *size, pixel_format, (*options, ("slices", slices))):
            return (*options, ("slices", slices))
    return options


def _opens(
    encoder: str, width: int, height: int, pixel_format: str, options: tuple[tuple[str, str], ...]
) -> bool:
    """Whether an encoder takes pictures of that size with these options."""
    trial = av.CodecContext.create(encoder, "w")
    assert isinstance(trial, av.VideoCodecContext)
    trial.width, trial.height, trial.pix_fmt = width, height, pixel_format
    trial.time_base = Fraction(1, 25)
    trial.options = dict(options)
    try:
        trial.open()
    except FFmpegError:
        return False
    return True


def _prores_options(info: MediaInfo, pixel_format: str) -> tuple[tuple[str, str], ...]:
    profile = _PRORES.get(info.profile or "", "") if info.codec == "prores" else ""
    if not profile:
        profile = "hq" if pixel_format == "yuv422p10le" else "4444"
    alpha = (("alpha_bits", "16"),) if pixel_format.startswith("yuva") else ()
    return ("profile", profile), ("vendor", "apl0"), *alpha


def _dnxhr_profile(info: MediaInfo, pixel_format: str, notes: list[str]) -> str:
    same = _DNXHR.get(info.profile or "", "") if info.codec == "dnxhd" else ""
    if same:
        return same
    best = {"yuv422p": "dnxhr_hq", "yuv422p10le": "dnxhr_hqx"}.get(pixel_format, "dnxhr_444")
    if info.codec == "dnxhd":
        notes.append(f"DNxHD is written as {best.upper().replace('_', ' ')}")
    return best


def _dnxhr_formats(info: MediaInfo) -> tuple[str, ...]:
    own = packing_of(info.layout.pixel_format).layout
    if own.kind == "rgb":
        return ("gbrp10le",)
    if own.kind == "yuv" and own.chroma_width_shift == 0:
        return ("yuv444p10le",)
    return ("yuv422p", "yuv422p10le")


def _constant_quality(scale: int) -> tuple[tuple[str, str], ...]:
    return ("flags", "+qscale"), ("global_quality", str(scale * 118))


def colour_written(info: MediaInfo, encoder: str, pixel_format: str) -> ColourSpec:
    """The tags of the new file: the source's, but for what its codec has no words for."""
    own, target = packing_of(info.layout.pixel_format).layout, packing_of(pixel_format).layout
    lines = info.width if info.rotation % 180 else info.height
    colour = colour_after(info.colour, own, target, lines)
    meant = guess(colour, lines, target)
    if encoder == "dnxhd" and meant.matrix not in ("bt709", "gbr"):
        colour = replace(colour, matrix="bt709")  # players believe its header, which says so
    if target.kind == "yuv" and meant.full_range and encoder not in _TELL_RANGE:
        colour = replace(colour, full_range=False)
    return colour


def _note_colour(info: MediaInfo, encoder: str, pixel_format: str, notes: list[str]) -> None:
    colour = colour_written(info, encoder, pixel_format)
    if colour.full_range is False and info.colour.full_range and info.layout.kind == "yuv":
        notes.append("the codec has limited range only; full-range samples are converted")
    if info.interlaced and encoder in _UNMARKED:
        notes.append(f"{_UNMARKED[encoder]} is written without marking its fields")
    if encoder == "dnxhd" and colour.matrix == "bt709" != info.colour.matrix != "unknown":
        notes.append("DNxHR knows the matrix of BT.709 only; colours are converted to it")


def _note_hdr(info: MediaInfo, encoder: str, notes: list[str]) -> None:
    if encoder != "libx265" and (info.mastering or info.light_level):
        notes.append("mastering display and light level are not written; only HEVC carries them")


def _note_format(own: SampleLayout, pixel_format: str, notes: list[str]) -> None:
    target = packing_of(pixel_format).layout
    if own.has_alpha and not target.has_alpha:
        notes.append("the codec holds no opacity; it is left out")
    if own.kind != target.kind:
        notes.append(f"{own.pixel_format} is converted to {pixel_format}")
    elif own.depth > target.depth:
        notes.append(f"the encoder takes {target.depth} of {own.depth} bits a sample")
    elif (target.chroma_width_shift, target.chroma_height_shift) > (
        own.chroma_width_shift,
        own.chroma_height_shift,
    ):
        notes.append(f"colour is halved in size: {own.pixel_format} becomes {pixel_format}")


@cache
def _formats(encoder: str) -> tuple[str, ...]:
    return tuple(one.name for one in av.Codec(encoder, "w").video_formats or ())


@cache
def _held(muxer: str) -> frozenset[str]:
    """Names of all codecs that a container takes."""
    container = av.open(io.BytesIO(), "w", format=muxer)
    # FFmpeg answers "perhaps" for all but two codecs of a transport stream.
    known = _TRANSPORTED if muxer == "mpegts" else frozenset()
    return frozenset(container.supported_codecs) | known
