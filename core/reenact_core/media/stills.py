"""What a still picture says of itself that FFmpeg does not tell, or tells wrongly: by Pillow.

Only headers are read. PyAV must not be asked: it frees what describes a PNG's colour profile twice
(`Frame.side_data`, PyAV 18.1).
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from reenact_core.errors import MediaError
from reenact_core.media.colour_profile import read_profile
from reenact_core.media.opening import Stamp, open_file

_ORIENTATION = 0x0112
_MIRRORED = (2, 4, 5, 7)
_COMPRESSION = 259
_JPEG = (6, 7)
_UNMOVED = ("WEBP", "AVIF")
_FOR_PRINT = ("CMYK", "LAB")
_DAMAGE = (OSError, ValueError, SyntaxError, TypeError, KeyError, EOFError, struct.error)
"""What Pillow raises where tags are damaged."""


@dataclass(frozen=True, slots=True)
class StillTags:
    """The tags of a picture; empty for kinds that Pillow does not know (EXR, DPX)."""

    size: tuple[int, int] | None = None
    """Width and height as stored."""
    icc: bytes | None = None
    """Its colour profile."""
    pages: int = 1


def read_tags(path: Path, stamp: Stamp | None) -> StillTags:
    """The tags of a picture.

    Raises:
        MediaError: it cannot be read as it is meant to look.
    """
    with open_file(path, stamp) as stream:
        try:
            with Image.open(stream) as picture:
                _check(path, picture)
                icc = picture.info.get("icc_profile")
                return StillTags(picture.size, icc if icc else None, _pages(picture))
        except UnidentifiedImageError:
            return StillTags()
        except Image.DecompressionBombError:
            return StillTags()  # Pillow refuses; whether it is too large is not its to say
        except _DAMAGE:
            return StillTags()  # FFmpeg tells whether the picture itself is whole


def _check(path: Path, picture: Image.Image) -> None:
    if picture.mode in _FOR_PRINT:
        raise MediaError(
            f"{path}: is a picture for print ({picture.mode}), whose colours would come out wrong; "
            "save it as RGB"
        )
    if picture.format in _UNMOVED and getattr(picture, "is_animated", False):
        raise MediaError(
            f"{path}: is an animated {picture.format}, of which FFmpeg decodes one picture at most;"
            " save it as GIF, APNG or a video"
        )
    if picture.format == "TIFF" and getattr(picture, "tag_v2", {}).get(_COMPRESSION) in _JPEG:
        raise MediaError(
            f"{path}: is a TIFF with JPEG inside, which FFmpeg does not decode rightly; save it "
            "with LZW or without compression"
        )
    orientation = _orientation(picture)
    if orientation in _MIRRORED:
        raise MediaError(
            f"{path}: is stored mirrored (EXIF orientation {orientation}); turn it upright in a "
            "picture editor and save it again"
        )


def _orientation(picture: Image.Image) -> int | None:
    if picture.format != "PNG":
        return picture.getexif().get(_ORIENTATION)
    tags = Image.Exif()  # `getexif` would decode a PNG without such tags to look behind its samples
    tags.load(picture.info.get("exif", b""))
    return tags.get(_ORIENTATION)


def _pages(picture: Image.Image) -> int:
    return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1


def notes_on(path: Path, tags: StillTags, *, grey: bool) -> tuple[str, ...]:
    """What a user should know about a picture with such tags, as one that is written again."""
    notes = []
    if tags.pages > 1:
        notes.append(f"{path.name}: holds {tags.pages} pages; the first is read")
    if tags.icc is not None:
        try:
            profile = read_profile(tags.icc, grey=grey)
        except ValueError as error:
            return (*notes, f"{path.name}: its colour profile is {error} and is not used")
        if profile is not None:
            notes.append(
                f"{path.name}: its samples stay as they are; its colour profile ({profile.name})"
                " is not written"
            )
    return tuple(notes)
