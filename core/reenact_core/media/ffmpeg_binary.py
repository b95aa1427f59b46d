"""The ffmpeg program, for the little that it does better than the library: sound to PCM."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from reenact_core.errors import MediaError
from reenact_core.media.opening import DEMUXERS, Stamp, open_file

_ONLY = {"fd": 0, "protocol_whitelist": "fd", "format_whitelist": ",".join(DEMUXERS)}
"""Standard input and nothing else, if it is of a kind that is read."""


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
def decoded_sound(
    file: tuple[Path, Stamp | None], start: Fraction, stop: Fraction, beside: Path
) -> Iterator[Path]:
    """All sound tracks of a file between two times of its own clock, as PCM in a file of its own.

    The new file lies beside another one that is being written and is removed at the end. The
    program is handed the file as it was opened, by its standard input, and can open no other.

    Raises:
        MediaError: the sound cannot be decoded, or there is no ffmpeg program.
    """
    target = beside.with_name(f"{beside.name}.sound.mov")
    path = file[0]
    source = ffmpeg.input("fd:", **_ONLY, ss=float(start), seek_timestamp=1, t=float(stop - start))
    command = source["a"].output(str(target), acodec="pcm_s24le", format="mov").overwrite_output()
    program = [find_ffmpeg(), "-nostdin"]
    try:
        with open_file(*file) as stream:
            done = subprocess.run(command.compile(program), stdin=stream, capture_output=True)
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise MediaError(f"{path}: its sound cannot be decoded ({' '.join(reason)})")
        yield target
    finally:
        target.unlink(missing_ok=True)
