"""Networks and detectors by the names that options give them."""

import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reenact_core.devices import Compute
    from reenact_core.models.load import Models
    from reenact_core.models.readers.reader import Reader, ReaderChoice
    from reenact_core.tracking.detect import Detector


def models_named(
    checkpoint: str | None, compute: "Compute", integrator: str | None = None
) -> "Models":
    """The networks of a checkpoint; None is the one that comes with reenact.

    Args:
        integrator: `ID[:FILE]` of another G.

    Raises:
        CheckpointError: it is not there, damaged, or of no known architecture.
    """
    from reenact_core.models.catalogue import DEFAULT
    from reenact_core.models.chosen_integrator import choose_integrator
    from reenact_core.models.load import load_models

    folders = (models_folder(),)
    models = load_models(checkpoint or DEFAULT, compute, folders=folders)
    if integrator is None:
        return models
    return replace(models, integrator=choose_integrator(integrator, compute, folders=folders))


def detector_named(tracker: str, device: str = "cpu") -> "Detector":
    """What finds faces.

    Raises:
        CheckpointError: facexlib's weights are not installed.
    """
    if tracker == "facexlib":
        from reenact_core.tracking.retinaface import RetinaFaceDetector

        return RetinaFaceDetector(models_folder(), device=device)
    from reenact_core.tracking.embedded import EmbeddedDetector

    return EmbeddedDetector()


def reader_named(choice: "ReaderChoice") -> "Reader":
    """What reads landmarks, on the CPU.

    Raises:
        CheckpointError: its files are not installed.
    """
    from reenact_core.devices import Compute
    from reenact_core.models.readers.registry import open_reader

    return open_reader(choice, Compute(), [models_folder()])


def models_folder() -> Path:
    """Where this user's own checkpoints lie."""
    from reenact_core.models.catalogue import user_models_folder

    return user_models_folder(platform.system(), Path.home(), os.environ)
