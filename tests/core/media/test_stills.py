from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from reenact_core.errors import MediaError
from reenact_core.media.colour import to_rgb
from reenact_core.media.decode import decode
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.timing import FrameRange
from tests.core.media.clips import Clip, write_clip
from tests.core.media.profiles import WIDE, rgb_profile

PROFILE = rgb_profile("Wide", WIDE, 2.2)
CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases"
ORIENTATION = 0x0112

# Red at the top left, green at the top right, blue at the bottom left, white elsewhere.
RED, GREEN, BLUE, WHITE = (230, 20, 20), (20, 200, 20), (20, 20, 230), (240, 240, 240)


def picture() -> Image.Image:
    pixels = np.full((48, 64, 3), WHITE, np.uint8)
    pixels[:24, :32], pixels[:24, 32:], pixels[24:, :32] = RED, GREEN, BLUE
    return Image.fromarray(pixels)


def corners(info: MediaInfo) -> list[list[int]]:
    """The colours near the displayed picture's corners: top left, top right, bottom left."""
    shown = next(decode(info, FrameRange(0, 1, info.rate), ahead=1))
    rgb = to_rgb(shown)
    return [[round(float(v) * 255) for v in rgb[y, x]] for y, x in ((8, 8), (8, -9), (-9, 8))]


def near(found: list[list[int]], *wanted: tuple[int, ...]) -> bool:
    return bool(np.abs(np.array(found) - np.array(wanted)).max() <= 12)


def saved(kind: str, mode: str = "RGB", **options: Any) -> Callable[[Path], None]:
    """What writes the picture so; its palette is its own."""

    def write(path: Path) -> None:
        drawn = picture().quantize(8) if mode == "P" else picture().convert(mode)
        drawn.save(path, kind, **options)

    return write


def sixteen_bits(path: Path) -> None:
    pixels = np.asarray(picture())[..., ::-1].astype(np.uint16) * 257
    assert cv2.imwrite(str(path), pixels)


READ = {
    "a.png": saved("PNG"),
    "profile.png": saved("PNG", icc_profile=PROFILE),
    "alpha.png": saved("PNG", "RGBA", icc_profile=PROFILE),
    "palette.png": saved("PNG", "P"),
    "palette-clear.png": saved("PNG", "P", transparency=3),
    "sixteen.png": sixteen_bits,
    "sixteen.tif": sixteen_bits,
    "a.jpg": saved("JPEG", quality=95),
    "profile.jpg": saved("JPEG", quality=95, icc_profile=PROFILE),
    "progressive.jpg": saved("JPEG", quality=95, progressive=True),
    "a.webp": saved("WEBP", lossless=True),
    "profile.webp": saved("WEBP", quality=95, icc_profile=PROFILE),
    "alpha.webp": saved("WEBP", "RGBA", lossless=True),
    "still.gif": saved("GIF"),
    "a.tif": saved("TIFF"),
    "lzw.tif": saved("TIFF", compression="tiff_lzw"),
    "palette.tif": saved("TIFF", "P"),
    "profile.tif": saved("TIFF", icc_profile=PROFILE),
    "a.avif": saved("AVIF", quality=95),
    "profile.avif": saved("AVIF", quality=95, icc_profile=PROFILE),
    "a.bmp": saved("BMP"),
    "a.tga": saved("TGA"),
    "a.jp2": saved("JPEG2000"),
    "a.ppm": saved("PPM"),
}


@pytest.mark.parametrize("name", READ)
def test_a_still_is_read_with_its_own_samples(tmp_path: Path, name: str) -> None:
    READ[name](tmp_path / name)
    info = probe(tmp_path / name)
    assert info.still and info.frame_count == 1
    assert (info.width, info.height) == (64, 48)
    assert near(corners(info), RED, GREEN, BLUE)
    assert bool(info.icc) == ("profile" in name or name == "alpha.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "shown"),
    [(1, (RED, GREEN, BLUE)), (3, (WHITE, BLUE, GREEN)), (6, (BLUE, RED, WHITE)),
     (8, (GREEN, WHITE, RED))],
)  # fmt: skip
def test_a_still_is_turned_as_its_tag_says(
    tmp_path: Path, kind: str, orientation: int, shown: tuple[tuple[int, ...], ...]
) -> None:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    path = tmp_path / f"a.{kind.lower()}"
    picture().save(path, kind, exif=tags, icc_profile=PROFILE)
    info = probe(path)
    assert (info.width, info.height) == ((48, 64) if orientation in (6, 8) else (64, 48))
    assert near(corners(info), *shown)


def _mirrored(path: Path) -> None:
    tags = Image.Exif()
    tags[ORIENTATION] = 2
    picture().save(path, exif=tags)


def _moving(path: Path) -> None:
    picture().save(path, save_all=True, append_images=[picture().rotate(180)], duration=100)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "print.jpg": (saved("JPEG", "CMYK"), r"for print \(CMYK\).* save it as RGB"),
    "print.tif": (saved("TIFF", "CMYK"), r"for print \(CMYK\)"),
    "lab.tif": (saved("TIFF", "LAB"), r"for print \(LAB\)"),
    "jpeg.tif": (saved("TIFF", compression="jpeg"), "a TIFF with JPEG inside"),
    "mirrored.jpg": (_mirrored, r"stored mirrored \(EXIF orientation 2\)"),
    "moving.webp": (_moving, "an animated WEBP"),
    "moving.avif": (_moving, "an animated AVIF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_come_out_wrong_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    write, sentence = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(MediaError, match=sentence) as error:
        probe(tmp_path / name)
    assert name in str(error.value)


def test_tiles_are_not_taken_for_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    with av.open(str(path), "w", "mp4") as target:
        tiles = [target.add_stream("libx264", rate=1) for _ in range(2)]
        for tile in tiles:
            tile.width, tile.height, tile.pix_fmt = 64, 48, "yuv420p"
        for tile in tiles:
            target.mux(tile.encode(av.VideoFrame.from_ndarray(np.asarray(picture()))))
            target.mux(tile.encode(None))
    content = path.read_bytes()
    assert content[4:8] == b"ftyp"
    path.write_bytes(content[:8] + b"heic" + content[12:])
    with pytest.raises(MediaError, match="a picture of several parts"):
        probe(path)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_pictures_that_move_are_films(tmp_path: Path, suffix: str) -> None:
    _moving(tmp_path / f"a{suffix}")
    info = probe(tmp_path / f"a{suffix}")
    assert not info.still and info.frame_count == 2
    first, second = decode(info, FrameRange(0, 2, info.rate))
    assert near([[int(v) for v in to_rgb(first)[8, 8] * 255]], RED)
    assert near([[int(v) for v in to_rgb(second)[8, 8] * 255]], WHITE)


def test_a_profile_that_is_not_written_again_is_told(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png", icc_profile=PROFILE)
    assert probe(tmp_path / "a.png").notes == (
        "a.png: its samples stay as they are; its colour profile (Wide) is not written",
    )
    picture().save(tmp_path / "b.png", icc_profile=b"nothing of the kind")
    assert probe(tmp_path / "b.png").notes == (
        "b.png: its colour profile is damaged and is not used",
    )


def test_the_usual_profile_is_not_worth_a_word(tmp_path: Path) -> None:
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture().save(tmp_path / "a.png", icc_profile=usual)
    info = probe(tmp_path / "a.png")
    assert info.icc == usual and info.notes == ()


def test_pages_after_the_first_are_told(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.tif", save_all=True, append_images=[picture()])
    assert probe(tmp_path / "a.tif").notes == ("a.tif: holds 2 pages; the first is read",)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_pictures_with_profiles_make_a_sequence(tmp_path: Path, suffix: str) -> None:
    for number in range(3):
        picture().save(tmp_path / f"a.{number}{suffix}", icc_profile=PROFILE)
    info = probe(tmp_path / f"a.%d{suffix}")
    assert len(list(decode(info, FrameRange(0, 3, info.rate)))) == 3 and info.icc == PROFILE


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_films_of_pictures_are_read(tmp_path: Path, codec: str) -> None:
    form = {"png": "rgb24", "mjpeg": "yuvj420p"}[codec]
    info = probe(write_clip(tmp_path / "a.mov", Clip(codec, form, count=3)))
    assert len(list(decode(info, FrameRange(0, 3, info.rate)))) == 3


def test_the_picture_that_killed_the_process_is_read() -> None:
    path = CASES / "png_icc" / "tiny_icc.png"
    if not path.is_file():
        pytest.skip("the shared cases are not here")
    info = probe(path)
    assert info.still and info.icc
