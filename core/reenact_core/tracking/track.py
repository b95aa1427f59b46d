"""One face through a range of frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reenact_core.geometry import Box
from reenact_core.timing import FrameRange


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """One face, followed through frames without a cut.

    Convention:
        boxes: (T, 4) float64 left, top, right, bottom in pixels of the displayed frame, from
            mid-forehead to chin and from cheek to cheek; NaN where the face is not seen
        landmarks: (T, N, 2) float64 in the same pixels, N = 79 (`models.face_points`) or
            5 (eyes, nose tip, mouth corners, image left first); NaN where not seen
        confidence: (T,) float64 in [0, 1], 0 where the face is not seen
    """

    face_id: int
    frames: FrameRange
    boxes: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def __post_init__(self) -> None:
        length = len(self.frames)
        if self.boxes.shape != (length, 4):
            raise ValueError(f"boxes must be ({length}, 4), got {self.boxes.shape}")
        if self.landmarks.shape[0] != length or self.landmarks.shape[2:] != (2,):
            raise ValueError(f"landmarks must be ({length}, N, 2), got {self.landmarks.shape}")
        if self.confidence.shape != (length,):
            raise ValueError(f"confidence must be ({length},), got {self.confidence.shape}")

    def box_at(self, frame: int) -> Box | None:
        """The box at a frame of the file; None where the face is not seen."""
        if frame not in self.frames:
            return None
        values = self.boxes[frame - self.frames.start]
        return None if np.isnan(values[0]) else Box(*(float(value) for value in values))
