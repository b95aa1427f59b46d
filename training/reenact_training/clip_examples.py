"""Examples of clips: a stretch of one, driven by itself, since only then the truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import torch
from torch import Generator, Tensor

from reenact_core.errors import MediaError
from reenact_core.head.field import inside_outline, view_of
from reenact_core.head.model import load_head_model
from reenact_core.head.state import HeadState
from reenact_core.models.carry_over import confinement
from reenact_core.wording import amount
from reenact_training.clip_faces import ClipFaces, ClipReader
from reenact_training.clips import ClipFile, Unusable
from reenact_training.row_chance import generator_of
from reenact_training.unroll import Examples, misread, mouth_and_eyes

HEAD = (0.9, 1.2)
"""Distances from the head's middle, in units of its outline, where hair and all end."""
CANDIDATES = 32
"""Frames among which a source is sought whose expression is that of d_0."""
ALIKE = 0.35
"""Distance of two expressions up to which they are the same."""


@dataclass(slots=True)
class LeftOut:
    """The clips that cannot be used, counted against what is allowed."""

    total: int
    """Clips of the data set, these among them."""
    share: float
    """The part of them that may be left out."""
    clips: dict[str, str] = field(default_factory=dict)
    """Why, by name."""

    def add(self, clips: Sequence[Unusable]) -> None:
        """Leave out some more.

        Raises:
            MediaError: that is more than is allowed; names the first of them.
        """
        self.clips |= {clip.name: clip.why for clip in clips}
        if len(self.clips) > self.share * self.total:
            shown = "; ".join(f"{name}: {why}" for name, why in list(self.clips.items())[:3])
            raise MediaError(
                f"{len(self.clips)} of {amount(self.total, 'clip')} cannot be used, more than the "
                f"share of {self.share:g} that `clips.unreadable` allows: {shown}"
            )


class ClipExamples:
    """Examples of clips; that of a number depends on the clips, the seed and the number alone."""

    def __init__(
        self,
        clips: Sequence[ClipFile],
        reader: ClipReader,
        left_out: LeftOut,
        *,
        moments: int,
        stride: int,
        seed: int,
    ) -> None:
        self._clips = clips
        self._reader = reader
        self._left_out = left_out
        self._moments = moments
        self._stride = stride
        self._seed = seed
        self._lock = Lock()

    def __call__(self, number: int) -> Examples:
        """Raises MediaError where too many clips turn out to be unreadable."""
        generator = generator_of(self._seed, "clips", number)
        while True:
            clip = self._clips[_whole(len(self._clips), generator)]
            faces = self._faces(clip)
            if faces is not None:
                return draw_window(faces, self._moments, self._stride, generator)

    def _faces(self, clip: ClipFile) -> ClipFaces | None:
        with self._lock:
            if clip.name in self._left_out.clips:
                return None
            try:
                return self._reader(clip)
            except MediaError as error:
                self._left_out.add([Unusable(clip.name, str(error))])
                return None


def draw_window(faces: ClipFaces, moments: int, stride: int, generator: Generator) -> Examples:
    """A stretch of a clip, forwards or backwards, driven by itself.

    The source is d_0, or in half of the cases a frame with d_0's expression and another pose:
    then the face has to be turned before the driver has moved.
    """
    chosen = draw_moments(len(faces.frames), moments, stride, generator)
    first = chosen[0]
    if torch.rand((), generator=generator) < 0.5:
        source = first
    else:
        source = turned_frame(faces.states, int(first), generator)
    of_source, of_driver = faces.states[source[None]], faces.states[chosen]
    if faces.heads is not None:  # what is true is given as a reader would see it
        of_source, of_driver = misread(of_source, generator), misread(of_driver, generator)
    frames = faces.frames[chosen].float() / 255
    points = of_driver.points(load_head_model())
    return Examples(
        faces.frames[source][None].float() / 255,
        of_source,
        frames[:, None],
        [of_driver[t : t + 1] for t in range(moments)],
        frames[:, None],
        head_masks(faces, chosen)[:, None],
        mouth_and_eyes(points, frames.shape[-1])[:, None],
    )


def draw_moments(count: int, moments: int, stride: int, generator: Generator) -> Tensor:
    """Numbers of neighbouring frames, evenly apart, in either direction of time."""
    widest = max(1, min(stride, (count - 1) // max(1, moments - 1)))
    apart = 1 + _whole(widest, generator)
    start = _whole(count - apart * (moments - 1), generator)
    chosen = torch.arange(moments) * apart + start
    return chosen.flip(0) if torch.rand((), generator=generator) < 0.5 else chosen


def turned_frame(states: HeadState, frame: int, generator: Generator) -> Tensor:
    """Of some frames with a frame's expression, the number of the one most turned against it.

    The frame itself where there is none: what d_0 does not tell of S cannot come out.
    """
    drawn = torch.randint(len(states.pose), (CANDIDATES,), generator=generator)
    unlike = (states.expression[drawn] - states.expression[frame]).norm(dim=-1)
    candidates = torch.cat([drawn[unlike < ALIKE], torch.tensor([frame])])
    rotations = states.pose.rotation
    return candidates[(rotations[candidates] - rotations[frame]).flatten(1).norm(dim=1).argmax()]


def head_masks(faces: ClipFaces, chosen: Tensor) -> Tensor:
    """Where the head is, (T, 1, S, S) in [0, 1]: as drawn, or by the pose that was read."""
    if faces.heads is not None:
        return faces.heads[chosen, None].float() / 255
    head, size = load_head_model(), faces.frames.shape[-1]
    view = view_of(head, faces.states[chosen], None)
    return confinement(inside_outline(view, head, size), *HEAD)[:, None]


def _whole(below: int, generator: Generator) -> int:
    return int(torch.randint(below, (), generator=generator))
