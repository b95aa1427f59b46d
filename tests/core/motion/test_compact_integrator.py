"""The default checkpoint's integrator by itself, with fresh weights."""

from pathlib import Path

import pytest
import torch

from reenact_core import load_integrator
from reenact_core.errors import CheckpointError
from reenact_core.models.compact import Compact
from reenact_core.models.state_dicts import write_weights
from reenact_core.motion.compact_integrator import CompactIntegrator
from tests.tiny import pictures, tiny_fomm

SIZE = 128


@pytest.fixture(scope="module")
def integrator() -> CompactIntegrator:
    torch.manual_seed(0)
    networks = Compact()
    head = torch.rand(79, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    networks.points.mean_head.copy_(head)  # fresh weights know no head
    return CompactIntegrator(networks).eval()


def test_points_are_three_dimensional(integrator: CompactIntegrator) -> None:
    keypoints = integrator.detect(pictures(2, size=SIZE))
    assert keypoints.value.shape == (2, 79, 3)
    assert keypoints.jacobian is None


def test_a_driver_at_rest_leaves_the_source(integrator: CompactIntegrator) -> None:
    source, driving = pictures(1, size=SIZE, seed=1), pictures(1, size=SIZE, seed=2)
    face = integrator.reenact(source, driving, driving)
    assert face.shape == (1, 3, SIZE, SIZE)
    assert (face - source)[..., 8:-8, 8:-8].abs().mean() < 0.02


def test_frames_do_not_depend_on_their_neighbours(integrator: CompactIntegrator) -> None:
    source, driving = pictures(1, size=SIZE, seed=1), pictures(3, size=SIZE, seed=2)
    together = integrator.reenact(source, driving[:1], driving)
    alone = integrator.reenact(source, driving[:1], driving[2:])
    torch.testing.assert_close(together[2:], alone, rtol=0, atol=1e-4)


def test_every_frame_may_have_a_source_of_its_own(integrator: CompactIntegrator) -> None:
    sources, driving = pictures(2, size=SIZE, seed=1), pictures(2, size=SIZE, seed=2)
    both = integrator.reenact(sources, driving[:1], driving)
    second = integrator.reenact(sources[1:], driving[:1], driving[1:])
    torch.testing.assert_close(both[1:], second, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 64, 32), (1, 3, 40, 40), (3, 64, 64), (0, 3, 64, 64)])
def test_other_shapes_are_refused(integrator: CompactIntegrator, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="S a multiple of 32"):
        integrator.detect(torch.zeros(shape))


def test_it_loads_by_its_id(integrator: CompactIntegrator, tmp_path: Path) -> None:
    path, networks = tmp_path / "compact.safetensors", integrator.networks
    write_weights(path, networks, architecture="compact", configuration=networks.configuration())
    loaded = load_integrator("compact", path)
    source, driving = pictures(1, size=SIZE, seed=1), pictures(1, size=SIZE, seed=2)
    expected = integrator.reenact(source, driving, source)
    torch.testing.assert_close(loaded.reenact(source, driving, source), expected)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "fomm.safetensors"
    write_weights(path, tiny_fomm(), architecture="fomm", configuration={})
    with pytest.raises(CheckpointError, match="holds fomm, not compact"):
        load_integrator("compact", path)
