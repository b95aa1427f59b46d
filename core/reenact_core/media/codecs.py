"""Which encoder, pixel format and container a shot is written with."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
from av.error import FFmpegError

from reenact_core.frames import ColourSpec, SampleLayout
from reenact_core.media.colour import guess, is_light
from reenact_core.media.convert import colour_after
from reenact_core.media.layouts import packing_of
from reenact_core.media.nearest_format import conversion, losses, nearest_format
from reenact_core.media.opening import codecs_held
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
    "exr",
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
# Codecs that may stand in for another whose encoder does not take all of its samples.
_RELATIVES = {
    "vp9": ("av1", "hevc"),
    "av1": ("hevc",),
    "h264": ("hevc",),
    "huffyuv": ("ffvhuff", "ffv1"),
    "ffvhuff": ("ffv1",),
    "utvideo": ("ffv1",),
}
# Their decoders give twelve bits, their encoders take ten; that is said, the codec stays.
_TEN_BITS = ("prores", "dnxhd")
_TITLES = {
    "av1": "AV1",
    "exr": "OpenEXR",
    "ffv1": "FFV1",
    "ffvhuff": "FFmpeg's HuffYUV",
    "hevc": "HEVC",
    "prores": "ProRes",
}
_STILL_SUFFIXES = {"png": ".png", "tiff": ".tif", "dpx": ".dpx", "bmp": ".bmp", "mjpeg": ".jpg"}
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
# Encoders whose streams, or the containers used here, say limited where nothing is said.
_RANGED = ("libx264", "libx264rgb", "libx265", "libvpx-vp9", "libsvtav1", "dnxhd", "mjpeg")
# Where encoders can say that chroma samples lie; others are understood as left.
_ANYWHERE = ("left", "center", "topleft", "top", "bottomleft", "bottom")
_SITINGS = {
    "libx264": _ANYWHERE,
    "libx265": _ANYWHERE,
    "libsvtav1": ("left", "topleft"),
    "mjpeg": ("center",),
    "mpeg1video": ("center",),
}
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
    can write them, else the nearest that loses nothing of opacity, chroma and depth. `ffv1` keeps
    every sample. The notes name what changes: sentences without the file's name.
    """
    notes: list[str] = []
    name = _matched(info, notes) if codec == "match" else codec
    if name == "exr":
        return _float_pictures(info, notes), tuple(notes)
    if codec == "png" or (info.numbers and name in _STILL_SUFFIXES):
        return _pictures(info, name, notes), tuple(notes)
    settings = _video(info, name, codec, notes)
    settings = _contained(info, settings, "prores" if info.still else codec, notes)
    _note_siting(info, settings, notes)
    return settings, tuple(notes)


def _matched(info: MediaInfo, notes: list[str]) -> str:
    """The source's codec, or the nearest one whose encoder takes all of its samples."""
    own = packing_of(info.layout.pixel_format).layout
    known = info.codec in _ENCODERS or info.codec in _OWN_NAME
    whole = known and (info.codec in _TEN_BITS or _whole(info, info.codec))
    if whole and not info.still and _has_container(info, info.codec):
        return info.codec
    near = (name for name in _nearest(info) if name == "exr" or _has_container(info, name))
    found = next((name for name in near if _whole(info, name)), "prores")
    if info.still:
        notes.append(f"a still becomes {_TITLES.get(found, found)}")
    elif whole:
        notes.append(
            f"{info.codec} goes into no container that is written here for such a source; "
            f"{_TITLES.get(found, found)} is used instead"
        )
    elif known:
        notes.append(
            f"the {info.codec} encoder does not take all of {own.pixel_format}; "
            f"{_TITLES.get(found, found)} is used instead"
        )
    else:
        notes.append(f"{info.codec} cannot be written; {_TITLES.get(found, found)} is used instead")
    return found


def _nearest(info: MediaInfo) -> tuple[str, ...]:
    """Codecs that may stand in for a source's own, the nearest first."""
    if packing_of(info.layout.pixel_format).layout.floating:
        return ("exr",) if info.still or info.numbers else ("ffv1", "exr")
    if info.still:
        return ("prores",)
    near = _RELATIVES.get(info.codec, ())
    if info.mastering or info.light_level:
        near = tuple(name for name in near if name == "hevc")  # the others do not carry these
    return (*near, "prores", "ffv1")


def _has_container(info: MediaInfo, name: str) -> bool:
    """Whether a codec goes into picture files, or into one of the containers used for `match`."""
    if info.numbers and (name == "exr" or name in _STILL_SUFFIXES):
        return True
    held = av.Codec(_encoder(info, name, "match"), "w").canonical_name
    return any(held in held_codecs(muxer) for muxer in _match_muxers(info))


def _whole(info: MediaInfo, name: str) -> bool:
    """Whether a codec keeps opacity, chroma and depth of a source."""
    own = packing_of(info.layout.pixel_format).layout
    encoder = _encoder(info, name, "match")
    target = packing_of(nearest_format(own, _offered(info, encoder, "match"))).layout
    return not losses(own, target)


def _pictures(info: MediaInfo, name: str, notes: list[str]) -> EncodeSettings:
    own = packing_of(info.layout.pixel_format).layout
    pixel_format = nearest_format(own, _formats(name))
    if name == "dpx" and info.extras.big_endian:
        swapped = pixel_format.removesuffix("le") + "be"
        pixel_format = swapped if swapped in _formats(name) else pixel_format
    _note_format(own, pixel_format, notes)
    if info.has_sound:
        notes.append("a picture sequence holds no sound; the sound stays in the source")
    options = _constant_quality(2) if name == "mjpeg" else ()
    return EncodeSettings(name, pixel_format, "image2", _STILL_SUFFIXES[name], options, "none")


def _float_pictures(info: MediaInfo, notes: list[str]) -> EncodeSettings:
    """OpenEXR: floating point as it is; R'G'B' as coded from 0 to 1, in halves where those do.

    Grey footage of whole numbers becomes R'G'B', which more programs read.
    """
    own = packing_of(info.layout.pixel_format).layout
    offered = [name for name in _formats("exr") if own.floating or not name.startswith("gray")]
    pixel_format = nearest_format(own, offered)
    if own.kind == "yuv":
        notes.append(f"{own.pixel_format} is converted to R'G'B'")
    if info.has_sound:
        notes.append("a picture sequence holds no sound; the sound stays in the source")
    if not is_light(info.colour, own):
        notes.append(
            "the EXR files hold the footage's own transfer function, not linear light; "
            "their entry reenactTransfer names it"
        )
    half = own.depth == 16 if own.floating else own.depth <= 10
    options = (("format", "half" if half else "float"), ("compression", "zip16"))
    return EncodeSettings("exr", pixel_format, "image2", ".exr", options, "none")


def _video(info: MediaInfo, name: str, codec: Codec, notes: list[str]) -> EncodeSettings:
    own = packing_of(info.layout.pixel_format).layout
    encoder = _encoder(info, name, codec)
    pixel_format = nearest_format(own, _offered(info, encoder, codec))
    _note_format(own, pixel_format, notes)
    _note_colour(info, encoder, pixel_format, notes)
    _note_hdr(info, encoder, notes)
    options = _options(info, encoder, pixel_format, notes)
    return EncodeSettings(encoder, pixel_format, "", "", options)


def _encoder(info: MediaInfo, name: str, codec: Codec) -> str:
    """FFmpeg's encoder of a codec."""
    if name == "dnxhr":
        return "dnxhd"
    if name == "h264" and codec == "match" and info.layout.kind == "rgb" and info.layout.depth == 8:
        return "libx264rgb"
    return _ENCODERS.get(name, name)


def _offered(info: MediaInfo, encoder: str, codec: Codec) -> list[str]:
    """The pixel formats that an encoder is used with."""
    offered = list(_formats(encoder))
    if encoder in ("libx264", "libx265") and info.layout.kind == "rgb" and codec != "match":
        # Hardly a player knows R'G'B' in these.
        offered = [form for form in offered if form in ("yuv420p", "yuv420p10le")]
    if encoder == "libx265":
        offered = [form for form in offered if not form.startswith("yuva")]
    if encoder == "dnxhd":
        offered = [form for form in offered if form in _dnxhr_formats(info)]
    if encoder == "ffv1":
        # FFmpeg 8.1 does not give back grey of floating point as it was.
        offered = [form for form in offered if not form.startswith(("grayf", "yaf"))]
    return offered


def _contained(
    info: MediaInfo, settings: EncodeSettings, codec: Codec, notes: list[str]
) -> EncodeSettings:
    """The settings with the first container that holds the pictures and all sound."""
    wanted = _wanted_muxers(info, settings, codec)
    name = av.Codec(settings.encoder, "w").canonical_name
    # Matroska takes more than it lists, under the four letters of AVI.
    fitting = [muxer for muxer in wanted if name in held_codecs(muxer)] or ["matroska"]
    muxer = next((one for one in fitting if set(info.sound_codecs) <= held_codecs(one)), None)
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
        return _match_muxers(info)
    if settings.encoder == "ffv1":
        return ["mp4", "matroska"]  # MP4 keeps exact times; QuickTime knows no FFV1
    if settings.encoder in ("libx264", "libx265") and set(info.sound_codecs) <= _MP4_SOUND:
        return ["mp4", "mov", "matroska"]
    return ["mov", "matroska"]


def _match_muxers(info: MediaInfo) -> list[str]:
    own = _own_muxer(info) or "mov"
    return [own, *(muxer for muxer in ("mov", "mp4", "matroska") if muxer != own)]


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
    if encoder in ("libx264", "libx264rgb"):
        return (*_x26x(info), *_fields(info))
    if encoder == "libx265":
        return (*_x26x(info), ("x265-params", _x265_parameters(info)))
    if encoder == "ffv1":
        if packing_of(pixel_format).layout.floating:
            notes.append("floating point in FFV1 is version 4, which FFmpeg calls experimental")
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
    parameters = ["log-level=none"]  # its lines would go between those of --progress json
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
    options: tuple[tuple[str, str], ...] = ("level", "3"), ("g", "1"), ("slicecrc", "1")
    if packing_of(pixel_format).layout.floating:
        options = ("level", "4"), ("strict", "experimental"), *options[1:]
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


def colour_written(info: MediaInfo, encoder: str, pixel_format: str, muxer: str = "") -> ColourSpec:
    """The tags of the new file: the source's, but for what its codec has no words for.

    R'G'B' and grey that do not tell their range are full; they are tagged so where silence would
    be read as limited.
    """
    own, target = packing_of(info.layout.pixel_format).layout, packing_of(pixel_format).layout
    lines = info.width if info.rotation % 180 else info.height
    colour = colour_after(info.colour, own, target, lines)
    meant = guess(colour, lines, target)
    if encoder == "dnxhd" and meant.matrix not in ("bt709", "gbr"):
        colour = replace(colour, matrix="bt709")  # players believe its header, which says so
    if target.kind == "yuv" and meant.full_range and encoder not in _TELL_RANGE:
        colour = replace(colour, full_range=False)
    if target.kind == "yuv" and encoder == "mjpeg":
        colour = replace(colour, full_range=True)  # JPEG knows no other
    told = encoder in _RANGED or muxer == "mp4"
    if told and target.kind != "yuv" and colour.full_range is None:
        colour = replace(colour, full_range=True)
    return colour


def _note_colour(info: MediaInfo, encoder: str, pixel_format: str, notes: list[str]) -> None:
    colour = colour_written(info, encoder, pixel_format)
    if colour.full_range is False and info.colour.full_range and info.layout.kind == "yuv":
        notes.append("the codec has limited range only; full-range samples are converted")
    if info.interlaced and encoder in _UNMARKED:
        notes.append(f"{_UNMARKED[encoder]} is written without marking its fields")
    if encoder == "dnxhd" and colour.matrix == "bt709" != info.colour.matrix != "unknown":
        notes.append("DNxHR knows the matrix of BT.709 only; colours are converted to it")


def _note_siting(info: MediaInfo, settings: EncodeSettings, notes: list[str]) -> None:
    place = siting_written(info.colour, settings.pixel_format)
    told = _SITINGS.get(settings.encoder, ("left",))
    if place != "unknown" and place not in told and settings.muxer != "matroska":
        notes.append(
            f"the file cannot say that its chroma samples lie at {place}; that is left out"
        )


def siting_written(colour: ColourSpec, pixel_format: str) -> str:
    """Where chroma samples lie, for an encoder to tell: of 4:2:0 only, else `unknown`."""
    layout = packing_of(pixel_format).layout
    halved = (layout.chroma_width_shift, layout.chroma_height_shift) == (1, 1)
    return colour.chroma_location if halved else "unknown"


def _note_hdr(info: MediaInfo, encoder: str, notes: list[str]) -> None:
    if encoder != "libx265" and (info.mastering or info.light_level):
        notes.append("mastering display and light level are not written; only HEVC carries them")


def _note_format(own: SampleLayout, pixel_format: str, notes: list[str]) -> None:
    target = packing_of(pixel_format).layout
    notes += (*conversion(own, target), *losses(own, target))


@cache
def _formats(encoder: str) -> tuple[str, ...]:
    return tuple(one.name for one in av.Codec(encoder, "w").video_formats or ())


@cache
def held_codecs(muxer: str) -> frozenset[str]:
    """Names of all codecs that a container takes."""
    # FFmpeg answers "perhaps" for all but two codecs of a transport stream.
    known = _TRANSPORTED if muxer == "mpegts" else frozenset()
    return codecs_held(muxer) | known
