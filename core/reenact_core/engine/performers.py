"""The performer for the networks that a checkpoint holds."""

from reenact_core.devices import Compute
from reenact_core.engine.keypoint_performer import KeypointPerformer
from reenact_core.engine.network_performer import NetworkPerformer
from reenact_core.engine.performer import Performer
from reenact_core.errors import CheckpointError
from reenact_core.models.compact import Compact
from reenact_core.models.face_points import load_face_points
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.load import Models
from reenact_core.models.paper import Paper
from reenact_core.settings import Settings


def performer_of(models: Models, settings: Settings, compute: Compute) -> Performer:
    """Who moves faces with these networks.

    Networks without face points of their own are given those that come with reenact, to see where
    the new faces are.

    Raises:
        CheckpointError: networks that cannot move a face by themselves.
    """
    network = models.network
    chosen = None if models.integrator is None else models.integrator.integrator
    if isinstance(network, Compact):
        return NetworkPerformer(network, settings.motion, settings.lanes, compute, chosen)
    if chosen is not None:
        raise CheckpointError(
            f"{models.path}: another integrator goes with a checkpoint of compact, and this one "
            f"holds {models.architecture}; leave --checkpoint away"
        )
    if isinstance(network, Paper | Fomm):
        reader = load_face_points(compute=compute)
        return KeypointPerformer(network, reader, settings.motion, compute)
    raise CheckpointError(
        f"{models.path}: holds the networks of `{models.architecture}`, which cannot render by "
        f"themselves; use --integrator {models.architecture}:{models.path}"
    )
