"""How LivePortrait's keypoints move: at rest, posed, carried over from a driver, retargeted.

Guo et al., "LivePortrait: efficient portrait animation with stitching and retargeting control"
(2024), sections 3.1 to 3.3; in github.com/KwaiVGI/LivePortrait, `live_portrait_pipeline.py`.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from reenact_core.models.integrators.convnext import MotionLogits
from reenact_core.models.integrators.head_estimator import radians, turn_x, turn_y, turn_z
from reenact_core.models.keypoint_detector import Keypoints

Region = Literal["all", "exp", "pose", "lip", "eyes"]
"""What is carried over: everything, the expression, the head's pose, the lips, the eyes."""

LIPS = (6, 12, 14, 17, 19, 20)
"""Keypoints whose expression moves the lips."""
EYES = (11, 13, 15, 16, 18)
"""Keypoints whose expression moves the eyes."""
WHOLE = (1, 2, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
"""Keypoints whose expression is a driver's own when motion is absolute."""
PARTLY = ((3, (1,)), (4, (1,)), (5, (2,)), (8, (2,)), (9, (1, 2)))
"""... and those of which only some coordinates are; the rest tells who the face is."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceMotion:
    """Where N faces are, which way they turn and what they do; float32."""

    canonical: Tensor
    """(N, K, 3), keypoints at rest."""
    rotation: Tensor
    """(N, 3, 3), of row vectors: x R."""
    expression: Tensor
    """(N, K, 3)"""
    scale: Tensor
    """(N, 1)"""
    offset: Tensor
    """(N, 3); the third number is never used."""

    def __len__(self) -> int:
        return len(self.scale)

    def run(self, frames: slice) -> "FaceMotion":
        """One face for any run of frames, or the faces of that run."""
        if len(self) == 1:
            return self
        return FaceMotion(
            self.canonical[frames],
            self.rotation[frames],
            self.expression[frames],
            self.scale[frames],
            self.offset[frames],
        )

    @staticmethod
    def joined(parts: "list[FaceMotion]") -> "FaceMotion":
        """The faces of several runs of frames, one after the other."""
        return FaceMotion(
            torch.cat([part.canonical for part in parts]),
            torch.cat([part.rotation for part in parts]),
            torch.cat([part.expression for part in parts]),
            torch.cat([part.scale for part in parts]),
            torch.cat([part.offset for part in parts]),
        )


def motion_of(said: MotionLogits) -> FaceMotion:
    """Pose, size and expression from what the motion extractor says."""
    pitch, yaw, roll = (radians(angle, middle=97.5) for angle in (said.pitch, said.yaw, said.roll))
    turned = (turn_z(roll) @ turn_y(yaw) @ turn_x(pitch)).transpose(1, 2)
    return FaceMotion(said.keypoints, turned, said.expression, said.scale, said.offset)


def keypoints_of(motion: FaceMotion) -> Keypoints:
    """The keypoints of faces: s (x R + exp), moved by the first two numbers of t."""
    turned = motion.canonical @ motion.rotation + motion.expression
    flat = torch.cat([motion.offset[:, :2], torch.zeros_like(motion.offset[:, 2:])], dim=1)
    return Keypoints(motion.scale[:, None] * turned + flat[:, None])


def carried_over(
    source: FaceMotion, initial: FaceMotion, driving: FaceMotion, region: Region
) -> FaceMotion:
    """The source's face that moved as the driver moved from d_0 to d_i.

    R = R_i R_0^T R_S; exp = exp_S + exp_i - exp_0; s = s_S s_i / s_0; t = t_S + t_i - t_0.

    Convention:
        driving: N frames; source, initial: N or 1
    """
    moved = source.expression + (driving.expression - initial.expression)
    result = replace(
        source, expression=_in_region(source.expression, moved, region, _every(source))
    )
    if region in ("all", "pose"):
        turned = (driving.rotation @ initial.rotation.transpose(1, 2)) @ source.rotation
        shifted = source.offset + (driving.offset - initial.offset)
        result = replace(result, rotation=turned, offset=shifted)
    if region == "all":
        result = replace(result, scale=source.scale * (driving.scale / initial.scale))
    return result


def put_on(source: FaceMotion, driving: FaceMotion, region: Region) -> FaceMotion:
    """The source's face in the driver's own pose, with the driver's own expression.

    Its size stays, and so does what of the expression tells who it is.
    """
    places = [(number, (0, 1, 2)) for number in WHOLE] + list(PARTLY)
    told = [(k, axes) for k, axes in places if k < source.expression.shape[1]]
    result = replace(
        source, expression=_in_region(source.expression, driving.expression, region, told)
    )
    if region in ("all", "pose"):
        result = replace(result, rotation=driving.rotation, offset=driving.offset)
    return result


Places = list[tuple[int, tuple[int, ...]]]
"""Keypoints, and which of their coordinates."""


def _every(motion: FaceMotion) -> Places:
    return [(number, (0, 1, 2)) for number in range(motion.expression.shape[1])]


def _in_region(resting: Tensor, moved: Tensor, region: Region, whole: Places) -> Tensor:
    """The expression at rest, but moved where the region says; `whole` is the whole face."""
    if region == "pose":
        return resting.expand_as(moved)
    chosen = {"lip": LIPS, "eyes": EYES}.get(region)
    places = whole if chosen is None else [(number, (0, 1, 2)) for number in chosen]
    mask = torch.zeros(moved.shape[1:], dtype=torch.bool, device=moved.device)
    for number, axes in places:
        mask[number, list(axes)] = True
    return torch.where(mask, moved, resting)
