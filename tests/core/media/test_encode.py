import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reenact_core.errors import MediaError, OutputError
from reenact_core.frames import ColourSpec, Picture
from reenact_core.media.codecs import Codec, choose_codec
from reenact_core.media.colour import to_rgb
from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.ffmpeg_binary import find_ffmpeg
from reenact_core.media.layouts import packing_of, write_planes
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.media.sequence import frame_path
from reenact_core.timing import FrameRange
from tests.core.media.clips import (
    HD,
    Clip,
    all_frames,
    make_picture,
    rewrite,
    same,
    write_clip,
)

LOSSLESS = [
    "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuvj420p", "yuv420p10le",
    "yuv422p10le", "yuv444p10le", "yuv422p12le", "yuv444p12le", "yuv444p16le", "yuva420p",
    "yuva422p10le", "yuva444p12le", "yuva444p16le", "gray", "gray10le", "gray16le", "ya8", "gbrp",
    "gbrp10le", "gbrp12le", "gbrp16le", "gbrap", "gbrap16le", "nv12", "nv21", "nv16", "p010le",
    "p210le", "rgb24", "bgr24", "rgba", "bgra", "argb", "0rgb", "rgb48le", "rgb48be", "rgba64le",
    "yuyv422", "uyvy422", "yuv422p10be", "y210le",
]  # fmt: skip
VARIED = (0, 1001, 2002, 5005, 6006, 10010, 11011, 12012, 15015, 16016, 17017, 20020)


def info_of(picture: Picture, path: Path, count: int = 4) -> MediaInfo:
    """Facts of an imaginary file that holds such pictures."""
    source = probe(write_clip(path, Clip(count=count)))
    return replace(
        source,
        width=picture.width,
        height=picture.height,
        layout=picture.layout,
        colour=picture.colour,
        has_sound=False,
    )


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("size", [(64, 48), (53, 37), (203, 119)])
def test_ffv1_gives_every_sample_back(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    full = name.startswith("yuvj")
    picture = make_picture(name, size, replace(HD, full_range=full))
    info = info_of(picture, tmp_path / "a.mp4", 2)
    settings, _ = choose_codec(info, "ffv1")
    target = settings.output_path(tmp_path, "b")
    with open_encoder(target, info, FrameRange(0, 2, info.rate), settings) as encoder:
        encoder.write(picture)
        encoder.write(replace(picture, pts=1, index=1))
    for found in all_frames(target):
        assert same(found, picture)
        if picture.layout.kind == "yuv":
            assert found.colour == picture.colour


TAGGED = Clip(
    pixel_format="yuv422p10le",
    rate=Fraction(30000, 1001),
    count=24,
    colour=ColourSpec("bt2020", "smpte2084", "bt2020nc", False),
    aspect=Fraction(4, 3),
    rotation=90,
    timecode="00:59:59;20",
    sound=("aac", "aac"),
    size=(320, 192),
)


@pytest.mark.parametrize("codec", ["match", "ffv1", "prores", "dnxhr", "h264", "hevc"])
def test_tags_times_and_sound_are_the_sources(tmp_path: Path, codec: Codec) -> None:
    source = write_clip(tmp_path / "a.mov", TAGGED)
    info, new = probe(source), probe(rewrite(source, tmp_path, codec))
    assert (new.frame_count, new.rate, new.variable_rate) == (24, TAGGED.rate, False)
    # The header of DNxHR names no other matrix; the samples are converted.
    assert new.colour == replace(info.colour, matrix="bt709" if codec == "dnxhr" else "bt2020nc")
    assert (new.width, new.height, new.rotation) == (info.width, info.height, 90)
    assert new.pixel_aspect == info.pixel_aspect
    assert new.timecode == "00:59:59;20"
    assert new.sound_codecs == info.sound_codecs
    assert new.layout.depth == 10
    for before, after in zip(info.times, new.times, strict=True):
        assert before * info.time_base == after * new.time_base


@pytest.mark.parametrize("codec", ["ffv1", "prores", "h264"])
def test_a_range_from_the_middle_has_its_own_timecode_and_times(
    tmp_path: Path, codec: Codec
) -> None:
    source = write_clip(tmp_path / "a.mov", TAGGED)
    new = probe(rewrite(source, tmp_path, codec, 10, 21))
    assert new.timecode == "01:00:00;00"
    assert (new.frame_count, new.rate, new.start_time) == (11, TAGGED.rate, Fraction(0))
    if codec == "ffv1":
        for part, wanted in zip(
            all_frames(tmp_path / "shot.mp4"), all_frames(source, 10, 21), strict=True
        ):
            assert same(part, wanted)


@pytest.mark.parametrize("codec", ["match", "ffv1", "prores", "hevc"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_varying_times_are_kept(tmp_path: Path, codec: Codec, suffix: str) -> None:
    clip = Clip(count=12, times=VARIED, options={"x264-params": "bframes=2"})
    source = write_clip(tmp_path / f"a{suffix}", clip)
    info, new = probe(source), probe(rewrite(source, tmp_path, codec, 2, 11))
    mine = [int(time) * new.time_base for time in new.times]
    theirs = [int(time - info.times[2]) * info.time_base for time in info.times[2:11]]
    start = mine[0]
    assert [time - start for time in mine] == theirs


@pytest.mark.parametrize(("top_first", "order"), [(True, 2), (False, 3)])
@pytest.mark.parametrize("codec", ["match", "prores", "h264", "ffv1", "dnxhr"])
def test_fields_stay_fields(tmp_path: Path, top_first: bool, order: int, codec: Codec) -> None:
    picture = make_picture("yuv422p", (320, 192), HD)
    info = replace(
        info_of(picture, tmp_path / "a.mp4"), interlaced=True, field_order=order, codec="h264"
    )
    settings, _ = choose_codec(info, codec)
    target = settings.output_path(tmp_path, "b")
    with open_encoder(target, info, FrameRange(0, 4, info.rate), settings) as encoder:
        for number in range(4):
            encoder.write(replace(picture, pts=number, index=number))
    found = probe(target)
    assert found.interlaced == (codec != "dnxhr") or codec == "ffv1"
    assert found.field_order in (order, order + 2) or codec == "dnxhr"
    assert top_first == (order == 2)


def test_hdr_metadata_travels_in_hevc(tmp_path: Path) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    parameters = f"log-level=error:hdr10=1:master-display={display}:max-cll=1000,400"
    clip = Clip(
        codec="libx265",
        pixel_format="yuv420p10le",
        colour=ColourSpec("bt2020", "smpte2084", "bt2020nc", False),
        options={"x265-params": parameters},
        count=6,
    )
    source = write_clip(tmp_path / "a.mp4", clip)
    info, new = probe(source), probe(rewrite(source, tmp_path, "match"))
    assert info.mastering is not None
    assert new.mastering == info.mastering
    assert new.light_level == info.light_level == (1000, 400)
    _, notes = choose_codec(info, "prores")
    assert any("HEVC" in note for note in notes)


@pytest.mark.parametrize("codec", ["prores", "dnxhr"])
def test_full_range_becomes_limited_where_the_codec_knows_no_other(
    tmp_path: Path, codec: Codec
) -> None:
    from reenact_core.media.colour import to_rgb

    clip = Clip(pixel_format="yuv444p", colour=replace(HD, full_range=True), size=(320, 192))
    source = write_clip(tmp_path / "a.mp4", clip)
    new = rewrite(source, tmp_path, codec, 0, 2)
    assert probe(new).colour.full_range is False
    error = np.abs(to_rgb(all_frames(new)[0]) - to_rgb(all_frames(source)[0]))
    assert error.mean() * 255 < 1.5


def test_dnxhr_converts_the_matrix_that_it_cannot_name(tmp_path: Path) -> None:
    from reenact_core.media.colour import to_rgb

    clip = Clip(
        pixel_format="yuv444p", colour=replace(HD, matrix="smpte170m"), size=(320, 192), count=2
    )
    source = write_clip(tmp_path / "a.mp4", clip)
    new = rewrite(source, tmp_path, "dnxhr")
    assert probe(new).colour.matrix == "bt709"
    error = np.abs(to_rgb(all_frames(new)[0]) - to_rgb(all_frames(source)[0]))
    assert error.mean() * 255 < 2.5


def test_chroma_is_upsampled_for_prores(tmp_path: Path) -> None:
    from reenact_core.media.colour import to_rgb

    source = write_clip(tmp_path / "a.mp4", Clip(size=(320, 192), count=2))
    new = rewrite(source, tmp_path, "prores")
    error = np.abs(to_rgb(all_frames(new)[0]) - to_rgb(all_frames(source)[0]))
    assert error.mean() * 255 < 1.5


def test_png_pictures_are_whole_and_numbered(tmp_path: Path) -> None:
    clip = Clip(codec="ffv1", pixel_format="gbrp16le", count=5)
    source = write_clip(tmp_path / "a.mkv", clip)
    pattern = rewrite(source, tmp_path / "out", "png", 1, 4)
    assert pattern == tmp_path / "out" / "shot" / "shot.%06d.png"
    assert sorted(path.name for path in pattern.parent.iterdir()) == [
        f"shot.{number:06d}.png" for number in (1, 2, 3)
    ]
    for part, wanted in zip(all_frames(pattern), all_frames(source, 1, 4), strict=True):
        assert same(part, wanted)


def floats_of(frame: av.VideoFrame) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Red, green and blue of an EXR file, (h, w, 3); its planes are green, blue and red."""
    kind = np.dtype("f2" if "f16" in frame.format.name else "f4")
    rows = [np.frombuffer(bytes(p), kind).reshape(p.height, -1) for p in frame.planes]
    ordered = [rows[number][:, : frame.width] for number in (2, 0, 1)]
    return np.stack(ordered, -1).astype(np.float32)


@pytest.mark.parametrize(
    ("form", "depth"),
    [("rgb24", 8), ("gbrp10le", 10), ("gbrp12le", 12), ("gbrp16le", 16), ("gbrap12le", 12)],
)
def test_exr_pictures_hold_every_code_as_a_part_of_one(
    form: str, depth: int, tmp_path: Path
) -> None:
    whole = ColourSpec(matrix="gbr", full_range=True)
    codec = "png" if form == "rgb24" else "ffv1"
    clip = Clip(codec=codec, pixel_format=form, count=2, colour=whole)
    source = write_clip(tmp_path / "a.mov" if codec == "png" else tmp_path / "a.mkv", clip)
    pattern = rewrite(source, tmp_path / "out", "exr")
    assert sorted(path.name for path in pattern.parent.iterdir()) == [
        f"shot.{number:06d}.exr" for number in (1, 2)
    ]
    for number, picture in enumerate(all_frames(source), start=1):
        with av.open(str(frame_path(pattern, number))) as file:
            frame = next(file.decode(video=0))
            values = floats_of(frame)
        codes = np.stack(picture.planes[:3], -1)
        assert np.array_equal(np.rint(values * (2**depth - 1)), codes)
        assert (len(frame.planes) == 4) == (form == "gbrap12le")


@pytest.mark.parametrize(
    ("form", "transfer", "known"),
    [
        ("yuv422p10le", "smpte2084", "smpte2084"),
        ("yuv420p", "unknown", "bt709"),
        ("gbrp10le", "unknown", "iec61966-2-1"),
        ("gbrp10le", "linear", "iec61966-2-1"),  # whole numbers that are called linear are not
    ],
)
def test_exr_pictures_of_whole_numbers_are_shown_as_their_source(
    form: str, transfer: str, known: str, tmp_path: Path
) -> None:
    colour = ColourSpec(transfer=transfer, matrix="gbr" if form == "gbrp10le" else "unknown")
    clip = Clip(codec="ffv1", pixel_format=form, colour=colour, count=2)
    source = probe(write_clip(tmp_path / "a.mkv", clip))
    wanted = to_rgb(all_frames(source.path)[0])
    for folder in ("once", "again"):
        source = probe(rewrite(source.path, tmp_path / folder, "exr"))
        assert (source.colour.transfer, source.notes) == (known, ())
        shown = to_rgb(next(decode(source, FrameRange(0, 1, source.rate))))
        assert np.abs(shown - wanted).max() < 2e-3


UNTAGGED = [
    ("dpx", "gbrp10be", ".dpx"),
    ("dpx", "rgb48be", ".dpx"),
    ("tiff", "rgb24", ".tif"),
    ("tiff", "gray16le", ".tif"),
    ("png", "rgb24", ".png"),
    ("png", "gray", ".png"),
    ("bmp", "bgr24", ".bmp"),
    ("cfhd", "gbrp12le", ".mov"),
    ("ffv1", "gbrp10le", ".mkv"),
    ("ffv1", "gray10le", ".mkv"),
    ("utvideo", "gbrp", ".avi"),
]
CODECS: list[Codec] = ["match", "ffv1", "prores", "dnxhr", "h264", "hevc", "png"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("name", "form", "suffix"), UNTAGGED)
def test_rgb_that_does_not_tell_its_range_is_read_back_as_it_was(
    name: str, form: str, suffix: str, codec: Codec, tmp_path: Path
) -> None:
    if suffix in (".mov", ".mkv", ".avi"):
        source = write_ramp(tmp_path / f"a{suffix}", name, form, None)
    else:
        for number in range(2):
            write_ramp(tmp_path / f"a.{number}{suffix}", name, form, "image2pipe")
        source = tmp_path / f"a.%d{suffix}"
    target = probe(rewrite(source, tmp_path / "out", codec))
    before = to_rgb(all_frames(source)[0])
    # Codecs lose a little; samples taken for limited range would be 35 codes of 1023 off.
    for shown in (to_rgb(all_frames_of(target)[0]), ffmpeg_rgb(target)):
        assert np.abs(shown - before).mean() * 1023 < 4
    if target.layout.kind != "yuv":
        assert target.colour.full_range is not False


def write_ramp(path: Path, codec: str, pixel_format: str, muxer: str | None) -> Path:
    """A still or two frames of smooth colours from black to white, without any tag."""
    layout = packing_of(pixel_format).layout
    y, x = np.mgrid[0:128, 0:256]
    parts = [x / 255, y / 127, (x + y) / 382][: 1 if layout.kind == "grey" else 3]
    frame = av.VideoFrame(256, 128, pixel_format)
    write_planes(frame, tuple(np.rint(p * layout.peak).astype(layout.dtype) for p in parts))
    frame.time_base = Fraction(1, 25)
    with av.open(str(path), "w", format=muxer) as file:
        stream = file.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 256, 128, pixel_format
        for number in range(1 if muxer else 2):
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def ffmpeg_rgb(info: MediaInfo) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The first frame as the ffmpeg program shows it."""
    path = frame_path(info.path, info.numbers[0]) if info.numbers else info.path
    flags = "accurate_rnd+full_chroma_int+full_chroma_inp+bilinear"
    form = ["-frames:v", "1", "-sws_flags", flags, "-pix_fmt", "gbrp16le", "-f", "rawvideo", "-"]
    command = [find_ffmpeg(), "-v", "error", "-i", str(path), *form]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    planes = np.frombuffer(data, "<u2").reshape(3, info.height, info.width)[[2, 0, 1]]
    return np.asarray(np.moveaxis(planes, 0, -1) / 65535, dtype=np.float32)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hevc_of_few_frames_is_written(count: int, tmp_path: Path) -> None:
    clip = Clip(codec="qtrle", pixel_format="rgb24", count=count, colour=ColourSpec())
    source = write_clip(tmp_path / "a.mov", clip)
    assert probe(rewrite(source, tmp_path / "out", "hevc")).frame_count == count


def test_encoders_do_not_print_between_lines_of_progress(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "film.mkv", Clip(codec="libsvtav1", count=2))
    odd = write_clip(tmp_path / "odd.mkv", Clip(codec="ffv1", size=(131, 97), count=2))
    # In a process of its own: SVT-AV1 asks only once how much it may say.
    code = f"""
from contextlib import suppress
from pathlib import Path
from reenact_core.errors import MediaError
from reenact_core.media.codecs import choose_codec
from tests.core.media.clips import probe, rewrite
folder = Path({str(tmp_path)!r})
assert choose_codec(probe(Path({str(film)!r})), "match")[0].encoder == "libsvtav1"
rewrite(Path({str(film)!r}), folder, "match")
with suppress(MediaError):
    rewrite(Path({str(odd)!r}), folder, "hevc")
    raise SystemExit("x265 takes odd sizes")
"""
    root = Path(__file__).resolve().parents[3]
    paths = os.pathsep.join([str(root), str(root / "core")])
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_a_sequence_keeps_its_numbers(tmp_path: Path) -> None:
    for number in range(10, 20, 2):
        image = np.random.default_rng(number).integers(0, 255, (18, 24, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"s.{number:03d}.png"), image)
    info = probe(tmp_path / "s.%03d.png", number_step=2)
    settings, _ = choose_codec(info, "match")
    frames = FrameRange(1, 4, Fraction(24))
    target = settings.output_path(tmp_path / "out", "s")
    with open_encoder(target, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    found = probe(target, number_step=2)
    assert found.numbers == (12, 14, 16)
    for part, wanted in zip(all_frames_of(found), decode(info, frames), strict=True):
        assert same(part, wanted)


def all_frames_of(info: MediaInfo) -> list[Picture]:
    return list(decode(info, FrameRange(0, info.frame_count, info.rate)))


def test_a_still_becomes_a_film(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((32, 48, 3), 90, np.uint8))
    info = probe(tmp_path / "a.png")
    frames = FrameRange(0, 7, Fraction(24000, 1001))
    settings, _ = choose_codec(info, "match")
    target = settings.output_path(tmp_path, "b")
    with open_encoder(target, info, frames, settings) as encoder:
        for picture in decode(info, frames):
            encoder.write(picture)
    found = probe(target)
    assert (found.frame_count, found.rate) == (7, frames.rate)


@pytest.mark.parametrize("name", ["50%d off", "a:b", "ü ñ 人", "-x", "%"])
def test_names_of_every_kind_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(name)
    folder.mkdir()
    source = write_clip(tmp_path / "a.mp4", Clip(count=4, sound=("aac",)))
    plain = folder / f"{name}.mp4"
    source.rename(plain)
    for codec in ("prores", "png"):
        target = rewrite(plain, folder, codec)
        assert probe(target).frame_count == 4
        assert len(all_frames(target)) == 4


def test_nothing_is_left_of_a_file_that_failed(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip()))
    settings, _ = choose_codec(info, "h264")
    threads = threading.active_count()
    out = tmp_path / "out"
    with (
        pytest.raises(RuntimeError, match="stop here"),
        open_encoder(out / "b.mp4", info, FrameRange(0, 24, info.rate), settings) as encoder,
    ):
        for picture in decode(info, FrameRange(0, 5, info.rate)):
            encoder.write(picture)
        raise RuntimeError("stop here")
    assert list(out.iterdir()) == []
    assert threading.active_count() == threads


def test_too_few_pictures_leave_no_file(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip()))
    for codec in ("h264", "png"):
        settings, _ = choose_codec(info, codec)
        target = settings.output_path(tmp_path / "out", "b")
        with (
            pytest.raises(ValueError, match="5 of 24 pictures"),
            open_encoder(target, info, FrameRange(0, 24, info.rate), settings) as encoder,
        ):
            for picture in decode(info, FrameRange(0, 5, info.rate)):
                encoder.write(picture)
        assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip()))
    settings, _ = choose_codec(info, "h264")
    target = tmp_path / "b.mp4"
    target.write_bytes(b"older")
    with (
        suppress(RuntimeError),
        open_encoder(target, info, FrameRange(0, 24, info.rate), settings),
    ):
        raise RuntimeError
    assert target.read_bytes() == b"older"


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip()))
    (tmp_path / "file").touch()
    for codec in ("h264", "png"):
        settings, _ = choose_codec(info, codec)
        target = settings.output_path(tmp_path / "file", "b")
        with (
            pytest.raises(OutputError, match="file"),
            open_encoder(target, info, FrameRange(0, 24, info.rate), settings) as encoder,
        ):
            for picture in decode(info, FrameRange(0, 24, info.rate)):
                encoder.write(picture)


@pytest.mark.parametrize("codec", ["ffv1", "png"])
def test_a_file_that_may_not_grow_is_an_output_error(tmp_path: Path, codec: Codec) -> None:
    clip = Clip(codec="ffv1", noise=200, size=(320, 240), count=40)
    info = probe(write_clip(tmp_path / "a.mkv", clip))
    settings, _ = choose_codec(info, codec)
    target = settings.output_path(tmp_path / "out", "b")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with (
            pytest.raises(OutputError, match="out"),
            open_encoder(target, info, FrameRange(0, 40, info.rate), settings) as encoder,
        ):
            for picture in decode(info, FrameRange(0, 40, info.rate)):
                encoder.write(picture)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=1)))
    settings, _ = choose_codec(info, "h264")
    with (
        pytest.raises(MediaError, match="frame 0 is 32x32, the file is 96x64"),
        open_encoder(tmp_path / "b.mp4", info, FrameRange(0, 1, info.rate), settings) as encoder,
    ):
        encoder.write(make_picture("yuv420p", (32, 32), HD))


def test_at_most_a_few_pictures_wait(tmp_path: Path) -> None:
    """Pictures are let go as they are written: memory does not grow with the clip."""
    import weakref

    info = probe(write_clip(tmp_path / "a.mp4", Clip(count=40)))
    settings, _ = choose_codec(info, "ffv1")
    seen: list[weakref.ref[object]] = []
    most = 0
    frames = FrameRange(0, 40, info.rate)
    with open_encoder(tmp_path / "b.mp4", info, frames, settings, behind=3) as encoder:
        for picture in decode(info, frames, ahead=3):
            seen.append(weakref.ref(picture.planes[0]))
            encoder.write(picture)
            del picture
            most = max(most, sum(plane() is not None for plane in seen))
    assert most <= 12
