"""The networks of a run: new ones, or those of a checkpoint; with the objective they are taught."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError, SettingsError
from reenact_core.files import sha256
from reenact_core.models.catalogue import DEFAULT
from reenact_core.models.compact import Compact, give_readers
from reenact_core.models.flow_prior import Measure
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.load import load_models
from reenact_core.models.paper import Paper
from reenact_core.models.paper_settings import PaperSettings
from reenact_core.models.readers.embedded import load_embedded
from reenact_core.models.readers.reader import Reader
from reenact_training.config import TrainConfig
from reenact_training.features import PyramidFeatures, Vgg19Features
from reenact_training.flow import lucas_kanade
from reenact_training.learner import CompactLearner, Learner, PaperLearner

NOTHING = "nothing"
READERS = ("points", "close_ups")
"""Networks of `compact` that are trained apart."""


def begin_networks(config: TrainConfig, folders: tuple[Path, ...] = ()) -> nn.Module:
    """The networks before the first step, on the CPU.

    Args:
        folders: where the user's checkpoints lie.

    Raises:
        CheckpointError: the checkpoint to begin from is not there, damaged, or of another
            architecture than `model`.
        SettingsError: `freeze` names no network.
    """
    torch.manual_seed(config.train.seed)
    network = _new(config) if _begins_new(config) else _loaded(config, folders)
    known = [name for name, _ in network.named_children() if name not in READERS]
    network.requires_grad_(True)
    for name in config.freeze:
        if name not in known:
            raise SettingsError(f"freeze: there is no network {name}; known: {', '.join(known)}")
        network.get_submodule(name).requires_grad_(False)
    if set(config.freeze) >= set(known):
        raise SettingsError("freeze: no network is left to train")
    return network


def _begins_new(config: TrainConfig) -> bool:
    """No checkpoint of `paper` is shipped, so that its default is new weights."""
    return config.init == NOTHING or (config.init == "default" and config.model == "paper")


def _new(config: TrainConfig) -> nn.Module:
    if config.model == "paper":
        return Paper(config.paper)
    network = Compact(config.compact)
    give_readers(network)
    return network


def _loaded(config: TrainConfig, folders: tuple[Path, ...]) -> nn.Module:
    init = DEFAULT if config.init == "default" else config.init
    models = load_models(init, folders=folders)
    if isinstance(models.network, Fomm) and config.model == "paper":
        return _around(models.network, config.paper)
    if models.architecture != config.model:
        raise CheckpointError(
            f"{models.path}: holds {models.architecture}, but `model` is {config.model}; give "
            f'another file to `init`, or "{NOTHING}"'
        )
    return models.network


def _around(integrator: Fomm, settings: PaperSettings) -> Paper:
    """The paper's networks with FOMM as their G; L and C are new."""
    paper = Paper(settings)
    try:
        paper.global_integrator.load_state_dict(integrator.state_dict())
    except RuntimeError as error:
        raise CheckpointError(
            "this FOMM has other sizes than the table `paper.integrator` of the configuration"
        ) from error
    return paper


def teach(network: nn.Module, config: TrainConfig, compute: Compute) -> Learner:
    """The networks with their objective, on a device.

    Raises:
        CheckpointError: the file of VGG19's weights is none.
    """
    features = _features(config).to(compute.device)
    if isinstance(network, Paper):
        network.to(compute.device)
        return PaperLearner(network, config.paper_losses, features, compute)
    assert isinstance(network, Compact)
    network.run_on(compute)
    return CompactLearner(
        network, config.objective, _measure(config.flow), features, config.perceptual.weight
    )


def reader_of(network: nn.Module, device: str) -> Reader:
    """What reads faces in clips: the network's own reader, or the one that comes with reenact."""
    if isinstance(network, Compact):
        network.points.eval()
        network.close_ups.eval()
        return network.reader
    return load_embedded(Compute(device))


def configuration_of(network: nn.Module) -> dict[str, Any]:
    """What a checkpoint's metadata hold as `configuration`."""
    if isinstance(network, Compact):
        return network.configuration()
    assert isinstance(network, Paper)
    return asdict(network.settings)


def origin(config: TrainConfig, folders: tuple[Path, ...] = ()) -> dict[str, str] | None:
    """What a run began from; None for new weights."""
    if _begins_new(config):
        return None
    path = load_models(DEFAULT if config.init == "default" else config.init, folders=folders).path
    return {"file": path.name, "sha256": sha256(path)}


def _features(config: TrainConfig) -> "PyramidFeatures | Vgg19Features":
    vgg19 = config.perceptual.vgg19
    return PyramidFeatures() if vgg19 is None else Vgg19Features(vgg19)


def _measure(name: str) -> Measure:
    if name == "torch":
        return lucas_kanade
    from reenact_core.models.optical_flow import dis_flow

    return dis_flow
