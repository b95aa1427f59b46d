"""`reenact doctor`: what this machine can do, one line each, with the fix."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from reenact_cli.options import Output, output_options
from reenact_cli.show import print_result
from reenact_core.errors import ReenactError

ENCODERS = {
    "ffv1": "ffv1",
    "prores": "prores_ks",
    "dnxhr": "dnxhd",
    "h264": "libx264",
    "hevc": "libx265",
    "png": "png",
    "exr": "exr",
}
"""FFmpeg's encoder behind each `--codec`."""

ADAPTERS = {
    "cmx_3600": ("EDL", "edl"),
    "fcp_xml": ("FCP XML", "fcp"),
    "AAF": ("AAF", "aaf"),
}
"""OpenTimelineIO's adapters: what they read, and our extra that installs them."""

LOW_SPACE = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report."""

    name: str
    found: str
    """What is there, or what is not."""
    good: bool
    needed: bool = True
    """False for what adds a possibility and is no fault when it is not there."""
    fix: str | None = None
    """What to do where it is not good."""

    @property
    def line(self) -> str:
        mark = "ok  " if self.good else ("FAIL" if self.needed else "-   ")
        return f"{mark}  {self.name}: {self.found}" + (f"  →  {self.fix}" if self.fix else "")


@click.command("doctor")
@output_options
@click.pass_context
def command(ctx: click.Context, output: Output) -> None:
    """Say what this machine can do, one line each, with the fix for what it cannot.

    The exit status is 0 when rendering is possible, 4 when something needed is missing.

    \b
    Example:
      reenact doctor
    """
    checks = [check for make in CHECKS for check in make()]
    healthy = all(check.good for check in checks if check.needed)
    result = {"healthy": healthy, "checks": [asdict(check) for check in checks]}
    print_result(result, [check.line for check in checks], as_json=output.as_json)
    ctx.exit(0 if healthy else 4)


def _python() -> Iterator[Check]:
    from reenact_core.version import __version__

    yield Check("reenact", __version__, good=True)
    good = sys.version_info >= (3, 11)
    fix = None if good else "install Python 3.11 or newer"
    yield Check("Python", platform.python_version(), good, fix=fix)


def _ffmpeg() -> Iterator[Check]:
    import imageio_ffmpeg

    try:
        yield Check("ffmpeg", imageio_ffmpeg.get_ffmpeg_exe(), good=True)
    except RuntimeError:
        fix = "pip install imageio-ffmpeg, or put ffmpeg on the PATH"
        yield Check("ffmpeg", "none found", good=False, fix=fix)


def _encoders() -> Iterator[Check]:
    import av

    for codec, encoder in ENCODERS.items():
        good = encoder in av.codecs_available
        fix = None if good else "pip install --force-reinstall --only-binary av av"
        needed = codec in ("ffv1", "h264")
        yield Check(f"codec {codec}", encoder if good else f"no {encoder}", good, needed, fix)


def _devices() -> Iterator[Check]:
    import torch

    yield Check("device cpu", f"{torch.get_num_threads()} threads", good=True)
    if not torch.cuda.is_available():
        fix = "rendering works on the CPU; a CUDA device and its driver make it faster"
        yield Check("device cuda", "none", good=False, needed=False, fix=fix)
        return
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        found = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
        yield Check(f"device cuda:{number}", found, good=True)


def _checkpoints() -> Iterator[Check]:
    from reenact_cli.networks import models_folder
    from reenact_core.files import sha256
    from reenact_core.models.catalogue import CATALOGUE, DEFAULT, find_checkpoint
    from reenact_core.models.load import load_models
    from reenact_core.models.readers.registry import READERS
    from reenact_core.tracking.likeness import ARCFACE_FILE
    from reenact_core.tracking.retinaface import FILES, installed

    known = next(entry for entry in CATALOGUE if entry.id == DEFAULT)
    try:
        path = find_checkpoint(DEFAULT, (models_folder(),))
        models = load_models(path)
    except ReenactError as error:
        yield Check(f"checkpoint {DEFAULT}", "cannot be used", good=False, fix=str(error))
    else:
        good = known.sha256 in (None, sha256(path))
        found = f"{models.architecture}, {path.stat().st_size / 1e6:.1f} MB, {path}"
        fix = (
            None if good else "its SHA-256 is not the one that was released; install reenact again"
        )
        yield Check(f"checkpoint {DEFAULT}", found, good, fix=fix)
    folder = models_folder()
    names = [FILES[name] for name in installed(folder)]
    fix = f"--tracker facexlib needs {' or '.join(FILES.values())} in {folder}"
    found = ", ".join(names) or "not installed"
    yield Check("facexlib RetinaFace", found, bool(names), False, None if names else fix)
    for row in READERS:
        good = row.is_here([folder])
        found = "installed" if good else "not installed"
        yield Check(f"reader {row.name}", found, good, False, None if good else row.way_in)
    good = (folder / ARCFACE_FILE).is_file()
    found = ARCFACE_FILE if good else "not installed; faces are compared more plainly"
    fix = f"faces are told apart more surely with {ARCFACE_FILE} in {folder}"
    yield Check("facexlib ArcFace", found, good, False, None if good else fix)


def _adapters() -> Iterator[Check]:
    import opentimelineio as otio

    yield Check("timelines", f"OpenTimelineIO {otio.__version__}: .otio .otioz .otiod", good=True)
    known = otio.adapters.available_adapter_names()
    for adapter, (kind, extra) in ADAPTERS.items():
        good = adapter in known
        fix = None if good else f"pip install 'reenact[{extra}]'"
        yield Check(f"timelines {kind}", adapter if good else "no adapter", good, False, fix)


def _signing() -> Iterator[Check]:
    from reenact_core.provenance.mark import who_signs

    try:
        found = who_signs()
    except ReenactError as error:
        yield Check("signing", "cannot sign", good=False, fix=str(error))
        return
    good = found is not None
    fix = None if good else "files are marked, but not signed; pip install c2pa-python cryptography"
    yield Check("signing", found or "no C2PA library", good, needed=False, fix=fix)


def _disk() -> Iterator[Check]:
    places = {"this folder": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    for name, place in places.items():
        free = shutil.disk_usage(place).free
        good = free >= LOW_SPACE
        fix = None if good else "make room: a minute of 1080p FFV1 takes about 2 GiB"
        yield Check(f"disk, {name}", f"{free / 2**30:.1f} GiB free in {place}", good, False, fix)


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    _python,
    _ffmpeg,
    _encoders,
    _devices,
    _checkpoints,
    _adapters,
    _signing,
    _disk,
)
