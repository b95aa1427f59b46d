"""The new faces of a shot as files: what a `move` unit leaves to the `render` units."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.harmonise import GRID, Match
from reenact_core.engine.casting import POINT_COUNT
from reenact_core.engine.cut_face import CutFace
from reenact_core.engine.diary import Diary
from reenact_core.engine.driving import Drive, Performance
from reenact_core.engine.edges import TrackEdges
from reenact_core.engine.placement import Placement, Steady, placed, steadied
from reenact_core.engine.prepare import PreparedShot
from reenact_core.engine.role import NewFaces, Role
from reenact_core.engine.spool import Spool
from reenact_core.farm.job_folder import DIARY, TemporaryError
from reenact_core.files import write_json
from reenact_core.geometry import Affine
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Shot
from reenact_core.timing import FrameRange
from reenact_core.tracking.track import FaceTrack

ROLES_FILE = "roles.json"
STEADY_PARTS = (2 * POINT_COUNT, 3, 3, 3, 3 * GRID * GRID, 1)
"""Numbers of a `Steady` and its `Match`: points, gain, centre, offset, light, confidence."""
STEADY_VALUES = sum(STEADY_PARTS)


def keep_moved(prepared: PreparedShot, settings: Settings, folder: Path) -> None:
    """Write everything that pasting needs into a new folder.

    Raises:
        OutputError: the disk is full.
    """
    folder.mkdir(parents=True)
    table = {
        "notes": list(prepared.notes),
        "roles": [
            _keep_role(f"{number}", role, prepared.shot, settings, folder)
            for number, role in enumerate(prepared.roles)
        ],
    }
    write_json(folder / ROLES_FILE, table)


def half_moved(prepared: PreparedShot, scratch: Path, key: str) -> Diary | None:
    """The diary of a shot's recurrence, with the faces that an earlier worker had made before.

    Both lie under `scratch`, whoever's claim it is, for as long as the unit is not done. None where
    the file system gives a file no second name: then the shot is begun anew.
    """
    folder = scratch / f"half-{key[:12]}"
    folder.mkdir(exist_ok=True)
    diary = Diary.at(folder / DIARY)
    for number, role in enumerate(prepared.roles):
        for kind, spool in role.new.spools().items():
            kept = folder / f"{number}.{kind}"
            if diary.pages and not _copied(kept, spool):
                diary.pages.clear()
            if not _renamed_link(spool.path, kept):
                return None
    return diary


def _renamed_link(source: Path, target: Path) -> bool:
    """Give a file a second name, in place of what had that; False where there is no such thing."""
    partial = target.with_name(f".{target.name}")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        return False
    os.replace(partial, target)
    return True


def _copied(kept: Path, spool: Spool) -> bool:
    """Whether a spool now holds what an earlier one held."""
    try:
        with kept.open("rb") as stream:
            shutil.copyfileobj(stream, spool.stream)
    except FileNotFoundError:
        return False
    return True


def _keep_role(
    name: str, role: Role, shot: Shot, settings: Settings, folder: Path
) -> dict[str, Any]:
    for kind, spool in role.new.spools().items():
        if kind != "points":  # evened out, they are in `steady`
            _link(spool.path, folder / f"{name}.{kind}")
    _link(role.face.crops.path, folder / f"{name}.crops")
    indices = _write_steady(folder / f"{name}.steady", steadied(role, settings))
    track = role.face.track
    np.savez(
        folder / f"{name}.npz",
        to_crop=role.face.to_crop.matrix,
        weight=role.performance.weight,
        boxes=track.boxes,
        landmarks=track.landmarks,
        confidence=track.confidence,
        index=np.array(indices, np.int64),
    )
    return {
        "cast": next(n for n, cast in enumerate(shot.casts) if cast is role.cast),
        "face": track.face_id,
        "start": track.frames.start,
        "region": role.region,
        "shape": list(role.face.crops.shape),
        "face_shape": list(role.new.pixels.shape),
        "samples": str(role.face.crops.dtype),
    }


def _write_steady(path: Path, steady: Iterator[Steady]) -> list[int]:
    """Points and match of every frame that is shown, one record each; gives the frames' places."""
    indices: list[int] = []
    with path.open("wb") as stream:
        spool = Spool(stream, path, (STEADY_VALUES,), np.dtype(np.float64))
        for number, one in enumerate(steady):
            match = one.match
            parts = one.points, match.gain, match.centre, match.offset, match.light
            values = [np.asarray(part, np.float64).ravel() for part in parts]
            spool.write(number, np.concatenate([*values, [match.confidence]]))
            indices.append(one.index)
    return indices


def _read_steady(index: int, record: NDArray[np.float64]) -> Steady:
    points, gain, centre, offset, light, held = np.split(record, np.cumsum(STEADY_PARTS[:-1]))
    plane = light.reshape(GRID, GRID, 3).astype(np.float32)
    match = Match(gain, centre, offset, plane, float(held[0]))
    return Steady(index, points.reshape(POINT_COUNT, 2), match)


def _link(source: Path, target: Path) -> None:
    """A second name for a file, or where there is no such thing a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True, eq=False)
class MovedRole:
    """A role whose faces are done, and how they are pasted."""

    role: Role
    indices: NDArray[np.int64]
    """Place in the track of every frame that the role shows, rising."""
    steady: Spool
    """How each of these frames is pasted, a record each."""

    def placements(self, frames: FrameRange, settings: Settings) -> Iterator[tuple[int, Placement]]:
        """What is pasted into a range of the file's frames, in order."""
        return placed(self.role, self._within(frames), settings)

    def _within(self, frames: FrameRange) -> Iterator[Steady]:
        first = self.role.face.track.frames.start
        edges = np.searchsorted(self.indices, [frames.start - first, frames.stop - first])
        for number in range(*edges.tolist()):
            yield _read_steady(int(self.indices[number]), self.steady.read(number))


def open_moved(folder: Path, shot: Shot, stack: ExitStack) -> tuple[list[MovedRole], list[str]]:
    """The roles of a shot as `keep_moved` wrote them, and its notes.

    Raises:
        TemporaryError: a file is missing; the `move` unit must be done again.
    """
    table = _table(folder)
    try:
        roles = [
            _open_role(f"{number}", entry, shot, folder, stack)
            for number, entry in enumerate(table["roles"])
        ]
    except (OSError, ValueError, KeyError) as error:
        raise TemporaryError(
            f"{folder}: the new faces of shot {shot.shot_id} are missing or damaged; "
            f"run unit {shot.shot_id}.move again"
        ) from error
    return roles, [str(note) for note in table["notes"]]


def read_summary(folder: Path) -> tuple[int, list[str]]:
    """How many faces of a shot are new, and what a user should know about it.

    Raises:
        TemporaryError: as `open_moved`.
    """
    table = _table(folder)
    return len({entry["cast"] for entry in table["roles"]}), [str(note) for note in table["notes"]]


def _table(folder: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads((folder / ROLES_FILE).read_text("utf-8"))
        return table
    except (OSError, ValueError) as error:
        raise TemporaryError(
            f"{folder}: the new faces of a shot are missing or damaged; run its move unit again"
        ) from error


def _open_role(
    name: str, entry: dict[str, Any], shot: Shot, folder: Path, stack: ExitStack
) -> MovedRole:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    count = len(arrays["weight"])
    frames = FrameRange(entry["start"], entry["start"] + count, shot.target.frames.rate)
    track = FaceTrack(
        entry["face"], frames, arrays["boxes"], arrays["landmarks"], arrays["confidence"]
    )
    shape, samples = tuple(entry["shape"]), np.dtype(entry["samples"])
    crops = _open(folder / f"{name}.crops", shape, samples, stack)
    pixels = _open(folder / f"{name}.faces", tuple(entry["face_shape"]), samples, stack)
    steady = _open(folder / f"{name}.steady", (STEADY_VALUES,), np.dtype(np.float64), stack)
    face = CutFace(
        track, Affine(arrays["to_crop"]), arrays["weight"], TrackEdges(), crops, np.zeros(count)
    )
    nothing = Drive(np.zeros(0, np.int64), np.zeros(0, np.int64))
    performance = Performance(arrays["weight"], nothing, (), (), ())
    masks = None
    if (folder / f"{name}.masks").exists():
        masks = _open(folder / f"{name}.masks", shape[:2], np.dtype(np.uint8), stack)
    # Its points are not asked for: `steady` has them evened out.
    new = NewFaces(pixels, steady, masks)
    role = Role(shot.casts[entry["cast"]], face, performance, (), new, entry["region"])
    return MovedRole(role, arrays["index"], steady)


def _open(path: Path, shape: tuple[int, ...], samples: np.dtype[Any], stack: ExitStack) -> Spool:
    return Spool(stack.enter_context(path.open("rb")), path, shape, samples)
