"""The ffmpeg program, for the little that it does better than the library: sound to PCM."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from reenact_core.errors import MediaError


def find_ffmpeg() -> str:
    """The ffmpeg program: the one that came with imageio-ffmpeg, else the one on the PATH.

    Raises:
        MediaError: there is none.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        found = shutil.which("ffmpeg")
        if found is None:
            raise MediaError(
                "no ffmpeg program was found; pip install imageio-ffmpeg, or put ffmpeg on the PATH"
            ) from error
        return found


@contextmanager
def decoded_sound(path: Path, start: Fraction, stop: Fraction, beside: Path) -> Iterator[Path]:
    """All sound tracks of a file between two times of its own clock, as PCM in a file of its own.

    The file lies beside another one that is being written and is removed at the end.

    Raises:
        MediaError: the sound cannot be decoded, or there is no ffmpeg program.
    """
    target = beside.with_name(f"{beside.name}.sound.mov")
    source = ffmpeg.input(str(path), ss=float(start), seek_timestamp=1, t=float(stop - start))
    command = source["a"].output(str(target), acodec="pcm_s24le", format="mov")
    program = find_ffmpeg()
    try:
        try:
            command.run(cmd=[program, "-nostdin"], quiet=True, overwrite_output=True)
        except ffmpeg.Error as error:
            reason = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise MediaError(f"{path}: its sound cannot be decoded ({' '.join(reason)})") from error
        yield target
    finally:
        target.unlink(missing_ok=True)
