"""ARCHITECTURES: how to tell each network from its weights, and how to build it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.files import METHODS, Method
from reenact_core.models.state_dicts import Shapes, Weights, configuration_of, fill


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network that checkpoints may hold."""

    id: str
    """As `architecture` in a checkpoint's metadata."""
    detect: Callable[[Shapes], bool]
    """Whether weights of these names and shapes are of this kind."""
    build: Callable[[Weights], nn.Module]
    """The network with the file's weights: `eval` mode, float32, on the CPU."""


def _is_compact(shapes: Shapes) -> bool:
    return _parts(shapes) == {
        "points", "close_ups", "global_integrator", "local_integrator", "calibrator",
    }  # fmt: skip


def _build_compact(weights: Weights) -> nn.Module:
    from reenact_core.models.compact import Compact

    configuration = configuration_of(weights)
    try:
        return fill(lambda: Compact.configured(configuration), weights)
    except CheckpointError as error:
        if str(weights.path) in str(error):
            raise
        raise CheckpointError(f"{weights.path}: {error}") from error


def _parts(shapes: Shapes) -> set[str]:
    """The networks that a file is made of: what stands before the first dot."""
    return {name.partition(".")[0] for name in shapes}


def _is_paper(shapes: Shapes) -> bool:
    return _parts(shapes) == {"global_integrator", "local_integrator", "calibrator"}


def _build_paper(weights: Weights) -> nn.Module:
    from reenact_core.models.paper import Paper
    from reenact_core.models.paper_settings import PaperSettings, settings_from_json

    try:
        settings = settings_from_json(PaperSettings, configuration_of(weights))
    except ValueError as error:
        raise CheckpointError(f"{weights.path}: configuration: {error}") from error
    return fill(lambda: Paper(settings), weights)


def _published(method: Method) -> Architecture:
    """A method of others, from files of theirs or of `import`'s."""
    return Architecture(
        method.id,
        method.holds,
        lambda weights: method.build(weights, configuration_of(weights)),
    )


ARCHITECTURES = (
    Architecture("compact", _is_compact, _build_compact),
    Architecture("paper", _is_paper, _build_paper),
    *map(_published, METHODS),
)
"""In the order in which `detect` is asked."""


def find_architecture(
    weights: Weights, known: tuple[Architecture, ...] = ARCHITECTURES
) -> Architecture:
    """The architecture that a file names, or else the first that knows its weights.

    Raises:
        CheckpointError: none of them.
    """
    ids = ", ".join(architecture.id for architecture in known)
    named = weights.metadata.get("architecture")
    for architecture in known:
        if named == architecture.id or (named is None and architecture.detect(weights.shapes)):
            return architecture
    what = f"the architecture {named}" if named else "weights of no architecture that is known"
    raise CheckpointError(f"{weights.path}: holds {what}; known: {ids}")
