"""Figures of single frames: what a method's face is worth against what should be seen.

All pictures are rounded to 8 bits before they are compared, as they would be in a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import nan
from typing import Any

import torch
from torch import Tensor

from reenact_training.evaluate.estimators import Panel
from reenact_training.evaluate.example import Example, as_floats
from reenact_training.evaluate.footage import degrees
from reenact_training.evaluate.methods import Method, side_by_side
from reenact_training.synthetic.motion import rotation_matrix

WINDOW_MARGIN = 50 / 256
"""Of the crop's side, on every side of the central window."""
LEAST_ERROR = 1e-10
"""Mean square error below which pictures count as equal: 100 dB."""
TRUTH = "truth"
"""The name under which the truth itself is scored, to show what the estimators are worth."""


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of one face; nan where a figure cannot be had."""

    psnr: float = nan
    """dB, of the whole crop."""
    ssim: float = nan
    csim: float = nan
    """Likeness of identity to the source."""
    pose_error: float = nan
    """Mean square error of yaw, pitch and roll in degrees², against what is known, or where
    nothing is known, against what the estimator reads off the picture that should be seen."""
    aucon: float = nan
    """Share of actions that are as in the truth, or where there is none, in the driving frame."""
    psnr_centre: float = nan
    """dB, of the central window: 156 of 256 pixels wide and high."""
    pose_error_read: float = nan
    """As `pose_error`, but always against the estimator's reading: its own bias cancels."""
    psnr_head: float = nan
    """dB, where the truth shows the head (drawn heads only)."""
    psnr_head_driver: float = nan
    """dB, there, against the driving frame instead of the truth."""
    yaw: float = nan
    """Degrees, as read."""
    gap: float = nan
    """How far the mouth is open, head units, as read."""


METRICS = tuple(field.name for field in fields(Score))


@dataclass(frozen=True, slots=True)
class Moment:
    """One measured frame of one example."""

    clip: str
    frame: int
    pose_distance: float
    """Degrees by which the head is turned from the source's."""
    yaw_distance: float
    """Degrees of yaw alone."""
    driver_yaw: float
    """Degrees, as read off the driving frame."""
    driver_gap: float
    """Head units, likewise."""
    scores: Mapping[str, Score]
    """By method."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictured:
    """A moment with the faces it was measured on, (3, S, S) uint8 by method."""

    moment: Moment
    faces: Mapping[str, Tensor]


def measure(
    example: Example, methods: Sequence[Method], panel: Panel, every: int
) -> Iterator[tuple[int, Mapping[str, Tensor], Pictured | None]]:
    """All frames of an example, with the faces of all methods, in the order they were run.

    Convention: (frame, faces (3, S, S) uint8 by method, what was measured on them if it was)
    """
    measured, judge = example.measured(every), Judge.of(example, panel)
    for order in example.lanes():
        again = order.step < 0
        for frame, made in zip(order, side_by_side(methods, example, order), strict=True):
            if again and frame == example.start:
                continue
            faces = {name: _bytes(face) for name, face in made.items()}
            done = judge.pictured(frame, faces) if frame in measured else None
            yield frame, faces, done


def _bytes(face: Tensor) -> Tensor:
    return (face.clamp(0, 1) * 255 + 0.5).to(torch.uint8).cpu()


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What is needed to score the frames of one example."""

    example: Example
    panel: Panel
    source_pose: Tensor
    """(3,), degrees."""
    start_pose: Tensor
    """(3,), of the driving face in d_0, as read."""
    identity: Tensor | None
    """(E,), of the source."""

    @classmethod
    def of(cls, example: Example, panel: Panel) -> "Judge":
        """The judge of an example: source and first driving frame are read."""
        faces = torch.stack([example.source, example.driving[example.start]])
        floats = as_floats(faces, _device(panel))
        poses = panel.pose.read(floats).float().cpu()
        known = example.known
        identity = panel.identity.read(floats[:1])[0].cpu() if panel.identity else None
        return cls(example, panel, known.source_pose if known else poses[0], poses[1], identity)

    def pictured(self, frame: int, faces: Mapping[str, Tensor]) -> Pictured:
        """The scores of all methods in one frame, and of the truth where it is known."""
        example = self.example
        driving = example.driving[frame]
        truth = None if example.truth is None else example.truth[frame]
        shown = {**faces} if truth is None else {**faces, TRUTH: truth}
        floats = as_floats(torch.stack([*shown.values(), driving]), _device(self.panel))
        poses = self.panel.pose.read(floats).float().cpu()
        motion = self.panel.motion.read(floats).float().cpu()
        wanted = self._wanted_pose(frame, poses[-1])
        columns = {
            **_pixel_figures(floats[:-1], None if truth is None else floats[-2]),
            **self._head_figures(frame, floats),
            **self._identity_figures(floats[:-1]),
            **self._pose_figures(poses, wanted, truth is not None),
            **self._action_figures(floats, truth is not None),
            "yaw": motion[:-1, 0],
            "gap": motion[:-1, 1],
        }
        scores = {
            name: Score(**{key: float(column[row]) for key, column in columns.items()})
            for row, name in enumerate(shown)
        }
        turned = float(turn_between(wanted, self.source_pose))
        yaw = abs(float(angle_difference(wanted, self.source_pose)[0]))
        driver_yaw, driver_gap = motion[-1].tolist()
        moment = Moment(example.name, frame, turned, yaw, driver_yaw, driver_gap, scores)
        return Pictured(moment, shown)

    def _wanted_pose(self, frame: int, driver: Tensor) -> Tensor:
        """Yaw, pitch and roll (3,) that the new face should have: known, or asked for."""
        if self.example.known is not None:
            return self.example.known.poses[frame]
        if self.example.task == "self":
            return driver
        turn = matrix(driver) @ matrix(self.start_pose).mT
        return degrees(turn @ matrix(self.source_pose))

    def _head_figures(self, frame: int, floats: Tensor) -> dict[str, Tensor]:
        """PSNR on the truth's head, against the truth and against the driving frame."""
        known = self.example.known
        if known is None or self.example.task == "self":
            return {}
        head = known.heads[frame].to(floats)
        against = {"psnr_head": floats[-2], "psnr_head_driver": floats[-1]}
        return {name: _psnr_within(floats[:-1], other, head) for name, other in against.items()}

    def _identity_figures(self, faces: Tensor) -> dict[str, Tensor]:
        if self.panel.identity is None or self.identity is None:
            return {}
        return {"csim": self.panel.identity.read(faces).cpu() @ self.identity}

    def _pose_figures(self, poses: Tensor, wanted: Tensor, has_truth: bool) -> dict[str, Tensor]:
        """Square errors of the poses; the last row but one is the truth's, where there is one."""
        against = {"pose_error": wanted}
        if has_truth:
            against["pose_error_read"] = poses[-2]
        return {
            name: angle_difference(poses[:-1], other).square().mean(-1)
            for name, other in against.items()
        }

    def _action_figures(self, floats: Tensor, has_truth: bool) -> dict[str, Tensor]:
        actions = self.panel.actions.read(floats).cpu()
        other = actions[-2] if has_truth else actions[-1]
        return {"aucon": (actions[:-1] == other).float().mean(-1)}


def _device(panel: Panel) -> str:
    return str(panel.reader.mean_head.device)


def _pixel_figures(faces: Tensor, truth: Tensor | None) -> dict[str, Tensor]:
    """PSNR and SSIM of faces (B, 3, S, S)."""
    if truth is None:
        return {}
    from torchmetrics.functional.image import structural_similarity_index_measure

    others = truth.expand_as(faces)
    ssim: Any = structural_similarity_index_measure(faces, others, data_range=1.0, reduction="none")
    margin = round(faces.shape[-1] * WINDOW_MARGIN)
    window = slice(margin, faces.shape[-1] - margin)
    return {
        "psnr": _psnr(faces, others),
        "ssim": ssim.reshape(len(faces)),
        "psnr_centre": _psnr(faces[..., window, window], others[..., window, window]),
    }


def _psnr(faces: Tensor, others: Tensor) -> Tensor:
    """(B,) in dB; 100 where the pictures are equal."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    psnr: Any = peak_signal_noise_ratio(
        faces, others, data_range=1.0, reduction="none", dim=(1, 2, 3)
    )
    return torch.as_tensor(psnr).clamp(max=100.0).reshape(len(faces))


def _psnr_within(faces: Tensor, other: Tensor, where: Tensor) -> Tensor:
    """(B,) in dB, of the pixels of a mask (S, S) in [0, 1]."""
    error = ((faces - other).square().mean(1) * where).sum((1, 2)) / where.sum().clamp(min=1)
    return -10 * torch.log10(error.clamp(min=LEAST_ERROR))


def matrix(pose: Tensor) -> Tensor:
    """The rotation (3, 3) of yaw, pitch and roll (3,) in degrees."""
    yaw, pitch, roll = torch.deg2rad(pose)
    return rotation_matrix(yaw, pitch, roll)


def turn_between(one: Tensor, other: Tensor) -> Tensor:
    """The angle in degrees between two heads, each yaw, pitch and roll (3,) in degrees."""
    turn = matrix(one) @ matrix(other).mT
    return torch.rad2deg(torch.acos(((turn.trace() - 1) / 2).clamp(-1, 1)))


def angle_difference(one: Tensor, other: Tensor) -> Tensor:
    """Differences of angles in degrees, -180 to 180."""
    return (one - other + 180) % 360 - 180
