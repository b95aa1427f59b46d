"""The whole method on tiny networks, and the sizes of the real ones."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from reenact_core.models.keypoint_detector import Keypoints
from reenact_core.models.paper import Paper
from reenact_core.models.paper_settings import PaperSettings
from tests.tiny import pictures, tiny_fomm, tiny_paper


def run(paper: Paper, source: Tensor, driving: Tensor) -> Tensor:
    """The recurrence in full, frame by frame: y_0 = S."""
    with torch.no_grad():
        encoded, read = paper.encode(source), paper.read(driving)
        moved = paper.move(encoded, read[:1], read)
        faces = [source]
        for i in range(1, len(driving)):
            of_global = paper.paint_global(encoded, moved[i : i + 1]).picture
            of_local = paper.paint_local(faces[-1], moved[i - 1 : i], moved[i : i + 1]).picture
            faces.append(paper.calibrate(of_global, of_local, source).picture)
    return torch.cat(faces)


def test_the_recurrence_gives_a_face_for_every_frame() -> None:
    faces = run(tiny_paper(), pictures(1, seed=1), pictures(4, seed=2))
    assert faces.shape == (4, 3, 32, 32)
    assert faces.min() >= 0 and faces.max() <= 1


def test_faces_side_by_side_do_not_mix() -> None:
    paper = tiny_paper()
    sources, driving = pictures(2, seed=1), pictures(2, seed=2)
    with torch.no_grad():
        both = paper.paint_local(sources, paper.read(sources), paper.read(driving)).picture
        alone = paper.paint_local(
            sources[1:], paper.read(sources[1:]), paper.read(driving[1:])
        ).picture
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-5)


def test_global_faces_do_not_depend_on_the_batch() -> None:
    paper, source, driving = tiny_paper(), pictures(1, seed=1), pictures(5, seed=2)
    with torch.no_grad():
        encoded, read = paper.encode(source), paper.read(driving)
        whole = paper.paint_global(encoded, read).picture
        single = paper.paint_global(encoded, read[3:4]).picture
    torch.testing.assert_close(whole[3:4], single, rtol=0, atol=1e-5)


def test_an_untrained_calibrator_gives_the_mean_of_both_faces() -> None:
    paper = Paper(tiny_paper().settings).eval()
    one, other, source = pictures(1, seed=1), pictures(1, seed=2), pictures(1, seed=3)
    torch.testing.assert_close(paper.calibrate(one, other, source).picture, (one + other) / 2)


def test_the_source_is_encoded_once_for_many_frames() -> None:
    fomm, source, driving = tiny_fomm(), pictures(1, seed=1), pictures(20, seed=2)
    copies = source.repeat(20, 1, 1, 1)
    once = fomm.reenact(source, driving[:1], driving)
    many = fomm.reenact(copies, driving[:1], driving)
    torch.testing.assert_close(once, many, rtol=0, atol=1e-5)


def test_no_habit_named_means_relative_and_unscaled() -> None:
    fomm, source, driving = tiny_fomm(), pictures(1, seed=1), pictures(2, seed=2)
    habit = fomm.reenact(source, driving[:1], driving, relative=None, adapt_scale=None)
    assert torch.equal(habit, fomm.reenact(source, driving[:1], driving))


def test_a_field_at_rest_leaves_the_picture_when_corners_are_aligned() -> None:
    fomm, source = tiny_fomm(), pictures(1, seed=1)
    keypoints = Keypoints(torch.zeros(1, 4, 2), torch.eye(2).expand(1, 4, 2, 2))
    motion = fomm.generator.dense_motion_network(pictures(1, size=16), keypoints, keypoints)
    features = fomm.generator.encode(source).features
    still = fomm.generator.warped(features, motion)
    assert motion.occlusion is not None
    faded = features * torch.nn.functional.interpolate(
        motion.occlusion, features.shape[2:], mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(still, faded, rtol=1e-4, atol=1e-4)


def test_a_singular_jacobian_gives_a_picture_all_the_same() -> None:
    fomm, source = tiny_fomm(), pictures(1, seed=1)
    flat = Keypoints(torch.zeros(1, 4, 2), torch.zeros(1, 4, 2, 2))
    face = fomm.render(fomm.encode(source), flat)
    assert torch.isfinite(face.picture).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same(dtype: torch.dtype) -> None:
    source, driving = pictures(1, seed=1), pictures(2, seed=2)
    exact = tiny_fomm().reenact(source, driving[:1], driving)
    half = tiny_fomm().to(dtype).reenact(source, driving[:1], driving)
    assert half.dtype == torch.float32
    assert (half - exact).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 4, 32, 32), "must be .N, 3, H, W."),
        ((3, 32, 32), "must be .N, 3, H, W."),
        ((1, 3, 30, 32), "multiples of 8"),
        ((0, 3, 32, 32), "a picture or more"),
    ],
)
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tiny_fomm().detect(torch.zeros(shape))


def test_whole_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="floating point"):
        tiny_fomm().detect(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


def test_counts_must_pair() -> None:
    with pytest.raises(ValueError, match="source must hold 1 or 2 pictures, got 3"):
        tiny_fomm().reenact(pictures(3), pictures(1), pictures(2))


def flops(call: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops() / 1e9)


def parameters(network: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def test_the_networks_of_the_paper_have_the_stated_sizes() -> None:
    """docs/explanation/networks.md states these figures."""
    with torch.device("meta"):
        paper = Paper(PaperSettings())
    assert parameters(paper.global_integrator) == pytest.approx(59.8, abs=0.1)
    assert parameters(paper.local_integrator) == pytest.approx(60.1, abs=0.1)
    assert parameters(paper.calibrator) == pytest.approx(4.1, abs=0.1)


def test_the_networks_of_the_paper_cost_what_is_stated() -> None:
    """GFLOP, a multiply and an add counted as two, for one frame of 256 x 256 pixels."""
    with torch.device("meta"):
        paper, frame = Paper(PaperSettings()).eval(), torch.zeros(1, 3, 256, 256)
        keypoints = Keypoints(torch.zeros(1, 10, 2), torch.zeros(1, 10, 2, 2))
    source = paper.global_integrator.generator
    with torch.no_grad():
        encoded = source.encode(frame)
        costs = {
            "detect": flops(lambda: paper.global_integrator.kp_detector(frame)),
            "encode": flops(lambda: source.encode(frame)),
            "render": flops(lambda: source(encoded, keypoints, keypoints)),
            "local": flops(lambda: paper.local_integrator(frame, keypoints, keypoints)),
            "calibrate": flops(lambda: paper.calibrator(frame, frame, frame)),
        }
    assert costs["detect"] + costs["encode"] + costs["render"] == pytest.approx(109.8, abs=0.1)
    assert costs == pytest.approx(
        {"detect": 2.56, "encode": 20.56, "render": 86.73, "local": 109.44, "calibrate": 24.43},
        abs=0.01,
    )
