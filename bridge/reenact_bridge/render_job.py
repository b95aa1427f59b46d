"""A job done by a worker: what `reenact render` does, inside the roots and ready to stop."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_bridge.errors import ProtocolError
from reenact_bridge.inside import inside
from reenact_bridge.progress import Reporter
from reenact_bridge.roots import Roots
from reenact_bridge.warm import Warm
from reenact_core.engine.digest import sequence_files
from reenact_core.engine.events import ShotDone, ShotFailed
from reenact_core.engine.forecast import Forecast
from reenact_core.engine.out_folder import fit_plan, render_journal
from reenact_core.engine.performers import with_reader
from reenact_core.engine.render import render_plan
from reenact_core.engine.run_record import Outcome, RunFacts
from reenact_core.engine.timeline_run import RunResult, checkpoint_facts, conclude
from reenact_core.errors import TimelineError
from reenact_core.files import passing_folder
from reenact_core.media.probe import Look, MediaInfo
from reenact_core.media.sequence import first_image, is_pattern, numbers_there
from reenact_core.provenance.mark import open_marking
from reenact_core.settings import Settings, settings_for, to_table, with_table
from reenact_core.timeline.bundles import filled
from reenact_core.timeline.clip_media import each_once
from reenact_core.timeline.describe import shot_table
from reenact_core.timeline.plan import FaceChoice, Plan, Refused, Shot
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.request import Request
from reenact_core.timing import parse_rate

Work = dict[str, Any]

MOTION_OPTIONS = frozenset({"scheme", "reader", "expression", "pose", "strengths"})
"""Options that are settings of `motion`, by the same names."""


class StoppedError(Exception):
    """The job was cancelled."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of a job while it is done."""

    state: Callable[[str], None]
    progress: Callable[[dict[str, Any]], None]
    stopped: Callable[[], bool]
    """Whether the job is to be given up."""

    def check(self) -> None:
        """Raise StoppedError if the job is to be given up."""
        if self.stopped():
            raise StoppedError


def render(work: Work, warm: Warm, listener: Listener) -> dict[str, Any]:
    """Render what a job asks for; the body of `result` but for the job's id.

    Raises:
        StoppedError: it was cancelled; finished shots and nothing half-made are left.
        ReenactError, ProtocolError: nothing could be done.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    options, out = work["options"], _out_folder(work, warm.roots)
    overwrite = options.get("overwrite", False)
    listener.state("planning")
    marking = open_marking()
    look = each_once(inside(warm.roots))
    edit, settings, plan, _ = _planned(work, warm.roots, look)
    listener.check()
    compute = warm.compute(options.get("precision", "auto"))
    models = warm.models_with(options.get("checkpoint"), options.get("integrator"), compute)
    settings = with_reader(settings, models, [warm.installed])
    listener.check()
    listener.state("running")
    tracker, codec = options.get("tracker", "embedded"), options.get("codec", "match")
    forecast = Forecast(plan.shots, warm.pace)
    reporter = Reporter(listener.progress, forecast, len(plan.shots), compute.device)
    outcomes: list[Outcome] = []
    run = render_plan(
        plan,
        models,
        out,
        settings,
        compute,
        codec=codec,
        detector=warm.detector(tracker),
        tracker=tracker,
        tracks=[Path(path) for path in options.get("tracks", [])],
        installed=warm.installed,
        restart=options.get("restart", False),
        overwrite=overwrite,
        marking=marking,
        probe=look,
    )
    with closing(run) as events:
        for event in events:
            reporter.take(event)
            if isinstance(event, ShotDone | ShotFailed):
                outcomes.append(event)
            listener.check()
    listener.state("finalising")
    relink = options.get("relink", "add")
    table = {**to_table(settings), "codec": codec, "relink": relink, "tracker": tracker}
    seconds = time.monotonic() - began
    facts = RunFacts(started, seconds, table, checkpoint_facts(models), compute, marking)
    result = conclude(edit, plan, out, outcomes, facts, relink, overwrite=overwrite)
    return _result(result, out)


def describe(work: Work, warm: Warm) -> dict[str, Any]:
    """The plan of a job, nothing done: the reply of `validate`.

    Raises:
        ReenactError, ProtocolError: nothing could be done.
    """
    if Path(work["timeline"]).suffix.lower() != ".otioz":
        return _told(*_planned(work, warm.roots, inside(warm.roots))[2:])
    with passing_folder() as folder:
        roots = warm.roots.with_folder(folder)
        planned = _planned(work, roots, inside(roots), laid_out=folder)
        told: Work = _renamed(_told(*planned[2:]), str(folder), work["timeline"])
        return told


def _told(plan: Plan, said: tuple[str, ...]) -> Work:
    return {
        "shots": [shot_table(shot) for shot in plan.shots],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
        "notes": [*plan.notes, *said],
    }


def _renamed(value: Any, old: str, new: str) -> Any:
    """JSON values with one path in the place of another."""
    if isinstance(value, dict):
        return {key: _renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def settings_of(options: dict[str, Any], timeline: dict[str, Any]) -> Settings:
    """The settings of a job: its own above the timeline's.

    Raises:
        SettingsError: an unknown or wrong one, named.
    """
    settings = settings_for(timeline=timeline)
    settings = with_table(settings, options.get("settings", {}), "settings")
    for name in MOTION_OPTIONS & options.keys():
        settings = with_table(settings, {"motion": {name: options[name]}}, name)
    return settings


def face_choice(face: dict[str, Any] | None) -> FaceChoice | None:
    """The face that the option `face` means."""
    if face is None:
        return None
    if "select" in face:
        return FaceChoice(face["select"])
    if "id" in face:
        return FaceChoice(None, track_id=int(face["id"]))
    if "reference" in face:
        return FaceChoice(None, reference=Path(face["reference"]))
    x, y = face["point"]
    frame = face.get("frame")
    return FaceChoice(None, point=(float(x), float(y)), frame=None if frame is None else int(frame))


def _planned(
    work: Work, roots: Roots, look: Look, *, laid_out: Path | None = None
) -> tuple[Edit, Settings, Plan, tuple[str, ...]]:
    """The job's plan as it can be written, and what its files will not be or hold.

    With `laid_out` the media of its bundle are there by name alone.
    """
    timeline, out = Path(work["timeline"]), work["out"]
    if not roots.hold(timeline):  # it may be another file than when it was submitted
        raise ProtocolError("E_PATH", f"{timeline} is outside the folders that may be used")
    options = work["options"]
    overwrite = options.get("overwrite", False)
    folder = None if out is None else Path(out)
    journal = None
    if folder is not None and laid_out is None:
        journal = render_journal(timeline, folder, overwrite=overwrite)
    if laid_out is not None:
        look = _filling(look, timeline, laid_out)
    look = each_once(look)
    edit = read_timeline(
        timeline,
        work=laid_out or folder,
        bundle="unpacked" if laid_out is None else "laid out",
        journal=journal,
        allowed=roots.hold,
        rate=_rate(options.get("rate")),
        roots=roots.folders,
        search=_searched(options, roots),
        probe=look,
    )
    settings = settings_of(options, edit.settings)
    request = _request(options, settings, roots)
    plan = _without_outsiders(make_plan(edit, request, probe=look), roots)
    codec = options.get("codec", "match")
    plan, said = fit_plan(plan, folder, codec, overwrite=overwrite, probe=look)
    return edit, settings, plan, said


def _request(options: dict[str, Any], settings: Settings, roots: Roots) -> Request:
    def path(name: str) -> Path | None:
        written = options.get(name)
        return None if written is None else roots.find(written, name)

    time_asked = options.get("source_time")
    request = Request(
        clips=tuple(options.get("clips", ())),
        source=path("source"),
        source_time=None if time_asked is None else Fraction(str(time_asked)),
        driving=path("driving"),
        mode=options.get("mode"),
        face=face_choice(options.get("face")) or FaceChoice(),
        scheme=settings.motion.scheme,
        strength=options.get("strength"),
        expression=settings.motion.expression,
        pose=settings.motion.pose,
        roots=roots.folders,
        search=_searched(options, roots),
    )
    handles = options.get("handles")
    return request if handles is None else replace(request, handles=int(handles))


def _searched(options: dict[str, Any], roots: Roots) -> tuple[Path, ...]:
    """Where media are looked for by name: the folders that the job names, not all of the roots."""
    return tuple(roots.find(folder, "roots") for folder in options.get("roots", ()))


def _rate(written: str | float | None) -> Fraction | None:
    if written is None:
        return None
    try:
        return parse_rate(str(written))
    except ValueError as error:
        raise TimelineError(f"rate: {error}") from error


def _filling(look: Look, bundle: Path, folder: Path) -> Look:
    """A look at media of a bundle that is laid out in a folder: one file at a time is unpacked."""

    def fill_and_look(
        path: Path, *, first_number: int | None = None, number_step: int = 1
    ) -> MediaInfo:
        file = path
        if is_pattern(path) and not path.is_file():
            first = (
                first_number if first_number is not None else min(numbers_there(path), default=0)
            )
            file = first_image(path, first, number_step)
        with filled(bundle, folder, file):
            return look(path, first_number=first_number, number_step=number_step)

    return fill_and_look


def _without_outsiders(plan: Plan, roots: Roots) -> Plan:
    """The plan with every shot refused that would read a file outside the roots."""
    kept, refused = list[Shot](), list(plan.refused)
    for shot in plan.shots:
        outside = next((path for path in _files(shot) if not roots.hold(path)), None)
        if outside is None:
            kept.append(shot)
            continue
        reason = f"{outside} is outside the folders that this server may use"
        refused.append(Refused(shot.clip_name, reason))
    return replace(plan, shots=tuple(kept), refused=tuple(refused))


def _files(shot: Shot) -> Iterator[Path]:
    target = shot.target
    yield from sequence_files(target) if target.first_number is not None else [target.path]
    for cast in shot.casts:
        yield from cast.files


def _out_folder(work: Work, roots: Roots) -> Path:
    """The output folder; the engine's own folders in it may not lead out of the roots either."""
    out = Path(work["out"])
    for path in (out, out / ".reenact", out / ".reenact" / "spool", out / "media"):
        if not roots.hold(path):
            raise ProtocolError("E_PATH", f"{path} is outside the folders that may be used")
    return out


def _result(result: RunResult, out: Path) -> dict[str, Any]:
    record = json.loads(result.record.read_text("utf-8"))
    shots = record["shots"]
    for shot in shots:
        if "file" in shot:
            shot["file"] = os.path.join(out, shot["file"])
    return {
        "complete": result.complete,
        "timeline": str(result.timeline),
        "record": str(result.record),
        "shots": shots,
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in result.refused],
        "notes": list(result.notes),
    }
