"""The source face S of a recast: one face in a picture, or in a video at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import align
from reenact_core.crop.cut import cut
from reenact_core.crop.full_size import at_size, own_sides
from reenact_core.engine.performer import Floats
from reenact_core.errors import FaceError, MediaError
from reenact_core.frames import Picture
from reenact_core.media.colour_profile import read_profile
from reenact_core.media.decode import decode
from reenact_core.media.probe import Look, MediaInfo, probe
from reenact_core.settings import Settings
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.faces import find_faces
from reenact_core.tracking.track import FaceTrack

CLEARLY_LARGER = 2.0
"""The area of the face that is meant, by that of the next: with less, a picture is ambiguous."""
LOOK_SECONDS = Fraction(1, 2)
"""Where no time is given, a video is searched at such steps for its first usable face."""
LOOK_TIMES = 40

SMALLEST_CROP = 16
"""Width and height in pixels of a picture that is taken for a face crop, at least."""

Colours = Literal["srgb", "own"]
"""Of a still that has a colour profile: as the networks expect them, or as they are in the file,
for a face that is pasted back into it."""

_FINER = 2
"""A face that is not found is looked for once more in a picture so much larger."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A face in a picture.

    Convention:
        pixels: (S, S, 3) float32 R'G'B' in [0, 1], as `Colours` says
        to_crop: (2, 3), picture pixels to crop pixels
    """

    pixels: Floats
    to_crop: NDArray[np.float64]
    picture: Picture
    info: MediaInfo
    colours: Colours
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each."""
    track: FaceTrack | None = None
    """The face as it was found in the picture; None: the picture is a face crop."""

    @property
    def own_side(self) -> float:
        """The side of the crop in pixels of the picture."""
        return float(own_sides(self.to_crop[None], len(self.pixels))[0])

    def at(self, size: int) -> "Portrait":
        """The same face, cut with so many samples a side."""
        if size == len(self.pixels):
            return self
        to_crop = at_size(self.to_crop, len(self.pixels), size)
        return _cut_out(self.picture, to_crop, size, self.info, self.colours, self.track)


def find_portrait(
    path: Path,
    time: Fraction | None,
    settings: Settings,
    detector: Detector,
    *,
    colours: Colours = "srgb",
    look: Look = probe,
) -> Portrait:
    """The one face that a picture, or a video at `time` seconds, shows.

    Raises:
        MediaError: the file cannot be read, or ends before `time`.
        FaceError: it shows no face, or several and none of them is clearly meant.
    """
    info = look(path)
    for picture in _pictures(info, time):
        found = faces_in(picture, settings, detector)
        if found:
            track = _the_one(found, path)
            to_crop = align(track, settings.crop, info.pixel_aspect).matrix[0]
            return _cut_out(picture, to_crop, settings.crop.size, info, colours, track)
    where = "" if info.still else " at that time" if time is not None else " in its first seconds"
    raise FaceError(
        f"{path}: no face was found{where}; give a picture that shows one face, clear and well lit"
    )


def whole_portrait(path: Path, settings: Settings, *, colours: Colours = "srgb") -> Portrait:
    """A picture, or a video's first frame, that is a face crop already.

    Raises:
        MediaError: the file cannot be read, is not square, or has hardly any pixels.
    """
    info = probe(path)
    to_crop = whole_frame(info, settings.crop.size)
    picture = next(_pictures(info, None))
    return _cut_out(picture, to_crop, settings.crop.size, info, colours)


def _cut_out(
    picture: Picture,
    to_crop: NDArray[np.float64],
    size: int,
    info: MediaInfo,
    colours: Colours,
    track: FaceTrack | None = None,
) -> Portrait:
    pixels, notes = cut(picture, to_crop, size), tuple[str, ...]()
    if info.icc is not None and colours == "srgb":
        pixels, notes = _as_srgb(pixels, info.icc, info)
    return Portrait(pixels, to_crop, picture, info, colours, notes, track)


def _as_srgb(pixels: Floats, icc: bytes, info: MediaInfo) -> tuple[Floats, tuple[str, ...]]:
    try:
        profile = read_profile(icc, grey=info.layout.kind == "grey")
    except ValueError as error:
        return pixels, (f"{info.path.name}: its colour profile is {error} and is not used",)
    if profile is None:
        return pixels, ()
    said = f"{info.path.name}: its colours are converted from {profile.name} to sRGB"
    return profile.to_srgb(pixels), (said,)


def whole_frame(info: MediaInfo, size: int) -> NDArray[np.float64]:
    """The map (2, 3) of a frame that is a face crop already.

    Raises:
        MediaError: it is not square, or has hardly any pixels.
    """
    if min(info.width, info.height) < SMALLEST_CROP:
        raise MediaError(
            f"{info.path}: is {info.width}x{info.height}; a face crop has {SMALLEST_CROP} pixels "
            "a side at least, and looks well from 128 on"
        )
    if info.width != info.height:
        raise MediaError(
            f"{info.path}: is {info.width}x{info.height}; a face crop is square, so cut it out "
            "or let the face be found (--crop auto)"
        )
    scale = size / info.width
    return np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])


def faces_in(picture: Picture, settings: Settings, detector: Detector) -> list[FaceTrack]:
    """The faces of a single picture, each a track of one frame."""
    frames = FrameRange(picture.index, picture.index + 1, Fraction(25))
    side = settings.track.work_side
    for work_side in (side, _FINER * side):
        track = replace(settings.track, work_side=work_side)
        found = find_faces([picture], frames, track, detector)
        if found or max(picture.width, picture.height) <= work_side:
            return found
    return []


def _pictures(info: MediaInfo, time: Fraction | None) -> Iterator[Picture]:
    for frame in _frames(info, time):
        yield from decode(info, FrameRange(frame, frame + 1, info.rate), ahead=1)


def _frames(info: MediaInfo, time: Fraction | None) -> list[int]:
    if info.still:
        return [0]
    if time is not None:
        if time < 0 or time * info.rate >= info.frame_count:
            seconds = float(info.frame_count / info.rate)
            raise MediaError(
                f"{info.path}: has no picture at {float(time):g} s; it lasts {seconds:.2f} s"
            )
        return [info.frame_at(time)]
    times = (number * LOOK_SECONDS for number in range(LOOK_TIMES))
    return sorted({info.frame_at(moment) for moment in times})


def _the_one(found: list[FaceTrack], path: Path) -> FaceTrack:
    def area(track: FaceTrack) -> float:
        box = track.box_at(track.frames.start)
        return box.area if box is not None else 0.0

    by_size = sorted(found, key=area, reverse=True)
    if len(by_size) > 1 and area(by_size[0]) < CLEARLY_LARGER * area(by_size[1]):
        raise FaceError(
            f"{path}: shows {len(found)} faces of similar size and it is not clear whose is meant; "
            "cut the picture down to one face"
        )
    return by_size[0]
