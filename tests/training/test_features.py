"""Features in which pictures are compared."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import vgg19

from reenact_core.errors import CheckpointError
from reenact_training.blur import gaussian_blur
from reenact_training.features import PyramidFeatures, Vgg19Features
from reenact_training.losses import perceptual
from tests.tiny import pictures


def test_the_pyramid_is_the_same_every_time() -> None:
    frames = pictures(2)
    for one, other in zip(PyramidFeatures()(frames), PyramidFeatures()(frames), strict=True):
        assert torch.equal(one, other)


def test_the_pyramid_has_four_scales_and_nothing_to_train() -> None:
    features = PyramidFeatures()
    assert len(features(pictures(1))) == 4 * 4
    assert not list(features.parameters())


def test_a_blur_costs_more_than_a_shift_of_light() -> None:
    generator = torch.Generator().manual_seed(0)
    frames, features = torch.rand(1, 3, 64, 64, generator=generator), PyramidFeatures()
    blurred = gaussian_blur(frames, torch.tensor([1.5]))
    lighter = frames + (blurred - frames).abs().mean()
    truth = features(frames)
    assert perceptual(features(blurred), truth) > 2 * perceptual(features(lighter), truth)


def test_vgg19_gives_five_layers_at_four_scales(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in vgg19(weights=None).features.state_dict().items()}
    state = {f"features.{k}": torch.randn(shape) * 0.02 for k, shape in shapes.items()}
    save_file(state | {"classifier.0.bias": torch.zeros(2)}, tmp_path / "vgg19.safetensors")
    features = Vgg19Features(tmp_path / "vgg19.safetensors")
    found = features(pictures(1, size=128))
    assert [f.shape[1] for f in found[:5]] == [64, 128, 256, 512, 512]
    assert [f.shape[2] for f in found[:5]] == [128, 64, 32, 16, 8]
    assert len(found) == 20
    assert not any(parameter.requires_grad for parameter in features.parameters())


def test_other_weights_are_refused(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="missing"):
        Vgg19Features(tmp_path / "other.safetensors")
