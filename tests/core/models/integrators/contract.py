"""What every integrator promises, as checks that any of them can be run through.

Copy this file beside the tests of an integrator of yours; it needs reenact and torch alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reenact_core.models.integrators.table import Integrator

SAME = 2e-4
"""What the order of a sum may move a pixel by, in [0, 1]."""


@dataclass(frozen=True)
class Subject:
    """An integrator under examination."""

    integrator: Integrator
    size: int
    """Side of a picture that it takes."""
    upscale: int = 1
    """How many times larger its result is than what it is given."""


Check = Callable[[Subject], None]


def pictures(subject: Subject, count: int, seed: int) -> Tensor:
    """Smooth pictures, each another."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    size = (subject.size, subject.size)
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)


def keypoints_are_places(subject: Subject) -> None:
    """Keypoints are float32, finite, in two or three dimensions, of every frame."""
    found = subject.integrator.detect(pictures(subject, 3, 1))
    assert found.value.dtype == torch.float32
    assert found.value.shape[0] == 3 and found.value.shape[2] in (2, 3)
    assert bool(torch.isfinite(found.value).all())
    assert not found.value.requires_grad
    if found.jacobian is not None:
        assert found.jacobian.shape[:2] == found.value.shape[:2]


def keypoints_are_a_frames_own(subject: Subject) -> None:
    """Neighbours in the batch change nothing."""
    frames = pictures(subject, 5, 2)
    together = subject.integrator.detect(frames).value
    alone = torch.cat([subject.integrator.detect(frame[None]).value for frame in frames])
    assert (together - alone).abs().max().item() < SAME


def results_are_pictures(subject: Subject) -> None:
    """float32 in [0, 1], at the promised size, as many as there are driving frames."""
    source, initial, driving = (pictures(subject, n, n) for n in (1, 1, 4))
    faces = subject.integrator.reenact(source, initial, driving)
    side = subject.size * subject.upscale
    assert faces.shape == (4, 3, side, side)
    assert faces.dtype == torch.float32 and not faces.requires_grad
    assert bool(torch.isfinite(faces).all())
    assert faces.min().item() >= 0 and faces.max().item() <= 1


def every_option_is_taken(subject: Subject) -> None:
    """Relative or absolute, scaled or not, or as the method likes it."""
    source, driving = pictures(subject, 1, 3), pictures(subject, 2, 4)
    for relative in (True, False, None):
        for adapt_scale in (True, False, None):
            faces = subject.integrator.reenact(
                source, driving[:1], driving, relative=relative, adapt_scale=adapt_scale
            )
            assert len(faces) == 2 and bool(torch.isfinite(faces).all())


def frames_stand_alone(subject: Subject) -> None:
    """A run may end anywhere: a frame's result is the same in any company."""
    source, driving = pictures(subject, 1, 5), pictures(subject, 18, 6)
    together = subject.integrator.reenact(source, driving[:1], driving)
    parts = [
        subject.integrator.reenact(source, driving[:1], part)
        for part in torch.split(driving, [1, 5, 12])
    ]
    assert (together - torch.cat(parts)).abs().max().item() < SAME


def one_stands_for_all(subject: Subject) -> None:
    """One source and one d_0 give what as many copies give."""
    source, initial, driving = (pictures(subject, n, 7 + n) for n in (1, 1, 3))
    one = subject.integrator.reenact(source, initial, driving)
    many = subject.integrator.reenact(
        source.repeat(3, 1, 1, 1), initial.repeat(3, 1, 1, 1), driving
    )
    assert (one - many).abs().max().item() < SAME


def each_has_its_own_source(subject: Subject) -> None:
    """Row i is of source i and of d_0 i."""
    sources, initials, driving = (pictures(subject, 3, seed) for seed in (8, 9, 10))
    together = subject.integrator.reenact(sources, initials, driving)
    last = subject.integrator.reenact(sources[2:], initials[2:], driving[2:])
    assert (together[2:] - last).abs().max().item() < SAME


def inputs_stay(subject: Subject) -> None:
    """What is given is left as it was, however it lies in memory, and twice is the same."""
    given = [pictures(subject, 2, seed) for seed in (11, 12, 13)]
    channels_last = [tensor.to(memory_format=torch.channels_last) for tensor in given]
    before = [tensor.clone() for tensor in given]
    first = subject.integrator.reenact(given[0], given[1], given[2])
    again = subject.integrator.reenact(given[0], given[1], given[2])
    strided = subject.integrator.reenact(channels_last[0], channels_last[1], channels_last[2])
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))
    assert (first - again).abs().max().item() < SAME
    assert (first - strided).abs().max().item() < SAME


def counts_that_cannot_be_paired_are_refused(subject: Subject) -> None:
    """Neither one nor as many as there are frames."""
    two, three = pictures(subject, 2, 14), pictures(subject, 3, 15)
    for source, initial in ((two, three), (three, two)):
        try:
            subject.integrator.reenact(source, initial, three)
        except ValueError:
            continue
        raise AssertionError("two pictures for three frames were taken")


def what_is_no_picture_is_refused(subject: Subject) -> None:
    """A missing axis, two channels, no frame at all."""
    good = pictures(subject, 1, 16)
    for odd in (good[0], good[:, :2], good[:0]):
        try:
            subject.integrator.detect(odd)
        except ValueError:
            continue
        raise AssertionError(f"pictures {tuple(odd.shape)} were taken")


CHECKS: tuple[Check, ...] = (
    keypoints_are_places,
    keypoints_are_a_frames_own,
    results_are_pictures,
    every_option_is_taken,
    frames_stand_alone,
    one_stands_for_all,
    each_has_its_own_source,
    inputs_stay,
    counts_that_cannot_be_paired_are_refused,
    what_is_no_picture_is_refused,
)
"""All of them; each takes a `Subject` and raises where a promise is not kept."""
