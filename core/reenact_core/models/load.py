"""Models: checkpoint files to networks, checked before they are trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from reenact_core.devices import Compute, out_of_memory_named
from reenact_core.models.architectures import ARCHITECTURES, Architecture, find_architecture
from reenact_core.models.catalogue import DEFAULT, find_checkpoint
from reenact_core.models.integrators.files import open_files
from reenact_core.models.integrators.table import ChosenIntegrator, Integrator, find_integrator

CPU = Compute()


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """The networks of one checkpoint, ready to run."""

    path: Path
    """The checkpoint's file."""
    architecture: str
    """Its id in `architectures.ARCHITECTURES`: `compact`, `paper`, `fomm`, ..."""
    network: nn.Module
    """All networks as one module, in `eval` mode, on `compute`'s device in its precision."""
    metadata: Mapping[str, str]
    """What the file says of itself: `version`, `licence`, `configuration`, ..."""
    compute: Compute
    integrator: ChosenIntegrator | None = None
    """G in the place of the checkpoint's own; None: its own."""


def load_models(
    checkpoint: str | Path = DEFAULT,
    compute: Compute = CPU,
    *,
    folders: Sequence[Path] = (),
    known: tuple[Architecture, ...] = ARCHITECTURES,
) -> Models:
    """The networks of a checkpoint.

    Args:
        checkpoint: an id of the catalogue, or a file.
        folders: where the user's checkpoints lie; asked before the package's own.
        known: the architectures to choose from.

    Raises:
        CheckpointError: the checkpoint is not there, damaged, or of no known architecture.
        DeviceError: it does not fit into the device's memory.
    """
    weights = open_files(find_checkpoint(checkpoint, folders))
    architecture = find_architecture(weights, known)
    network = placed(architecture.build(weights), compute)
    return Models(weights.path, architecture.id, network, weights.metadata, compute)


def load_integrator(
    integrator_id: str,
    weights: str | Path | None = None,
    config: Mapping[str, Any] | str | Path | None = None,
    *,
    compute: Compute = CPU,
) -> Integrator:
    """A global integrator: a method that moves a face from one picture alone.

    Args:
        integrator_id: `compact`, `fomm`, `tpsmm`, `dagan`, `osfv`, `liveportrait`, or the name of
            an entry point in `reenact.integrators`.
        weights: the method's official file, or safetensors with the same key names; for
            `liveportrait` the folder of its official files, too. None: the weights that come
            with the method's package, where there are any.
        config: upstream's configuration, as a table or a YAML file; what the weights show
            themselves need not be in it.

    Raises:
        CheckpointError: no such method, or a file that does not hold it.
        DeviceError: it does not fit into the device's memory.
    """
    load = find_integrator(integrator_id)
    configuration = Path(config) if isinstance(config, str) else config
    integrator = load(None if weights is None else Path(weights), configuration)
    if isinstance(integrator, nn.Module):
        placed(integrator, compute)
    return integrator


def placed(network: nn.Module, compute: Compute) -> nn.Module:
    """The network on a device, in its precision, for inference.

    A network that mixes precisions has a method `run_on` and decides for itself.
    """
    with out_of_memory_named(compute):
        run_on = getattr(network, "run_on", None)
        if run_on is not None:
            run_on(compute)
            return network.eval()
        return network.to(device=compute.device, dtype=compute.dtype).eval()
