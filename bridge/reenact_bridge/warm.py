"""Networks and detectors that a worker keeps between jobs."""

import os
import platform
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reenact_bridge.errors import ProtocolError
from reenact_bridge.roots import Roots
from reenact_bridge.work import names_checkpoint
from reenact_core.devices import Compute, choose_compute
from reenact_core.engine.forecast import Pace
from reenact_core.errors import DeviceError
from reenact_core.models.catalogue import CATALOGUE, DEFAULT, user_models_folder
from reenact_core.models.chosen_integrator import choose_integrator
from reenact_core.models.load import Models, load_models
from reenact_core.tracking.detect import Detector

MOST_MODELS = 2
"""Checkpoints kept at once; the one that was not used longest goes."""


@dataclass(slots=True)
class Warm:
    """What is loaded, and where from."""

    device: str
    roots: Roots
    pace: Pace = field(default_factory=Pace)
    """What jobs on this device have taught of their speed."""
    _models: dict[tuple[str, str, Any], Models] = field(default_factory=dict)
    _detectors: dict[str, Detector] = field(default_factory=dict)

    @property
    def installed(self) -> Path:
        """Folder of the checkpoints that the server's user has installed."""
        return user_models_folder(platform.system(), Path.home(), os.environ)

    @property
    def on_cpu(self) -> bool:
        """Whether networks run on the CPU."""
        try:
            return self.compute("auto").device == "cpu"
        except DeviceError:
            return False  # it is said to whoever asks for something

    def compute(self, precision: Any) -> Compute:
        """This worker's device in a precision.

        Raises:
            DeviceError: there is no such device or precision.
        """
        return choose_compute(self.device, precision)

    def models(self, checkpoint: str | None, compute: Compute) -> Models:
        """The networks of a checkpoint, an id or a file inside the roots.

        Raises:
            ProtocolError: E_MODEL or E_PATH.
            CheckpointError, DeviceError: they cannot be loaded.
        """
        name = checkpoint or DEFAULT
        key = (name, compute.precision, self._stamp(name))
        found = self._models.pop(key, None)
        if found is None:
            found = load_models(self._place(name), compute, folders=(self.installed,))
        self._models[key] = found  # the last one used is the last one
        while len(self._models) > MOST_MODELS:
            del self._models[next(iter(self._models))]
        return found

    def models_with(
        self, checkpoint: str | None, integrator: str | None, compute: Compute
    ) -> Models:
        """The same with another method, `ID` or `ID:FILE`, as the global integrator.

        Raises:
            ProtocolError, CheckpointError, DeviceError: as `models`.
        """
        models = self.models(checkpoint, compute)
        if integrator is None:
            return models
        chosen = choose_integrator(integrator, compute, folders=(self.installed,))
        return replace(models, integrator=chosen)

    def detector(self, tracker: str) -> Detector:
        """What finds faces.

        Raises:
            CheckpointError: facexlib's weights are not installed.
        """
        if tracker not in self._detectors:
            self._detectors[tracker] = self._new_detector(tracker)
        return self._detectors[tracker]

    def _new_detector(self, tracker: str) -> Detector:
        if tracker == "facexlib":
            from reenact_core.tracking.retinaface import RetinaFaceDetector

            compute = self.compute("auto")
            return RetinaFaceDetector(self.installed, device=compute.device)
        from reenact_core.tracking.embedded import EmbeddedDetector

        return EmbeddedDetector()

    def _place(self, name: str) -> str | Path:
        if any(known.id == name for known in CATALOGUE):
            return name
        if names_checkpoint(name):
            ids = ", ".join(known.id for known in CATALOGUE)
            raise ProtocolError("E_MODEL", f"there is no checkpoint {name}; known: {ids}")
        return self.roots.find(name, "checkpoint")

    @staticmethod
    def _stamp(name: str) -> Any:
        """What changes with the file, so that a new one of the same name is loaded."""
        try:
            found = Path(name).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
