"""Which integrators there are: a table, and an entry-point group.

The group is for third parties, and for those of ours that stand on more than the models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor

from reenact_core.errors import CheckpointError
from reenact_core.models.keypoint_detector import Keypoints

GROUP = "reenact.integrators"
"""The entry-point group; an entry's name is the id, its value a `LoadIntegrator`."""


class Integrator(Protocol):
    """A global integrator: y_i^G = G(d_0, d_i, S), equation (1).

    Any one-shot method can be one ("the integrator G can be easy replaced with other methods",
    section IV.D of the paper).
    """

    def detect(self, frames: Tensor) -> Keypoints:
        """The keypoints of frames (N, 3, H, W), float32 in [0, 1]."""
        ...

    def reenact(
        self,
        source: Tensor,
        driving_initial: Tensor,
        driving: Tensor,
        relative: bool | None = True,
        adapt_scale: bool | None = False,
    ) -> Tensor:
        """The source's face with the driver's motion: (N, 3, H, W), float32 in [0, 1].

        None for `relative` or `adapt_scale` is the method's own habit.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ChosenIntegrator:
    """G, ready to run, and where it came from."""

    id: str
    """Of the method."""
    integrator: Integrator
    files: tuple[Path, ...]
    """What it was read from, for results to name; empty where its package keeps its own."""


LoadIntegrator = Callable[[Path | None, Mapping[str, Any] | Path | None], Integrator]
"""Gives an integrator on the CPU in float32 from a weights file and a configuration.

Without a file it takes the weights that its package has, or raises a `CheckpointError`.
"""


@dataclass(frozen=True, slots=True)
class IntegratorEntry:
    """One integrator that this package knows."""

    id: str
    load: LoadIntegrator


def _load_fomm(weights: Path | None, configuration: Mapping[str, Any] | Path | None) -> Integrator:
    from reenact_core.models.integrators.fomm_files import load_fomm

    if weights is None:
        raise CheckpointError(
            "fomm needs a weights file, as vox-cpk.pth.tar; none comes with reenact"
        )
    return load_fomm(weights, configuration)


def _load_tpsmm(weights: Path | None, configuration: Mapping[str, Any] | Path | None) -> Integrator:
    from reenact_core.models.integrators.tpsmm_files import load_tpsmm

    if weights is None:
        raise CheckpointError("tpsmm needs a weights file, as vox.pth.tar; none comes with reenact")
    return load_tpsmm(weights, configuration)


def _load_dagan(weights: Path | None, configuration: Mapping[str, Any] | Path | None) -> Integrator:
    from reenact_core.models.integrators.dagan_files import load_dagan

    if weights is None:
        raise CheckpointError(
            "dagan needs a weights file, as DaGAN_vox_adv_256.pth.tar; none comes with reenact"
        )
    return load_dagan(weights, configuration)


def _load_osfv(weights: Path | None, configuration: Mapping[str, Any] | Path | None) -> Integrator:
    from reenact_core.models.integrators.osfv_files import load_osfv

    if weights is None:
        raise CheckpointError(
            "osfv needs a weights file, its published .pth.tar; none comes with reenact"
        )
    return load_osfv(weights, configuration)


def _load_liveportrait(
    weights: Path | None, configuration: Mapping[str, Any] | Path | None
) -> Integrator:
    from reenact_core.models.integrators.liveportrait_files import load_liveportrait

    if weights is None:
        raise CheckpointError(
            "liveportrait needs the folder of its weights, as pretrained_weights/liveportrait; "
            "none come with reenact"
        )
    return load_liveportrait(weights, configuration)


INTEGRATORS = (
    IntegratorEntry("fomm", _load_fomm),
    IntegratorEntry("tpsmm", _load_tpsmm),
    IntegratorEntry("dagan", _load_dagan),
    IntegratorEntry("osfv", _load_osfv),
    IntegratorEntry("liveportrait", _load_liveportrait),
)


def find_integrator(integrator_id: str) -> LoadIntegrator:
    """How to load the integrator of that id; ours come before third parties'.

    Raises:
        CheckpointError: no such id, or an entry point that cannot be used.
    """
    for entry in INTEGRATORS:
        if entry.id == integrator_id:
            return entry.load
    for point in entry_points(group=GROUP):
        if point.name == integrator_id:
            return _loaded(point.name, point.load)
    known = integrator_ids()
    nearest = get_close_matches(integrator_id, known, 1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}"
    raise CheckpointError(f"{integrator_id} is no integrator; {hint}")


def integrator_ids() -> list[str]:
    """All ids, ours first, without loading anything."""
    ours = [entry.id for entry in INTEGRATORS]
    return ours + sorted({point.name for point in entry_points(group=GROUP)} - set(ours))


def _loaded(name: str, load: Callable[[], Any]) -> LoadIntegrator:
    try:
        value = load()
    except (ImportError, AttributeError) as error:
        raise CheckpointError(f"the integrator {name} is installed but broken: {error}") from error
    if not callable(value):
        raise CheckpointError(f"the integrator {name} must be a function, got {value!r}")
    return cast(LoadIntegrator, value)
