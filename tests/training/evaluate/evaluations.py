"""Small networks, small clips and judges for the tests of evaluation."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from reenact_core.models.compact import Compact, give_readers
from reenact_core.models.compact_settings import CompactSettings
from reenact_core.models.face_points import load_face_points
from reenact_core.models.load import Models, load_models
from reenact_core.models.state_dicts import write_weights
from reenact_training.evaluate.estimators import Panel, choose_panel
from reenact_training.evaluate.example import Example
from reenact_training.evaluate.measures import Moment, Score
from reenact_training.evaluate.pictures import lossless_video
from reenact_training.evaluate.request import Evaluated, Request
from reenact_training.evaluate.run import evaluate

SIZE = 64


def small_checkpoint(path: Path) -> Path:
    """A compact checkpoint for crops of 64 x 64: faces are read as ever, the rest is untrained."""
    torch.manual_seed(0)
    settings = CompactSettings(
        size=SIZE, motion_widths=(8, 8, 8), painter_widths=(4, 8, 8), code_groups=2, codes=8,
        calibrator_widths=(8, 8),
    )  # fmt: skip
    network = Compact(settings)
    give_readers(network)
    write_weights(
        path, network, architecture="compact", configuration=network.configuration(), version="0"
    )
    return path


def small_models(folder: Path) -> Models:
    """The same, loaded."""
    return load_models(small_checkpoint(folder / "small.safetensors"))


def panel(weights: Path = Path("nowhere")) -> Panel:
    """The embedded judges."""
    return choose_panel(load_face_points(), weights)


def pictures(count: int, *, size: int = SIZE, seed: int = 0) -> Tensor:
    """A smooth picture that slides, (count, 3, size, size) uint8."""
    noise = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(seed))
    shape = (size, size + 2 * count)
    wide = torch.nn.functional.interpolate(noise, shape, mode="bicubic").clamp(0, 1)
    rows = torch.cat([wide[..., 2 * step : 2 * step + size] for step in range(count)])
    return (rows * 255 + 0.5).to(torch.uint8)


def write_clip(path: Path, frames: Tensor) -> Path:
    """A lossless video of frames (T, 3, S, S) uint8."""
    with lossless_video(path, frames.shape[-1]) as write:
        for frame in frames:
            write(frame)
    return path


def write_frames(folder: Path, frames: Tensor, *, suffix: str = "png") -> Path:
    """A folder of numbered pictures, without leading zeros."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        pixels = np.ascontiguousarray(frame.permute(1, 2, 0).numpy()[..., ::-1])
        assert cv2.imwrite(str(folder / f"{number}.{suffix}"), pixels)
    return folder


def self_example(count: int, seed: int = 0) -> Example:
    """A clip that drives its own first frame."""
    frames = pictures(count, seed=seed)
    return Example(f"clip{seed}", "self", frames[0], frames, frames)


def moment(clip: str, frame: int, distance: float = 0.0, **scores: Score) -> Moment:
    """A measured frame with the scores of some methods."""
    return Moment(clip, frame, distance, distance, 0.0, 0.0, scores)


def run_whole(request: Request, models: Models) -> Evaluated:
    """An evaluation from beginning to end."""
    done = [*evaluate(request, models, panel(), lambda picture: [])][-1]
    assert isinstance(done, Evaluated)
    return done
