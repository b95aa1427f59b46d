"""The fit of the head model, on landmarks drawn from the model itself."""

import math

import pytest
import torch
from torch import Tensor

from reenact_core.head.fit import Before, FitSettings, HeadFit, fit
from reenact_core.head.model import HeadModel, load_head_model

CLEAN = FitSettings(rounds=20, identity_prior=1e-3, expression_prior=1e-3, smoothness=0, steps=300)
"""For landmarks without noise: hardly any prior."""
ACTED = ("jawOpen", "mouthSmile_L", "mouthSmile_R", "eyeBlink_L", "eyeBlink_R", "browInnerUp_L")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head_model()


class Scene:
    """A person who acts in front of a camera, and the landmarks that are seen of them."""

    def __init__(self, head: HeadModel, frames: int, scheme: str = "mesh468") -> None:
        chance = torch.Generator().manual_seed(7)
        self.table = head.landmarks[scheme]
        self.identity = torch.randn(len(head.identity), generator=chance) * 0.7
        time = torch.linspace(0, 1, frames)
        self.expression = torch.zeros(frames, len(head.expression))
        for k, name in enumerate(ACTED):
            wave = 0.4 - 0.4 * torch.cos(2 * math.pi * (time + k / len(ACTED)))
            self.expression[:, head.expression_names.index(name)] = wave
        self.yaw, self.pitch = 30 * torch.sin(3 * time), 10 * torch.cos(4 * time)
        self.rotation = turned(self.yaw, self.pitch)
        self.scale = 12 + 2 * time
        self.offset = torch.stack([200 + 40 * time, 180 - 20 * time, 10 * time], -1)
        self.gaze = torch.stack([15 * torch.sin(5 * time), 8 * torch.cos(5 * time)], -1)
        shapes = head.vertices(self.identity[None], self.expression, self.gaze)
        points = self.table.places(shapes) @ self.rotation.transpose(1, 2)
        self.points = self.scale[:, None, None] * points + self.offset[:, None]
        poles = torch.stack([shapes[:, ball[0]] for ball in head.eyeballs], 1)
        laid = poles @ self.rotation.transpose(1, 2) * self.scale[:, None, None]
        self.pupils = (laid + self.offset[:, None])[..., :2]

    def noisy(self, share: float, seed: int = 8) -> Tensor:
        """Points with noise of a share of the face's width."""
        chance = torch.Generator().manual_seed(seed)
        width = 14 * self.scale[:, None, None]
        return self.points + torch.randn(self.points.shape, generator=chance) * width * share


def turned(yaw: Tensor, pitch: Tensor) -> Tensor:
    x, y = torch.deg2rad(yaw), torch.deg2rad(pitch)
    o, one = torch.zeros_like(x), torch.ones_like(x)
    about_y = torch.stack([x.cos(), o, -x.sin(), o, one, o, x.sin(), o, x.cos()], -1)
    about_x = torch.stack([one, o, o, o, y.cos(), -y.sin(), o, y.sin(), y.cos()], -1)
    return about_x.view(-1, 3, 3) @ about_y.view(-1, 3, 3)


def degrees_apart(a: Tensor, b: Tensor) -> Tensor:
    trace = (a.transpose(1, 2) @ b).diagonal(dim1=1, dim2=2).sum(1)
    return torch.rad2deg(((trace - 1) / 2).clamp(-1, 1).acos())


def acted(head: HeadModel, found: HeadFit) -> Tensor:
    return found.expression[:, [head.expression_names.index(name) for name in ACTED]]


def identity_error(head: HeadModel, scene: Scene, found: HeadFit) -> float:
    """Of the face at rest, in its own widths, after scale: mean over the landmarks."""
    still = torch.zeros(1, len(head.expression))
    ours, theirs = (
        scene.table.places(head.vertices(who[None], still))[0]
        for who in (found.identity, scene.identity)
    )
    a, b = ours - ours.mean(0), theirs - theirs.mean(0)
    u, s, vt = torch.linalg.svd(b.T @ a)
    laid = (s.sum() / a.square().sum()) * a @ (u @ vt).T
    return float((laid - b).norm(dim=1).mean() / 14)


def test_clean_landmarks_give_pose_expression_and_person_back(head: HeadModel) -> None:
    scene = Scene(head, 16)
    found = fit(head, scene.table, scene.points, pupils=scene.pupils, settings=CLEAN)
    assert degrees_apart(found.rotation, scene.rotation).max() < 0.5
    wanted = scene.expression[:, [head.expression_names.index(name) for name in ACTED]]
    assert (acted(head, found) - wanted).abs().mean() < 0.05
    assert identity_error(head, scene, found) < 0.005
    assert (found.gaze - scene.gaze).abs().max() < 2.0
    assert found.residual.max() < 0.05
    assert found.confidence.min() > 0.5


def test_noise_of_one_percent_moves_the_person_by_less(head: HeadModel) -> None:
    scene = Scene(head, 16)
    found = fit(head, scene.table, scene.noisy(0.01))
    assert identity_error(head, scene, found) < 0.01
    assert degrees_apart(found.rotation, scene.rotation).mean() < 1.5


def test_chunks_agree(head: HeadModel) -> None:
    scene = Scene(head, 11)
    points = scene.noisy(0.01)
    quick = FitSettings(rounds=3)
    whole = fit(head, scene.table, points, settings=quick)
    pieces = fit(head, scene.table, points, settings=quick, chunk=3)
    assert torch.allclose(whole.identity, pieces.identity, atol=1e-3)
    assert torch.allclose(whole.expression, pieces.expression, atol=1e-3)
    assert torch.allclose(whole.vertices(head), pieces.vertices(head), atol=0.02)


def test_garbage_in_one_frame_spoils_no_other(head: HeadModel) -> None:
    scene = Scene(head, 12)
    points = scene.noisy(0.002)
    clean = fit(head, scene.table, points)
    chance = torch.Generator().manual_seed(9)
    points[5] = torch.rand(points[5].shape, generator=chance) * 400
    points[8] = torch.nan
    found = fit(head, scene.table, points)
    assert found.confidence[5] < 0.05
    assert found.confidence[8] == 0
    others = [k for k in range(12) if k not in (5, 8)]
    assert found.confidence[others].min() > 0.5
    before, after = (f.vertices(head)[others] for f in (clean, found))
    cm = (before - after)[..., :2].norm(dim=-1) / scene.scale[others][:, None]
    assert cm[:, scene.table.vertices.flatten()].mean() < 0.1
    assert all(bool(torch.isfinite(t).all()) for t in (found.expression, found.rotation))


def test_one_wrong_point_pulls_little(head: HeadModel) -> None:
    scene = Scene(head, 6)
    spoilt = scene.points.clone()
    spoilt[:, 40] += 120
    clean, found = (fit(head, scene.table, points) for points in (scene.points, spoilt))
    assert degrees_apart(clean.rotation, found.rotation).max() < 1.0


def test_some_frames_of_many_tell_who_it_is(head: HeadModel) -> None:
    scene = Scene(head, 40)
    points = scene.noisy(0.01)
    few, every = (
        fit(head, scene.table, points, settings=FitSettings(rounds=4, identity_frames=count))
        for count in (10, 40)
    )
    assert identity_error(head, scene, few) < 0.01
    assert few.residual.mean() < 1.02 * every.residual.mean()


def said_by(*fits: HeadFit) -> Before:
    """What fits of consecutive frames say of the next one."""
    return Before(
        fits[0].identity,
        torch.cat([one.expression for one in fits]),
        torch.cat([one.residual for one in fits]),
    )


def test_further_frames_go_on_from_those_before(head: HeadModel) -> None:
    scene = Scene(head, 20)
    points = scene.noisy(0.005)
    whole = fit(head, scene.table, points)
    found = [fit(head, scene.table, points[:16])]
    for k in range(16, 20):
        found.append(fit(head, scene.table, points[k : k + 1], before=said_by(*found)))
        later, same = found[-1], slice(k, k + 1)
        assert torch.equal(later.identity, found[0].identity)
        assert degrees_apart(later.rotation, whole.rotation[same]).max() < 0.5
        assert (later.expression - whole.expression[same]).abs().mean() < 0.04
        apart = later.vertices(head) - whole.vertices(head)[same]
        apart = apart[:, scene.table.vertices.flatten(), :2].norm(dim=-1)
        assert apart.mean() / scene.scale[k] < 0.1


@pytest.mark.parametrize("scheme", ["mesh468", "embedded79", "points68"])
def test_a_face_at_rest_seen_once_is_somebody_who_rests(head: HeadModel, scheme: str) -> None:
    """What sets it apart from the mean is who it is; it is not taken for an expression."""
    table = head.landmarks[scheme]
    chance = torch.Generator().manual_seed(3)
    people = torch.randn(6, len(head.identity), generator=chance) * 0.7
    told = []
    for who in people:
        rest = head.vertices(who[None], torch.zeros(1, len(head.expression)))
        found = fit(head, table, table.places(rest) * 12)
        mean = head.mean[None]
        who_moves = head.vertices(found.identity[None], torch.zeros_like(found.expression)) - mean
        does = head.vertices(found.identity[None], found.expression) - mean - who_moves
        told.append(does.norm() / who_moves.norm())
    assert max(told) < 0.5


def test_garbage_in_a_further_frame_is_known_by_the_frames_before(head: HeadModel) -> None:
    scene = Scene(head, 9)
    points = scene.noisy(0.005)
    before = said_by(fit(head, scene.table, points[:8], settings=FitSettings(rounds=3)))
    chance = torch.Generator().manual_seed(9)
    garbage = torch.rand(points[8:].shape, generator=chance) * 400
    assert fit(head, scene.table, garbage, before=before).confidence[0] < 0.05
    assert fit(head, scene.table, points[8:], before=before).confidence[0] > 0.5


def test_a_further_frame_goes_on_smoothly(head: HeadModel) -> None:
    """Of a noisy further frame, expressions stay near where the last two led.

    By 0.57 of what they do without, as a mean over the noises; by 0.43 to 0.66 of one."""
    scene = Scene(head, 12)
    noises = [scene.noisy(0.01, seed) for seed in (8, 9, 10, 11)]
    firsts = [fit(head, scene.table, one[:11], settings=FitSettings(rounds=3)) for one in noises]

    def acceleration(smoothness: float) -> float:
        settings, total = FitSettings(smoothness=smoothness), 0.0
        for points, found in zip(noises, firsts, strict=True):
            later = fit(head, scene.table, points[11:], before=said_by(found), settings=settings)
            shapes = [acted(head, one)[-2:] for one in (found, later)]
            total += float(torch.cat(shapes).diff(n=2, dim=0).abs().mean())
        return total

    assert acceleration(3.0) < 0.6 * acceleration(0.0)


def test_smoothness_calms_expressions(head: HeadModel) -> None:
    scene = Scene(head, 16)
    points = scene.noisy(0.01)

    def shaking(smoothness: float) -> float:
        settings = FitSettings(rounds=4, smoothness=smoothness)
        found = fit(head, scene.table, points, identity=scene.identity, settings=settings)
        assert torch.equal(found.identity, scene.identity)
        return float(acted(head, found).diff(n=2, dim=0).abs().mean())

    assert shaking(3.0) < 0.6 * shaking(0.0)


def test_points_of_another_table_are_refused(head: HeadModel) -> None:
    with pytest.raises(ValueError, match="points must be"):
        fit(head, head.landmarks["points68"], torch.zeros(2, 67, 3))
