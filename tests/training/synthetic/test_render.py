"""Pictures of synthetic heads and the truth about them."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import grid_sample

from reenact_training.synthetic.crops import render_crops
from reenact_training.synthetic.heads import sample_identity
from reenact_training.synthetic.motion import Motion, sample_motion, sample_poses
from reenact_training.synthetic.plate import PlateFace, render_plate
from reenact_training.synthetic.render import HAIR, SKIN, HeadClip, flow, render
from reenact_training.synthetic.scene import Scene, follow, sample_scene


def parts(seed: int, frames: int) -> tuple[Motion, Scene]:
    """A calm performance before a clean, noiseless camera without perspective."""
    generator = torch.Generator().manual_seed(seed)
    motion = sample_motion(generator, frames, calm=0.6)
    scene = follow(sample_scene(generator), generator, frames)
    camera = scene.camera.clone()
    camera[:, 4:] = 0
    return motion, dataclasses.replace(scene, camera=camera)


def clip(seed: int = 1, frames: int = 2, size: int = 96) -> HeadClip:
    motion, scene = parts(seed, frames)
    return render(sample_identity(torch.Generator().manual_seed(seed)), motion, scene, size)


@pytest.fixture(scope="module")
def short() -> HeadClip:
    return clip(frames=6)


def test_the_same_seed_gives_the_same_pixels(short: HeadClip) -> None:
    again = clip(frames=6)
    assert torch.equal(again.images, short.images)
    assert torch.equal(again.landmarks, short.landmarks)


def test_pixels_are_colours(short: HeadClip) -> None:
    assert short.images.shape == (6, 3, 96, 96)
    assert float(short.images.min()) >= 0 and float(short.images.max()) <= 1
    assert float(short.images.std()) > 0.05


def test_seen_landmarks_lie_on_the_head(short: HeadClip) -> None:
    for frame in range(6):
        seen = short.landmarks[frame, short.visible[frame], :2]
        assert len(seen) > 20
        on_head = grid_sample(
            short.head_mask[frame][None, None], seen[None, None], align_corners=False
        )
        assert float((on_head > 0.3).float().mean()) > 0.95


def test_the_face_lies_inside_the_head(short: HeadClip) -> None:
    assert bool((short.face_mask <= short.head_mask + 1e-6).all())
    assert 0.05 < float(short.face_mask.mean()) < float(short.head_mask.mean()) < 0.9


def test_material_is_known_where_skin_or_hair_of_the_surface_shows(short: HeadClip) -> None:
    known = ~torch.isnan(short.material[:, 0])
    assert bool(known[short.part == SKIN].all())
    assert not bool(known[(short.part != SKIN) & (short.part != HAIR)].all())


def test_flow_to_the_same_frame_stays_in_place(short: HeadClip) -> None:
    place, seen = flow(short, 2, 2)
    still, _ = flow(short, 2, 2)
    line = (torch.arange(96) + 0.5) * 2 / 96 - 1
    assert torch.equal(place, still)
    inner = seen & (short.part[2] == SKIN)
    assert float((place[..., 0] - line[None, :]).abs()[inner].median()) < 0.01
    assert float((place[..., 1] - line[:, None]).abs()[inner].median()) < 0.01


def test_flow_carries_the_face_from_frame_to_frame(short: HeadClip) -> None:
    i, j = 0, 5
    place, seen = flow(short, i, j)
    face = seen & (short.part[i] == SKIN)
    warped = grid_sample(short.images[j : j + 1], place[None], align_corners=False)[0]
    carried = (warped - short.images[i]).abs().mean(0)[face].mean()
    unmoved = (short.images[j] - short.images[i]).abs().mean(0)[face].mean()
    assert float(carried) < 0.03
    assert float(carried) < float(unmoved)


def test_two_people_in_the_same_motion_have_the_same_pose() -> None:
    motion, scene = parts(3, 2)
    people = sample_identity(torch.Generator().manual_seed(9), 2)
    first, second = (render(people[i : i + 1], motion, scene, 64) for i in (0, 1))
    assert torch.equal(first.motion.rotation, second.motion.rotation)
    assert not torch.equal(first.landmarks, second.landmarks)
    assert float((first.landmarks - second.landmarks).abs().mean()) < 0.12


def test_every_frame_may_be_another_person() -> None:
    generator = torch.Generator().manual_seed(2)
    people = sample_identity(generator, 3, grid=96, texture=128)
    clip = render(people, sample_poses(generator, 3), sample_scene(generator, 3), 64)
    alone = render(people[1:2], clip.motion[1:2], clip.scene[1:2], 64)
    assert torch.allclose(alone.landmarks[0], clip.landmarks[1], atol=1e-5)


def test_crops_depend_on_their_seed_alone() -> None:
    first, again, other = render_crops(5, 6, 64), render_crops(5, 6, 64), render_crops(6, 6, 64)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_a_plate_has_its_faces_where_they_were_asked_for() -> None:
    faces = [PlateFace(60, 50, 40), PlateFace(130, 50, 40)]
    with_faces = list(render_plate(4, 192, 108, 2, faces))
    without = list(render_plate(4, 192, 108, 2, []))
    assert [frame.shape for frame in with_faces] == [(108, 192, 3)] * 2
    changed = np.abs(with_faces[0].astype(int) - without[0]).max(axis=2) > 24
    assert changed[45:55, 55:65].mean() > 0.9 and changed[45:55, 125:135].mean() > 0.9
    assert changed[:10].mean() < 0.05
    assert not np.array_equal(with_faces[0], with_faces[1])
