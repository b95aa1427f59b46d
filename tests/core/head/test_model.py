"""The head model that ships: what it can be, its mirror, its eyes, lips and lids."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.head.model import (
    PARTS,
    SCHEMES,
    HeadModel,
    eye_rotation,
    load_head_model,
    vertex_normals,
)
from reenact_core.head.rasterise import rasterise


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head_model()


def people(head: HeadModel, count: int, seed: int = 0) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(count, len(head.identity), generator=chance)


def faces(head: HeadModel, count: int, seed: int = 1) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(count, len(head.expression), generator=chance) ** 3


def acting(head: HeadModel, *names: str) -> Tensor:
    expression = torch.zeros(1, len(head.expression))
    expression[0, [head.expression_names.index(name) for name in names]] = 1
    return expression


def shown(head: HeadModel, vertices: Tensor, per_cm: float, middle: Tensor) -> Tensor:
    """Parts as seen from the front, (240, 240), -1 beside the head."""
    pixels = (vertices[0] - middle) * per_cm + torch.tensor([120.0, 120, 0])
    raster = rasterise(pixels[None], head.triangles, (240, 240))
    return torch.where(raster.covered[0], head.part[raster.face[0].clamp_min(0)], -1)


def tallest(mask: Tensor) -> int:
    """The most pixels that any column of a mask has."""
    return int(mask.sum(0).max())


def parts(*names: str) -> Tensor:
    return torch.tensor([PARTS.index(name) for name in names])


AXES = np.array([1, -1, -1], np.float32)
"""From the kit's, which has y up and z to the viewer."""
MOUTH = parts("mouth_socket", "gums", "tongue", "teeth_upper", "teeth_lower")
EYES = parts("sclera", "iris", "pupil", "eye_sockets")


def test_a_mirrored_head_has_mirrored_weights(head: HeadModel) -> None:
    identity, expression = people(head, 3), faces(head, 3)
    gaze = torch.tensor([[12.0, 4], [-5, -8], [0, 0]])
    here = head.vertices(identity, expression, gaze)[:, head.mirror]
    here[..., 0] *= -1
    there = head.vertices(*head.mirrored(identity, expression), gaze * torch.tensor([-1.0, 1]))
    assert (here - there).abs().max() < 0.01


def test_the_mirror_is_its_own_inverse(head: HeadModel) -> None:
    assert torch.equal(head.mirror[head.mirror], torch.arange(len(head.mean)))
    order = head.expression_mirror
    assert torch.equal(order[order], torch.arange(len(order)))
    faces_ = {tuple(sorted(t)) for t in head.triangles.tolist()}
    assert {tuple(sorted(t)) for t in head.mirror[head.triangles].tolist()} == faces_


def test_a_basis_gives_what_the_whole_head_has(head: HeadModel) -> None:
    identity, expression = people(head, 1), faces(head, 1)
    vertices = torch.arange(0, len(head.mean), 7)
    rest, moves = head.basis(identity[0], vertices)
    expected = head.vertices(identity, expression)[0, vertices]
    assert torch.allclose(
        rest + torch.einsum("e,ekc->kc", expression[0], moves), expected, atol=1e-4
    )


def test_lips_meet_whoever_they_are(head: HeadModel) -> None:
    """Seen from the front, no column shows more than 0.75 mm of what is behind shut lips."""
    still = torch.zeros(1, len(head.expression))
    for identity in [torch.zeros_like(people(head, 1)), *people(head, 12).unsqueeze(1)]:
        vertices = head.vertices(identity, still)
        middle = head.landmarks["points68"].places(vertices)[0, 48:].mean(0)
        seen = shown(head, vertices, 40.0, middle)
        assert tallest(torch.isin(seen, MOUTH)) <= 3
    opened = head.vertices(people(head, 1), acting(head, "jawOpen"))
    middle = head.landmarks["points68"].places(opened)[0, 48:].mean(0)
    assert tallest(torch.isin(shown(head, opened, 40.0, middle), MOUTH)) > 60


@pytest.mark.parametrize("side", ["_R", "_L"])
def test_lids_meet_at_full_blink_whoever_they_are(head: HeadModel, side: str) -> None:
    """Seen from the front, no column shows more than 0.25 mm of the eye; one that is open does."""
    eye = slice(36, 42) if side == "_R" else slice(42, 48)
    other = slice(42, 48) if side == "_R" else slice(36, 42)
    for identity in [torch.zeros_like(people(head, 1)), *people(head, 12).unsqueeze(1)]:
        vertices = head.vertices(identity, acting(head, f"eyeBlink{side}"))
        points = head.landmarks["points68"].places(vertices)[0]
        shut = shown(head, vertices, 40.0, points[eye].mean(0))
        assert tallest(torch.isin(shut[:, 40:200], EYES)) <= 1
        opened = shown(head, vertices, 40.0, points[other].mean(0))
        assert tallest(torch.isin(opened, EYES)) > 15


def test_eyes_turn_about_their_middles(head: HeadModel) -> None:
    identity = people(head, 2)
    vertices = head.vertices(identity, torch.zeros(2, len(head.expression)))
    middles = head.eye_centres(vertices)
    turned = head.looking(vertices, torch.tensor([[20.0, 0], [0, 15]]))
    for side, ball in enumerate(head.eyeballs):
        before, after = (v[:, ball] - middles[:, side, None] for v in (vertices, turned))
        assert torch.allclose(before.norm(dim=-1), after.norm(dim=-1), atol=1e-3)
        lengths = before.norm(dim=-1)
        assert (lengths - lengths.mean(1, keepdim=True)).abs().max() < 0.02
        assert after[0, 0, 0] > before[0, 0, 0] + 0.4  # to the image's right
        assert after[1, 0, 1] > before[1, 0, 1] + 0.3  # down
    skin = torch.ones(len(head.mean), dtype=torch.bool)
    skin[torch.cat(head.eyeballs)] = False
    assert torch.equal(vertices[:, skin], turned[:, skin])


def test_each_eye_can_look_elsewhere(head: HeadModel) -> None:
    vertices = head.mean[None]
    cross = head.looking(vertices, torch.tensor([[[10.0, 0], [-10, 0]]]))
    left = head.looking(vertices, torch.tensor([[10.0, 0]]))
    assert torch.allclose(cross[:, head.eyeballs[0]], left[:, head.eyeballs[0]])
    assert not torch.allclose(cross[:, head.eyeballs[1]], left[:, head.eyeballs[1]])
    straight = eye_rotation(torch.zeros(1, 2))
    assert torch.equal(straight[0], torch.eye(3))


def test_parts_are_where_they_are_on_a_head(head: HeadModel) -> None:
    middle = head.mean[head.triangles].mean(1)
    of = {name: middle[head.part == PARTS.index(name)] for name in PARTS}
    assert all(len(place) for place in of.values())
    assert of["neck"][:, 1].min() > of["lips"][:, 1].mean() > of["eyelids"][:, 1].mean()
    assert of["scalp"][:, 1].min() < of["face"][:, 1].min()
    assert of["teeth_upper"][:, 1].mean() < of["teeth_lower"][:, 1].mean()
    assert of["tongue"][:, 0].abs().max() < of["gums"][:, 0].abs().max()
    assert of["ears"][:, 0].abs().min() > 5.5
    assert (of["pupil"][:, 2] < of["sclera"][:, 2].min() + 0.1).all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_landmarks_lie_on_the_head_and_mirror(head: HeadModel, scheme: str) -> None:
    table = head.landmarks[scheme]
    assert torch.allclose(table.shares.sum(1), torch.ones(len(table)), atol=1e-5)
    assert (table.shares >= -1e-6).all()
    assert (table.points.diff() > 0).all()
    places = table.places(head.mean)
    flipped = places * torch.tensor([-1.0, 1, 1])
    apart = torch.cdist(flipped, places).amin(1)
    assert apart.median() < 0.1
    assert apart.max() < 1.0


def test_points_shared_by_schemes_are_the_same_places(head: HeadModel) -> None:
    points = head.landmarks["points68"].places(head.mean)
    embedded = head.landmarks["embedded79"]
    assert torch.equal(embedded.points, torch.arange(79))
    same = embedded.places(head.mean)
    assert torch.allclose(same[17:68], points[17:68])
    assert (same[:17] - points[:17]).norm(dim=1).max() < 4.0
    assert same[70:75, 1].max() < points[17:27, 1].max()  # the hairline is above the brows
    assert torch.equal(same[77], head.mean[head.eyeballs[0][0]])


def test_held_out_heads_of_the_kit_are_reproduced(head: HeadModel, shared: Path) -> None:
    """Twenty heads drawn as the kit draws them: our identities come within 0.5 mm of the face, in
    the mean, after a similarity; none is worse than 0.8 mm."""
    with np.load(shared / "heads" / "ict_facekit.npz") as kit:
        neutral = kit["neutral"] * AXES
        weights = np.random.default_rng(20).standard_normal((20, 100)).astype(np.float32)
        drawn = neutral + np.tensordot(weights, kit["identity"].astype(np.float32), 1) * AXES
    face = torch.unique(head.triangles[head.part == PARTS.index("face")])
    apart = torch.cdist(head.mean[face], torch.tensor(neutral))
    known = apart.amin(1) < 1e-3  # around the lips ours were closed
    face, same = face[known], apart.argmin(1)[known]
    assert len(face) > 1000
    target = torch.tensor(drawn)[:, same]
    errors = torch.stack([_misfit(head, face, one) for one in target])
    assert errors.mean() < 0.05
    assert errors.max() < 0.08


def _misfit(head: HeadModel, vertices: Tensor, target: Tensor) -> Tensor:
    """Root mean square distance, cm, of the nearest head to places (K, 3) of its vertices."""
    basis = head.identity[:, vertices].reshape(len(head.identity), -1).T
    rest, identity = head.mean[vertices], torch.zeros(len(head.identity))
    laid, scale = target, torch.ones(())
    for _ in range(6):
        now = rest + torch.einsum("i,ikc->kc", identity, head.identity[:, vertices])
        a, b = now - now.mean(0), target - target.mean(0)
        u, s, vt = torch.linalg.svd(b.T @ a)
        rotation = u @ vt
        scale = s.sum() / a.square().sum()
        laid = (b @ rotation) / scale + now.mean(0)
        solved = torch.linalg.lstsq(basis, (laid - rest).reshape(-1, 1), driver="gelsd").solution
        identity = solved[:, 0]
    now = rest + torch.einsum("i,ikc->kc", identity, head.identity[:, vertices])
    missed = ((laid - now) * scale).square().sum(1)
    return torch.as_tensor(missed.mean().sqrt())


def test_expressions_are_the_kit_s(head: HeadModel, shared: Path) -> None:
    """At vertices of ours that are the kit's, to 0.1 mm in the mean, but for the blink's lids."""
    with np.load(shared / "heads" / "ict_facekit.npz") as kit:
        neutral = torch.tensor(kit["neutral"] * AXES)
        names = [str(name) for name in kit["expression_names"]]
        moves = torch.tensor(kit["expression"].astype(np.float32) * AXES)
    assert tuple(names) == head.expression_names
    face = torch.unique(head.triangles[head.part == PARTS.index("face")])
    apart = torch.cdist(head.mean[face], neutral)
    known = apart.amin(1) < 1e-3
    difference = head.expression[:, face[known]] - moves[:, apart.argmin(1)[known]]
    assert difference.norm(dim=-1).mean(1).max() < 0.01


def test_a_file_that_is_no_head_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_head_model(tmp_path / "none.safetensors")
    from safetensors.torch import save_file

    save_file({"mean": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="holds no head model"):
        load_head_model(tmp_path / "other.safetensors")


def test_the_head_model_is_read_once_and_vertices_are_not_kept() -> None:
    head = load_head_model()
    assert load_head_model() is head
    vertices = head.mean[None].clone()
    kept = weakref.ref(vertices)
    vertex_normals(vertices, head.triangles)
    del vertices
    gc.collect()
    assert kept() is None
