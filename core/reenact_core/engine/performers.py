"""The performer for the networks that a checkpoint holds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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
from reenact_core.models.readers.registry import best_reader, open_reader
from reenact_core.settings import Settings


def with_reader(settings: Settings, models: Models, folders: Sequence[Path]) -> Settings:
    """The settings with a reader's name where they leave it open: the best that is here.

    Networks whose motion is keypoints read no landmarks to move by, and have no better one.
    """
    if settings.motion.reader != "auto":
        return settings
    name = best_reader(folders) if isinstance(models.network, Compact) else "embedded"
    return replace(settings, motion=replace(settings.motion, reader=name))


def performer_of(
    models: Models, settings: Settings, compute: Compute, folders: Sequence[Path] = ()
) -> Performer:
    """Who moves faces with these networks.

    Networks without face points of their own are given those that come with reenact, to see where
    the new faces are.

    Args:
        folders: where readers of landmarks are looked for

    Raises:
        CheckpointError: networks that cannot move a face by themselves, or a reader that is not
            here.
    """
    network = models.network
    chosen = None if models.integrator is None else models.integrator.integrator
    if isinstance(network, Compact):
        asked = settings.motion.reader
        reader = None if asked == "embedded" else open_reader(asked, compute, folders)
        return NetworkPerformer(network, settings.motion, settings.lanes, compute, chosen, reader)
    if chosen is not None:
        raise CheckpointError(
            f"{models.path}: another integrator goes with a checkpoint of compact, and this one "
            f"holds {models.architecture}; leave --checkpoint away"
        )
    if settings.motion.reader not in ("auto", "embedded"):
        raise CheckpointError(
            f"{models.path}: its motion is keypoints, which no reader tells it; leave "
            f"reader {settings.motion.reader} away, or --checkpoint"
        )
    if isinstance(network, Paper | Fomm):
        points = load_face_points(compute=compute)
        return KeypointPerformer(network, points, settings.motion, compute)
    raise CheckpointError(
        f"{models.path}: holds the networks of `{models.architecture}`, which cannot render by "
        f"themselves; use --integrator {models.architecture}:{models.path}"
    )
