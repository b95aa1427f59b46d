"""Who judges identity, pose and expression: installed networks, third parties', or our own.

A third party registers under the entry-point group `reenact.estimators`: the entry's name is the
id, its value a `LoadEstimator`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

from torch import Tensor

from reenact_core.errors import SettingsError
from reenact_core.models.face_points import FacePointsNet
from reenact_training.evaluate.embedded import ACTIONS, see
from reenact_training.evaluate.face_mesh import mesh_motion, mesh_pose
from reenact_training.evaluate.installed import ARCFACE_FILE, HOPENET_FILE, arcface, hopenet

Kind = Literal["identity", "pose", "actions", "motion"]
GROUP = "reenact.estimators"
MESH_NAME = "MediaPipe face mesh"


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """One way to read something off face crops."""

    kind: Kind
    name: str
    """How the tables label it."""
    read: Callable[[Tensor], Tensor]
    """Of faces (B, 3, S, S), R'G'B' in [0, 1]. `identity`: unit vectors (B, E), whose product is
    the likeness; `pose`: yaw, pitch and roll (B, 3) in degrees, signs as in
    docs/explanation/architecture.md; `actions`: (B, A) bool, the actions that are seen; `motion`:
    yaw in degrees and the opening of the mouth in head units, (B, 2). Poses and motion are nan
    where nothing is read."""


LoadEstimator = Callable[[Path], Estimator]
"""Gives an estimator; the path is the folder of the user's weights, which may not exist."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The estimators of a run."""

    reader: FacePointsNet
    """The embedded reader, whatever else judges; the shipped one, not a checkpoint's own."""
    pose: Estimator
    actions: Estimator
    motion: Estimator
    """Tells whether results follow their drivers."""
    identity: Estimator | None
    why_no_identity: str | None
    """Why identity is not judged."""


def choose_panel(reader: FacePointsNet, weights: Path, wanted: Sequence[str] = ()) -> Panel:
    """The estimators that this machine has, with those asked for in their places.

    Raises:
        SettingsError: an id that is not known, or whose weights are not there.
        CheckpointError: weights are damaged.
    """
    pose = hopenet_estimator(weights) if (weights / HOPENET_FILE).is_file() else None
    identity = arcface_estimator(weights, reader) if (weights / ARCFACE_FILE).is_file() else None
    missing = f"{ARCFACE_FILE} is not in {_short(weights)}" if identity is None else None
    panel = Panel(
        reader,
        pose or embedded_pose(reader),
        embedded_actions(reader),
        embedded_motion(reader),
        identity,
        missing,
    )
    for name in wanted:
        panel = _with(panel, _named(name, panel, weights))
    return panel


def _short(folder: Path) -> str:
    """A folder as people write it; the name of a home is nobody's business in a published table."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def embedded_pose(reader: FacePointsNet) -> Estimator:
    """Head turn by the face points network."""
    return Estimator("pose", "embedded face points", lambda faces: see(reader, faces).pose)


def embedded_actions(reader: FacePointsNet) -> Estimator:
    """Mouth and eyes by landmarks of the face points network."""
    name = f"embedded face points ({', '.join(ACTIONS)})"
    return Estimator("actions", name, lambda faces: see(reader, faces).actions())


def embedded_motion(reader: FacePointsNet) -> Estimator:
    """Yaw and mouth by the face points network."""
    return Estimator("motion", "embedded face points", lambda faces: see(reader, faces).motion())


def arcface_estimator(weights: Path, reader: FacePointsNet) -> Estimator:
    """Identity by facexlib's ArcFace."""
    describe = arcface(weights / ARCFACE_FILE)
    return Estimator(
        "identity",
        "ArcFace (facexlib)",
        lambda faces: describe(faces, see(reader, faces).points),
    )


def hopenet_estimator(weights: Path) -> Estimator:
    """Head turn by facexlib's HopeNet."""
    return Estimator("pose", "HopeNet (facexlib)", hopenet(weights / HOPENET_FILE))


def _with(panel: Panel, estimator: Estimator) -> Panel:
    if estimator.kind == "identity":
        return replace(panel, identity=estimator, why_no_identity=None)
    if estimator.kind == "pose":
        return replace(panel, pose=estimator)
    if estimator.kind == "motion":
        return replace(panel, motion=estimator)
    return replace(panel, actions=estimator)


def _named(name: str, panel: Panel, weights: Path) -> Estimator:
    own: Mapping[str, tuple[str | None, Callable[[], Estimator]]] = {
        "embedded-pose": (None, lambda: embedded_pose(panel.reader)),
        "embedded-actions": (None, lambda: embedded_actions(panel.reader)),
        "embedded-motion": (None, lambda: embedded_motion(panel.reader)),
        "mesh-pose": (None, lambda: Estimator("pose", MESH_NAME, mesh_pose())),
        "mesh-motion": (None, lambda: Estimator("motion", MESH_NAME, mesh_motion())),
        "hopenet": (HOPENET_FILE, lambda: hopenet_estimator(weights)),
        "arcface": (ARCFACE_FILE, lambda: arcface_estimator(weights, panel.reader)),
    }
    if name in own:
        file, make = own[name]
        if file and not (weights / file).is_file():
            raise SettingsError(f"{name} needs {file}, which is not in {weights}")
        return make()
    others = {point.name: point for point in entry_points(group=GROUP)}
    if name not in others:
        known = sorted([*own, *others])
        nearest = get_close_matches(name, known, 1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}"
        raise SettingsError(f"{name} is no estimator; {hint}")
    return _loaded(name, others[name].load(), weights)


def _loaded(name: str, load: object, weights: Path) -> Estimator:
    made = load(weights) if callable(load) else None
    if not isinstance(made, Estimator):
        raise SettingsError(f"the estimator {name} is installed but gives no Estimator")
    return made
