"""What a media file holds: its frames, their times, samples and colours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition

from reenact_core.errors import MediaError
from reenact_core.frames import ColourSpec, SampleLayout
from reenact_core.media.dpx import is_big_endian
from reenact_core.media.exr_header import left_behind, transfer_in
from reenact_core.media.extras import NOTHING, Extras, read_extras
from reenact_core.media.first_look import LOOKER
from reenact_core.media.frame_index import (
    FrameIndex,
    Times,
    as_counted,
    by_decoding,
    find_rate,
    read_index,
)
from reenact_core.media.hdr import MasteringDisplay, parse_mastering
from reenact_core.media.layouts import packing_of, readable_format, turned
from reenact_core.media.opening import ABSENT, Stamp, opened, stamp_of
from reenact_core.media.parameter_sets import chroma_location
from reenact_core.media.sequence import (
    MOST_FRAMES,
    MissingFrames,
    find_numbers,
    frame_path,
    is_pattern,
    numbers_there,
)
from reenact_core.media.stills import StillTags, notes_on, read_tags
from reenact_core.media.tags import colour_of

_ORDER_CHECK = 24
_CENTRED = ("mjpeg", "mpeg1video")
_STILL = ("image2pipe", "ico", "fits")
"""Demuxers of single pictures, besides all whose names end so: `_pipe`."""
_PERHAPS_STILL = ("gif", "apng")
"""Those of pictures that may move."""
_HEIF = ("avif", "avis", "heic", "heix", "heim", "heis", "mif1")
"""Brands of pictures that lie in a container for films."""
_CRASHING = ("png", "apng")
"""Codecs whose frames must not be asked for `side_data`: PyAV 18.1 frees the name of a colour
profile twice."""


@dataclass(frozen=True, slots=True, eq=False)
class MediaInfo:
    """A video file, an image sequence or a still picture that can be decoded."""

    path: Path
    """The file, or the printf pattern of an image sequence."""
    width: int
    """Of the displayed frame: turned by the rotation tag, not stretched by the pixel aspect."""
    height: int
    rate: Fraction
    """Frames per second. Where the spacing varies, the mean; see `times`. A sequence or a still
    has no rate of its own and says 25: there the rate of the `FrameRange` counts."""
    frame_count: int
    """Exact: frames that the file holds, whatever its header says."""
    layout: SampleLayout
    """Of the planes of a `Picture`, turned."""
    colour: ColourSpec
    """As tagged; `unknown` and None where the file does not say."""
    rotation: int
    """Degrees anticlockwise (0, 90, 180, 270) by which stored frames are turned to be shown."""
    pixel_aspect: Fraction
    """Width of a displayed frame's pixel over its height; 1 where the file does not say."""
    start_time: Fraction
    """Seconds, in the file's own clock, at which frame 0 is shown."""
    timecode: str | None
    """Of frame 0, as embedded in the file."""
    codec: str
    """FFmpeg's name, as `h264`, `prores`."""
    container: str
    """FFmpeg's name, as `mov,mp4,m4a,3gp,3g2,mj2`; `image2` for stills and sequences."""
    has_sound: bool
    variable_rate: bool
    """Whether the frames' spacing varies."""
    interlaced: bool
    still: bool
    """One picture, which answers for every frame number."""
    time_base: Fraction
    """Seconds in a unit of `times`."""
    index: FrameIndex
    """When every frame is shown."""
    profile: str | None = None
    """The codec's profile, as `High 4:2:2`, `DNXHR HQX`."""
    bit_rate: int | None = None
    """Bits a second of the pictures, estimated from the file's size where it does not say."""
    field_order: int = 0
    """FFmpeg's AVFieldOrder: 0 unknown, 1 progressive, 2 top field first, 3 bottom field first."""
    sound_codecs: tuple[str, ...] = ()
    """Of every sound track, in order."""
    numbers: tuple[int, ...] = ()
    """Of an image sequence: the number in the name of each frame."""
    absent: frozenset[int] = frozenset()
    """Of an image sequence: the numbers whose files are not there."""
    missing: MissingFrames = "error"
    """What is decoded in the place of `absent`."""
    display_matrix: tuple[int, ...] | None = None
    """The rotation tag as it is in the file, nine fixed-point numbers."""
    mastering: MasteringDisplay | None = None
    """The screen that an HDR picture was graded on."""
    light_level: tuple[int, int] | None = None
    """Highest and mean content light level, cd/m²."""
    extras: Extras = NOTHING
    """What it holds besides pictures and sound."""
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each."""
    stamps: tuple[Stamp, ...] = ()
    """By which the file, or each file of a sequence, is known again when it is opened."""
    icc: bytes | None = None
    """The colour profile of a still, or of a sequence's first picture."""

    @property
    def times(self) -> Times:
        """Presentation times of all frames in `time_base`, rising."""
        return self.index.times

    @property
    def first_number(self) -> int | None:
        """The number in the name of an image sequence's frame 0."""
        return self.numbers[0] if self.numbers else None

    def file_of(self, frame: int) -> tuple[Path, Stamp | None]:
        """The file that holds a frame, and its stamp."""
        path = frame_path(self.path, self.numbers[frame]) if self.numbers else self.path
        number = frame if self.numbers else 0
        return path, self.stamps[number] if self.stamps else None

    def files(self) -> Iterator[tuple[Path, Stamp]]:
        """The file, or every file of a sequence that was there, with its stamp."""
        paths = (frame_path(self.path, number) for number in self.numbers)
        named = zip(paths if self.numbers else [self.path], self.stamps, strict=True)
        yield from ((path, stamp) for path, stamp in named if stamp != ABSENT)

    def frame_at(self, seconds: Fraction) -> int:
        """The frame that is shown so many seconds after frame 0 appears, clamped to the file."""
        if self.still or self.numbers:
            found = int(seconds * self.rate)
        else:
            ticks = int(seconds / self.time_base) + int(self.times[0])
            found = int(np.searchsorted(self.times, ticks, side="right")) - 1
        return min(max(found, 0), self.frame_count - 1)


class Look(Protocol):
    """Looks at a file, or at an image sequence by a printf pattern; `probe` is one."""

    def __call__(
        self, path: Path, *, first_number: int | None = None, number_step: int = 1
    ) -> MediaInfo: ...


def probe(
    path: Path,
    *,
    first_number: int | None = None,
    number_step: int = 1,
    missing: MissingFrames = "error",
    frame_count: int = 0,
) -> MediaInfo:
    """What a file, an image sequence (printf pattern) or a still picture holds.

    Reads the header, the packet table or packets, and decodes the first frame, in a process of its
    own: a file at which a decoder crashes is an error like another. `missing` says what
    stands for images of a sequence that are not there; with `hold` and `black` it has at least
    `frame_count` frames.

    Raises:
        MediaError: it is missing, no media, has no pictures, or its first frame is damaged.
    """
    info = LOOKER.look(path, first_number, number_step)
    return filled(info, number_step, missing, frame_count)


def examine(path: Path, *, first_number: int | None = None, number_step: int = 1) -> MediaInfo:
    """`probe`, in this process."""
    if is_pattern(path) and not path.is_file():
        return _examine_sequence(path, first_number, number_step)
    return replace(_examine_file(path, stamp := stamp_of(path)), stamps=(stamp,))


def _examine_file(path: Path, stamp: Stamp) -> MediaInfo:
    with opened(path, stamp) as container:
        if _is_still(container):
            return _examine_still(path, stamp)
        info = _examine_video(path, stamp, container)
        if info.frame_count == 1 and container.format.name in _PERHAPS_STILL:
            return _examine_still(path, stamp)
        return info


def _is_still(container: InputContainer) -> bool:
    name = container.format.name
    if name.endswith("_pipe") or name in _STILL:
        return True
    return container.metadata.get("major_brand") in _HEIF


def video_stream(path: Path, container: InputContainer) -> av.VideoStream:
    """The stream of moving pictures, not the cover of a song.

    Raises:
        MediaError: there is none, or its codec is unknown.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise MediaError(f"{path}: FFmpeg has no decoder for its pictures")
            return stream
    held = "sound only" if container.streams.audio else "no pictures"
    raise MediaError(f"{path}: holds {held}; a file with video is needed")


def _examine_video(path: Path, stamp: Stamp, container: InputContainer) -> MediaInfo:
    stream = video_stream(path, container)
    index = read_index(container, stream)
    with opened(path, stamp) as fresh:
        frame = first_frame(path, fresh)
        if index.undelayed and stream.codec_context.has_b_frames and not _in_order(path, stamp):
            index = as_counted(index)
        if not index.ordered:
            index = by_decoding(index, _decoded_times(path, stamp))
        index = _shown_from(index, frame)
    if not len(index.times):
        raise MediaError(f"{path}: holds no frames")
    time_base = _fraction(stream.time_base)
    rate, varies = find_rate(index.times, time_base, stream.average_rate, stream.guessed_rate)
    context = stream.codec_context
    codec = context.codec.canonical_name
    info = _describe(path, frame, index, rate, codec)
    notes = info.notes
    said = {key.lower(): value for key, value in stream.metadata.items()}
    if said.get("alpha_mode") == "1" and not info.layout.has_alpha:
        notes = (*notes, f"{path.name}: its opacity is not read; FFmpeg's {codec} decoder has none")
    return replace(
        info,
        notes=notes,
        colour=_with_siting(info.colour, codec, context.extradata or _first_packet(path, stamp)),
        pixel_aspect=_aspect(stream.sample_aspect_ratio, info.rotation),
        start_time=int(index.times[0]) * time_base,
        time_base=time_base,
        timecode=_timecode(container),
        container=container.format.name,
        has_sound=bool(container.streams.audio),
        sound_codecs=tuple(
            sound.codec_context.codec.canonical_name if sound.codec_context else "unknown"
            for sound in container.streams.audio
        ),
        variable_rate=varies,
        profile=context.profile,
        bit_rate=_bit_rate(path, stream, index, time_base),
        field_order=int(context.field_order),
        extras=read_extras(container, stream, side_data(frame, codec)),
    )


def _examine_still(path: Path, stamp: Stamp) -> MediaInfo:
    tags = read_tags(path, stamp)
    with opened(path, stamp) as container:
        stream = video_stream(path, container)
        frame = first_frame(path, container)
        codec = stream.codec_context.codec.canonical_name
        aspect = stream.sample_aspect_ratio
        streams = len(container.streams.video)
    _check_whole(path, tags, frame, streams)
    info = _describe(path, frame, _one_frame(), Fraction(25), codec)
    beside = left_behind(path, stamp) if codec == "exr" else ()
    said = [f"{path.name}: {sentence}" for sentence in beside]
    transfer = transfer_in(path, stamp) if codec == "exr" else None
    colour = replace(info.colour, transfer=transfer or info.colour.transfer)
    return replace(
        info,
        still=True,
        extras=Extras(big_endian=codec == "dpx" and is_big_endian(path, stamp)),
        colour=_with_siting(colour, codec, b""),
        pixel_aspect=_aspect(aspect, info.rotation),
        notes=(*info.notes, *said, *notes_on(path, tags, grey=info.layout.kind == "grey")),
        icc=tags.icc,
    )


def _examine_sequence(path: Path, first: int | None, step: int) -> MediaInfo:
    numbers = find_numbers(path, first, step)
    there = set(numbers_there(path))
    shown = next((number for number in numbers if number in there), None)
    if shown is None:
        raise MediaError(f"{path}: no file of this image sequence is there in steps of {step}")
    paths = [frame_path(path, number) for number in numbers]
    stamps = tuple(
        stamp_of(file) if number in there else ABSENT
        for file, number in zip(paths, numbers, strict=True)
    )
    place = numbers.index(shown)
    still = _examine_file(paths[place], stamps[place])
    info = replace(still, path=path, still=False, stamps=stamps)
    return _numbered(info, numbers, frozenset(numbers) - there)


def _numbered(info: MediaInfo, numbers: Sequence[int], absent: frozenset[int]) -> MediaInfo:
    times = np.arange(len(numbers), dtype=np.int64)
    index = FrameIndex(times, times, True, 1)
    return replace(
        info, frame_count=len(numbers), index=index, numbers=tuple(numbers), absent=absent
    )


def filled(info: MediaInfo, step: int, missing: MissingFrames, frame_count: int) -> MediaInfo:
    """A sequence with something in the place of every image that is not there.

    With `hold` and `black` it has at least `frame_count` frames.
    """
    if missing == "error" or not info.numbers:
        return info
    count = max(info.frame_count, min(frame_count, MOST_FRAMES))
    numbers = [info.numbers[0] + step * frame for frame in range(count)]
    absent = info.absent | frozenset(numbers[info.frame_count :])
    stamps = (*info.stamps, *[ABSENT] * (count - info.frame_count))
    return replace(_numbered(info, numbers, absent), missing=missing, stamps=stamps)


def _check_whole(path: Path, tags: StillTags, frame: av.VideoFrame, streams: int) -> None:
    """Pictures of several tiles come out of FFmpeg as streams of which the first is one tile."""
    size = (frame.width, frame.height)
    known = tags.size is not None
    if (streams > 1 and not known) or (known and tags.size not in (size, size[::-1])):
        raise MediaError(
            f"{path}: is a picture of several parts, of which FFmpeg decodes one of"
            f" {size[0]}x{size[1]}; save it as PNG or JPEG"
        )


def _one_frame() -> FrameIndex:
    times = np.zeros(1, dtype=np.int64)
    return FrameIndex(times, times, True, 1)


def first_frame(path: Path, container: InputContainer) -> av.VideoFrame:
    """The first frame that the decoder gives.

    Raises:
        MediaError: it gives none.
    """
    stream = video_stream(path, container)
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    return frame
            except InvalidDataError:
                continue  # the damaged start of a cut-off stream; a later packet may do
    except FFmpegError as error:
        raise MediaError(f"{path}: its first frame cannot be decoded ({error.strerror})") from error
    raise MediaError(f"{path}: no frame of it can be decoded")


def _describe(
    path: Path, frame: av.VideoFrame, index: FrameIndex, rate: Fraction, codec: str
) -> MediaInfo:
    rotation = round(frame.rotation / 90) * 90 % 360
    stored = frame.format.name
    readable = readable_format(stored)
    notes = () if readable == stored else (f"{path.name}: {stored} is converted to {readable}",)
    layout = packing_of(readable).layout
    width, height = frame.width, frame.height
    if rotation % 180:
        width, height = height, width
    side = side_data(frame, codec)
    light = side.get("CONTENT_LIGHT_LEVEL")
    return MediaInfo(
        path=path,
        width=width,
        height=height,
        rate=rate,
        frame_count=len(index.times),
        layout=turned(layout, rotation),
        colour=colour_of(frame, layout),
        rotation=rotation,
        pixel_aspect=Fraction(1),
        start_time=Fraction(0),
        timecode=None,
        codec=codec,
        container="image2",
        has_sound=False,
        variable_rate=False,
        interlaced=frame.interlaced_frame,
        still=False,
        time_base=1 / rate,
        index=index,
        display_matrix=_matrix(side.get("DISPLAYMATRIX")),
        mastering=parse_mastering(side.get("MASTERING_DISPLAY_METADATA")),
        light_level=_two_numbers(light) if light else None,
        notes=notes,
    )


def side_data(frame: av.VideoFrame, codec: str) -> dict[str, bytes]:
    """What travels beside a frame, by FFmpeg's names; of several of a kind the first.

    Nothing is said of codecs whose frames crash PyAV when they are asked.
    """
    if codec in _CRASHING:
        return {}
    try:
        beside = cast(Any, frame.side_data)
    except ValueError:  # PyAV 18 refuses the whole list for one kind that it does not know (Exif)
        return {}
    found: dict[str, bytes] = {}
    for number in range(len(beside)):
        data = beside[number]
        found.setdefault(data.type.name, bytes(data))
    return found


def _matrix(data: bytes | None) -> tuple[int, ...] | None:
    return tuple(int(n) for n in np.frombuffer(data, np.int32)[:9]) if data else None


def _two_numbers(data: bytes) -> tuple[int, int]:
    first, second = np.frombuffer(data, np.uint32)[:2]
    return int(first), int(second)


def _shown_from(index: FrameIndex, frame: av.VideoFrame) -> FrameIndex:
    """The index without frames before the first that can be decoded (a recording cut mid-group)."""
    if not index.ordered or frame.pts is None or not len(index.times):
        return index
    return replace(
        index,
        times=index.times[index.times >= frame.pts],
        keyframes=index.keyframes[index.keyframes >= frame.pts],
    )


def _in_order(path: Path, stamp: Stamp) -> bool:
    """Whether the first frames leave the decoder in the order of their times.

    Some files reorder frames and yet say that each is shown when it is decoded.
    """
    times: list[int] = []
    with opened(path, stamp) as container:
        stream = video_stream(path, container)
        for packet in container.demux(stream):
            try:
                times += [frame.pts for frame in packet.decode() if frame.pts is not None]
            except InvalidDataError:
                continue
            if len(times) >= _ORDER_CHECK:
                break
    return times == sorted(times)


def _decoded_times(path: Path, stamp: Stamp) -> list[int | None]:
    """The times of all frames as they leave the decoder, for the few files that need it."""
    times: list[int | None] = []
    with opened(path, stamp) as container:
        stream = video_stream(path, container)
        stream.codec_context.thread_type = "AUTO"
        try:
            for packet in container.demux(stream):
                try:
                    times += [frame.pts for frame in packet.decode()]
                except InvalidDataError:
                    continue
        except FFmpegError:
            pass  # the file breaks off here; what was read counts
    return times


def _timecode(container: InputContainer) -> str | None:
    for stream in container.streams:
        for key, value in stream.metadata.items():
            if key.lower() == "timecode":
                return str(value)
    for key, value in container.metadata.items():
        if key.lower() == "timecode":
            return str(value)
    return None


def _with_siting(colour: ColourSpec, codec: str, headers: bytes) -> ColourSpec:
    """The tags with the place of chroma samples: as the codec fixes it, or its headers say."""
    place = "center" if codec in _CENTRED else chroma_location(codec, headers)
    return replace(colour, chroma_location=place)


def _first_packet(path: Path, stamp: Stamp) -> bytes:
    """The stream's first packet, which holds the headers that its container does not."""
    with opened(path, stamp) as container:
        for packet in container.demux(video_stream(path, container)):
            return bytes(packet)
    return b""


def _aspect(stated: Fraction | None, rotation: int) -> Fraction:
    if not stated or stated <= 0:
        return Fraction(1)
    return 1 / _fraction(stated) if rotation % 180 else _fraction(stated)


def _bit_rate(
    path: Path, stream: av.VideoStream, index: FrameIndex, time_base: Fraction
) -> int | None:
    stated = int(stream.codec_context.bit_rate or 0)
    seconds = float((index.times[-1] - index.times[0]) * time_base)
    by_size = int(path.stat().st_size * 8 / seconds) if seconds > 0 else 0
    # MPEG-1 and -2 state the rate of their buffer, not of their pictures.
    return min(filter(None, (stated, by_size)), default=None)


def _fraction(value: Any) -> Fraction:
    return Fraction(value.numerator, value.denominator)
