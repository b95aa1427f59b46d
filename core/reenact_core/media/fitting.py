"""What an encoder takes: asked of the encoder itself, with one blank frame, before any work."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
from av.error import FFmpegError

from reenact_core.errors import MediaError
from reenact_core.frames import Picture, SampleLayout
from reenact_core.media.codecs import Codec, EncodeSettings, choose_codec, held_codecs
from reenact_core.media.extras import Chapter, Extras, lost_extras, read_extras
from reenact_core.media.layouts import packing_of, plane_size, turned
from reenact_core.media.mux import PictureFiles, Writer
from reenact_core.media.opening import opened
from reenact_core.media.probe import MediaInfo, first_frame, side_data, video_stream
from reenact_core.timing import FrameRange
from reenact_core.wording import amount

Choice = tuple[EncodeSettings, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a blank frame."""

    refused: str | None
    """What was refused, in words."""
    written: Extras | None = None
    """What the blank file held besides pictures; None: it was a folder of them, or refused."""


_known: dict[object, _Answer] = {}
"""What encoders have answered in this process, by all that they were asked."""
_MOST_KNOWN = 1000
_INSTEAD: tuple[Codec, ...] = ("prores", "ffv1")
"""What takes the place of a source's own codec that cannot be written, the usual one first."""


def fit_codec(info: MediaInfo, codec: Codec, rate: Fraction | None = None) -> Choice:
    """`choose_codec`, but only what the encoder takes at this size, rate and pixel aspect.

    Where its chroma planes do not divide the size, larger ones are taken; `match` falls back to
    another codec. The notes say so, and what the container does not hold of the source's tags,
    chapters and subtitles.

    Args:
        rate: of a sequence or a still, which have none of their own.

    Raises:
        MediaError: the encoder refuses; names the codecs that work.
    """
    settings, notes = _fitting(info, codec, rate)
    written = _asked(info, settings, rate).written
    held = frozenset[str]() if settings.is_sequence else held_codecs(settings.muxer)
    lost = [*lost_extras(info.extras, written, held, settings.muxer)]
    if info.codec == "dpx" and settings.encoder != "dpx":
        lost.append("the headers of the DPX files are not written")
    return settings, (*notes, *lost)


def _fitting(info: MediaInfo, codec: Codec, rate: Fraction | None) -> Choice:
    settings, notes = choose_codec(info, codec)
    reason = refusal(info, settings, rate)
    if reason is None:
        return settings, notes
    found = next(_with_larger_chroma(info, codec, settings, rate), None)
    if found is not None:
        return found[0], (*notes, *found[1])
    others: tuple[Codec, ...] = get_args(Codec)
    works: list[Codec] = [name for name in others if name != codec and _works(info, name, rate)]
    instead: Codec | None = next((name for name in _INSTEAD if name in works), None)
    if codec == "match" and instead is not None:
        other, more = _fitting(info, instead, rate)
        note = f"{settings.encoder} does not take {reason}; {instead} is used instead"
        return other, (*more, note)
    advice = f"use --codec {_listed(works)}" if works else "scale or conform the clip first"
    raise MediaError(f"{info.path}: {settings.encoder} does not take {reason}; {advice}")


def refusal(info: MediaInfo, settings: EncodeSettings, rate: Fraction | None = None) -> str | None:
    """What an encoder or its container refuses about a clip, in words; None: it takes it.

    A blank frame is written just as the shot will be, to a file that is thrown away.
    """
    return _asked(info, settings, rate).refused


def _asked(info: MediaInfo, settings: EncodeSettings, rate: Fraction | None) -> _Answer:
    rate = rate or info.rate
    asked = (
        (settings, rate, info.width, info.height, info.layout, info.colour, info.time_base),
        (info.pixel_aspect, info.rotation, info.interlaced, info.field_order),
        (info.mastering, info.light_level, info.still, bool(info.numbers), info.extras),
    )
    if asked not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[asked] = _answer(info, settings, rate)
    return _known[asked]


def _answer(info: MediaInfo, settings: EncodeSettings, rate: Fraction) -> _Answer:
    info = _with_first_chapter(info)
    silent = replace(settings, sound="none", tags=())
    with tempfile.TemporaryDirectory(prefix="reenact-") as folder:
        path = settings.output_path(Path(folder), "blank")
        path.parent.mkdir(exist_ok=True)
        frames = FrameRange(0, 1, rate)
        kind = PictureFiles if settings.is_sequence else Writer
        try:
            with kind(path, info, frames, silent) as writer:
                writer.write(_blank(info))
                writer.flush()
        except (FFmpegError, ValueError, OverflowError) as error:
            return _Answer(_words(info, settings, rate, error))
        if settings.is_sequence:
            return _Answer(None)
        with opened(path) as container:
            codec = video_stream(path, container).codec_context.codec.canonical_name
            frame = first_frame(path, container) if info.extras.beside else None
            side = () if frame is None else side_data(frame, codec)
        with opened(path) as container:
            return _Answer(None, read_extras(container, video_stream(path, container), side))


def _with_first_chapter(info: MediaInfo) -> MediaInfo:
    """The clip as if its first chapter were its first frame's, and without subtitles."""
    start = info.start_time
    chapters = tuple(Chapter(start, start + 1, one.tags) for one in info.extras.chapters[:1])
    return replace(
        info, extras=replace(info.extras, chapters=chapters, subtitles=(), subtitle_flags=())
    )


def _blank(info: MediaInfo) -> Picture:
    count = {"grey": 1}.get(info.layout.kind, 3) + info.layout.has_alpha
    sizes = [plane_size(info.width, info.height, info.layout, plane) for plane in range(count)]
    planes = tuple(np.zeros(size, info.layout.dtype) for size in sizes)
    time = int(info.times[0]) if len(info.times) else 0
    return Picture(planes, info.layout, info.colour, 0, time, info.time_base, info.rotation)


def _words(info: MediaInfo, settings: EncodeSettings, rate: Fraction, error: Exception) -> str:
    width, height = _stored_size(info)
    reason = getattr(error, "strerror", None) or str(error)
    if _is_cut(width, height, packing_of(settings.pixel_format).layout):
        reason = "its chroma planes are half as large, which an odd size does not allow"
    about = f"{width}x{height} as {settings.pixel_format} at {amount(rate, 'frame')} a second"
    if info.pixel_aspect != 1:
        about += f" with a pixel aspect of {info.pixel_aspect}"
    return f"{about} ({reason})"


def _with_larger_chroma(
    info: MediaInfo, codec: Codec, refused: EncodeSettings, rate: Fraction | None
) -> Iterator[Choice]:
    """The same codec with chroma planes that the size divides into, the smallest first."""
    width, height = _stored_size(info)
    if not _is_cut(width, height, packing_of(refused.pixel_format).layout):
        return
    own = packing_of(refused.pixel_format).layout
    bits = "" if own.depth == 8 else f"{own.depth}le"
    for ratio in ("422", "444"):
        layout = packing_of(f"yuv{ratio}p{bits}").layout
        if _is_cut(width, height, layout):
            continue
        asked = replace(info, layout=turned(layout, info.rotation))
        settings, _ = choose_codec(asked, codec)
        if settings.encoder == refused.encoder and refusal(info, settings, rate) is None:
            ratio = ":".join(ratio)
            note = f"{width}x{height} is an odd size, so colour is written in {ratio}"
            yield settings, (f"{note} ({settings.pixel_format})",)


def _is_cut(width: int, height: int, layout: SampleLayout) -> bool:
    """Whether chroma planes of a layout do not divide a size."""
    wide, high = 1 << layout.chroma_width_shift, 1 << layout.chroma_height_shift
    return bool(layout.kind == "yuv" and (width % wide or height % high))


def _stored_size(info: MediaInfo) -> tuple[int, int]:
    return (info.height, info.width) if info.rotation % 180 else (info.width, info.height)


def _works(info: MediaInfo, codec: Codec, rate: Fraction | None) -> bool:
    settings, _ = choose_codec(info, codec)
    if refusal(info, settings, rate) is None:
        return True
    return next(_with_larger_chroma(info, codec, settings, rate), None) is not None


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
