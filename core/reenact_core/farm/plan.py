"""`plan.json`: a job cut into units that any machine may do, in any order that `needs` allows.

docs/reference/farm-plan.md is the authority on the file.
"""

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from reenact_core.errors import OutputError, SettingsError
from reenact_core.farm.plain import from_plain, to_plain
from reenact_core.files import write_json
from reenact_core.timeline.plan import Refused, Shot
from reenact_core.version import __version__

PLAN_FILE = "plan.json"
FORMAT_VERSION = 1

UnitKind = Literal["track", "move", "render", "assemble"]
KINDS: tuple[UnitKind, ...] = ("track", "move", "render", "assemble")
ASSEMBLE = "assemble"
"""Id of the last unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of work that is done whole or not at all, and may be done twice."""

    id: str
    """`SHOT.track`, `SHOT.move`, `SHOT.render.FIRST-LAST` or `assemble`; safe as a file name."""
    kind: UnitKind
    shot: str
    """The shot's id; empty for `assemble`."""
    start: int
    """First frame of the media file; for `assemble` 0."""
    stop: int
    """One after the last frame."""
    needs: tuple[str, ...]
    """Ids of the units that must be done before; `assemble` needs all, and lists none."""
    cost: float
    """Expected seconds on one CPU core; only the proportions matter."""
    gpu: bool
    """Whether a GPU makes it quicker."""
    key: str
    """SHA-256 over all that determines the result: contents of inputs, settings, networks, version,
    frames."""

    @property
    def frames(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Input:
    """A file that the job reads."""

    path: Path
    """As on the machine that planned; a printf pattern for an image sequence."""
    sha256: str
    """Of an image sequence, over the hashes of its pictures."""
    shots: tuple[str, ...]
    """Ids of the shots that read it."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the job is rendered, as `reenact render` has it."""

    codec: str
    relink: str
    tracker: str
    checkpoint: str | None
    """Id or file; None: the one that comes with reenact."""
    checkpoint_sha256: str
    integrator: str | None
    """`ID[:FILE]` of another global integrator."""
    precision: str
    tracks: tuple[Path, ...]
    """Tracks files made or corrected by hand."""
    settings: dict[str, Any]
    """All settings as nested tables."""
    provenance: bool = True
    """Whether the files say that they are synthetic."""
    rate: Fraction | None = None
    """Frames a second that an EDL was read at; None for other timelines."""
    overwrite: bool = False
    """Whether files that this job did not make may be replaced."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far workers go with a unit; of no weight for what it results in."""

    retries: int = 2
    """How often a unit is tried again whose cause may not be there at another time or place."""
    unit_seconds: float | None = None
    """Longest time that an attempt may take; None: any."""


@dataclass(frozen=True)  # no slots: it keeps what it was asked for
class FarmPlan:
    """A whole job."""

    job: str
    """Hash of everything below but paths: the same job has the same one, wherever it lies."""
    reenact: str
    """Version that planned, and that must do the units."""
    timeline: Path
    timeline_sha256: str | None
    """None where the timeline is a folder (`.otiod`)."""
    out: Path
    """Where the result goes; a relative path starts at the job folder."""
    options: Options
    inputs: tuple[Input, ...]
    shots: tuple[Shot, ...]
    units: tuple[Unit, ...]
    """All of one kind side by side, in the order of `KINDS`."""
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    limits: Limits = Limits()

    def span(self, kind: UnitKind) -> range:
        """The numbers of all units of a kind."""
        numbers = [number for number, unit in enumerate(self.units) if unit.kind == kind]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(0)

    @cached_property
    def by_id(self) -> Mapping[str, Unit]:
        """Every unit by its id."""
        return {unit.id: unit for unit in self.units}

    def shot(self, shot_id: str) -> Shot:
        """A shot by its id."""
        return self._shots[shot_id]

    def renders(self, shot_id: str) -> Sequence[Unit]:
        """The render units of a shot, in the order of their frames."""
        return self._renders[shot_id]

    def inputs_of(self, shot_id: str) -> Sequence[Input]:
        """The files that a shot reads."""
        return self._read[shot_id]

    @cached_property
    def _shots(self) -> Mapping[str, Shot]:
        return {shot.shot_id: shot for shot in self.shots}

    @cached_property
    def _renders(self) -> Mapping[str, Sequence[Unit]]:
        found = defaultdict[str, list[Unit]](list)
        for unit in self.units:
            if unit.kind == "render":
                found[unit.shot].append(unit)
        return found

    @cached_property
    def _read(self) -> Mapping[str, Sequence[Input]]:
        found = defaultdict[str, list[Input]](list)
        for entry in self.inputs:
            for shot_id in entry.shots:
                found[shot_id].append(entry)
        return found


def with_limits(plan: FarmPlan, retries: int | None, unit_seconds: float | None) -> FarmPlan:
    """The same job with other limits; None keeps one, and 0 seconds mean none."""
    old = plan.limits
    seconds = old.unit_seconds if unit_seconds is None else unit_seconds or None
    return replace(plan, limits=Limits(old.retries if retries is None else retries, seconds))


def write_plan(folder: Path, plan: FarmPlan) -> Path:
    """Write a job's plan, whole or not at all; gives its path.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    path = folder / PLAN_FILE
    write_json(path, {"version": FORMAT_VERSION, **to_plain(plan)})
    return path


def spare_plan(folder: Path, *, overwrite: bool = False) -> None:
    """See that a new plan takes the place of an old one at most.

    Raises:
        OutputError: another file bears its name.
    """
    path = folder / PLAN_FILE
    if overwrite or not os.path.lexists(path):
        return
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        table = None
    if not isinstance(table, Mapping) or not {"reenact", "units", "shots"} <= set(table):
        raise OutputError(
            f"{path}: is there already and is no plan of reenact's; choose another folder, or let "
            "it be replaced with --overwrite"
        )


def read_plan(folder: Path, *, any_version: bool = False) -> FarmPlan:
    """The plan of a job folder.

    Args:
        any_version: take a plan of another version of reenact too, to look at it.

    Raises:
        SettingsError: there is none, it is damaged, or another version of reenact made it.
    """
    path = folder / PLAN_FILE
    try:
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); make the job with reenact farm plan"
        ) from error
    except ValueError as error:
        raise SettingsError(f"{path}: is no JSON ({error}); plan the job again") from error
    if not isinstance(table, Mapping) or table.get("version") != FORMAT_VERSION:
        raise SettingsError(
            f"{path}: is no plan of version {FORMAT_VERSION}; plan the job again with this reenact"
        )
    try:
        plan = from_plain(FarmPlan, table, "plan")
        _check(plan)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}; plan the job again") from error
    if plan.reenact != __version__ and not any_version:
        raise SettingsError(
            f"{path}: was made by reenact {plan.reenact} and this is {__version__}; "
            "use one version for the whole job, or plan it again"
        )
    return plan


def _check(plan: FarmPlan) -> None:
    """What types do not say.

    Raises:
        ValueError: ids come twice, a unit's shot or a needed unit is missing, pieces overlap.
    """
    ids = {unit.id for unit in plan.units}
    if len(ids) != len(plan.units):
        raise ValueError("two units have one id")
    if len({shot.shot_id for shot in plan.shots}) != len(plan.shots):
        raise ValueError("two shots have one id")
    shots = {shot.shot_id: shot for shot in plan.shots}
    reached = {shot_id: shot.target.frames.start for shot_id, shot in shots.items()}
    for unit in plan.units:
        if unit.kind != "assemble" and unit.shot not in shots:
            raise ValueError(f"unit {unit.id} is of no known shot")
        if not ids.issuperset(unit.needs):
            raise ValueError(f"unit {unit.id} needs a unit that is not there")
        if unit.kind == "render":
            if unit.start != reached[unit.shot] or unit.stop <= unit.start:
                raise ValueError(
                    f"unit {unit.id} begins at frame {unit.start}, where frame "
                    f"{reached[unit.shot]} comes next; pieces must neither overlap nor leave gaps"
                )
            reached[unit.shot] = unit.stop
    for shot_id, shot in shots.items():
        if reached[shot_id] != shot.target.frames.stop:
            raise ValueError(f"no unit renders frame {reached[shot_id]} of shot {shot_id}")
