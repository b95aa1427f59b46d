"""The last unit: pieces to files, files to a timeline, and `run.json`."""

import hashlib
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from reenact_core.devices import Compute
from reenact_core.engine.digest import sequence_files
from reenact_core.engine.events import Event, Progress, ShotDone, ShotFailed
from reenact_core.engine.footage import Footage, clip_footage
from reenact_core.engine.out_folder import files_of, output_of, spare_inputs
from reenact_core.engine.resume import RunFolder, open_run
from reenact_core.engine.run_record import Outcome, RunFacts
from reenact_core.engine.timeline_run import RunResult, conclude
from reenact_core.errors import OutputError, ReenactError, SettingsError
from reenact_core.farm.attempts import AttemptLog, attempted
from reenact_core.farm.claims import Watcher, beating, try_claim
from reenact_core.farm.desk import Desk
from reenact_core.farm.job_folder import JobFolder, TemporaryError
from reenact_core.farm.moved_faces import read_summary
from reenact_core.farm.plan import ASSEMBLE, FarmPlan, Unit
from reenact_core.farm.records import (
    Done,
    Failed,
    forget_done,
    forget_failure,
    may_retry,
    read_done,
    read_failed,
    write_record,
)
from reenact_core.farm.unit_work import piece_path, piece_settings
from reenact_core.farm.worker import pieces_of
from reenact_core.files import sha256
from reenact_core.journal import render_job
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.encode import whole_result
from reenact_core.media.fitting import fit_codec
from reenact_core.media.join import Piece, join
from reenact_core.media.probe import probe
from reenact_core.provenance.manifest import deed_of
from reenact_core.provenance.mark import Marking, sealed
from reenact_core.timeline.plan import Plan, RenderedShot, Shot
from reenact_core.timeline.read import Edit
from reenact_core.timeline.references import Relink
from reenact_core.timing import FrameRange
from reenact_core.wording import amount

Pieces = list[tuple[Unit, FrameRange]]


class UnitError(ReenactError):
    """A unit of a shot failed for good; what it said."""

    code = "unit"
    exit_status = 3


def out_folder(folder: JobFolder, plan: FarmPlan) -> Path:
    """Where a job's results go."""
    return folder.path / plan.out


def assemble(
    desk: Desk, edit: Edit, facts: "JobFacts", *, partial: bool = False
) -> Generator[Event, None, RunResult]:
    """Join the pieces of every shot, and write the timeline that shows them and `run.json`.

    A shot one of whose units failed for good is an event; the others are joined. What an earlier
    call has joined is kept.

    Args:
        partial: a shot that is not done for any other reason is such an event, too

    Raises:
        TemporaryError: pieces are missing whose units have not failed; names them.
        OutputError: the folder cannot be written, or another process works in it.
    """
    if edit_changed(desk.plan):
        raise SettingsError(
            f"{desk.plan.timeline}: has changed since the plan was made; plan the job again"
        )
    plan = Plan(desk.plan.timeline, desk.plan.shots, desk.plan.refused, desk.plan.notes)
    out = out_folder(desk.folder, desk.plan)
    spare_inputs(plan, out)
    pieces = dict(pieces_of(desk.plan))
    missing = {shot_id: _missing(parts, desk) for shot_id, parts in pieces.items()}
    failed = {shot.shot_id: _failure_of(shot, pieces[shot.shot_id], desk) for shot in plan.shots}
    lost = {shot_id: _loss(ids, failed[shot_id], desk) for shot_id, ids in missing.items()}
    waiting = {shot_id: ids for shot_id, ids in missing.items() if ids and lost[shot_id] is None}
    if waiting and not partial:
        _refuse(waiting, desk)
    outcomes: list[Outcome] = []
    overwrite = desk.plan.options.overwrite
    job = render_job(plan.timeline, out)
    with open_run(out, job=job, overwrite=overwrite) as folder, _held(desk) as log:
        began, started = time.monotonic(), _now()
        for shot in plan.shots:
            shot_id = shot.shot_id
            event: Outcome
            if lost[shot_id] is not None or shot_id in waiting:
                sentence = lost[shot_id] or _undone(waiting[shot_id], failed[shot_id])
                event = ShotFailed(shot, UnitError(sentence))
            else:
                event = yield from _assemble_shot(shot, pieces[shot_id], desk, folder, facts)
            outcomes.append(event)
            log.say(_told(event))
            yield event
        relink = cast(Relink, desk.plan.options.relink)
        made = facts.run_facts(desk)
        result = conclude(edit, plan, out, outcomes, made, relink, overwrite=overwrite)
        if not waiting:
            _record(desk, started, time.monotonic() - began)
        log.end("done", f"done: {len(result.rendered)} of {amount(len(plan.shots), 'shot')}")
    return result


@contextmanager
def _held(desk: Desk) -> Iterator[AttemptLog]:
    """The assembly's claim and its log; the results' folder is ours, so no one else has it."""
    unit = desk.plan.by_id[ASSEMBLE]
    claim = Watcher(desk.folder, steal_after=0).take_over(unit.id, desk.worker)
    claim = claim or try_claim(desk.folder, unit.id, desk.worker)
    with ExitStack() as stack:
        if claim is not None:
            stack.callback(claim.release, done=True)
            stack.enter_context(beating(claim))
        yield stack.enter_context(attempted(desk.folder, unit, desk.worker, "cpu"))


def _told(event: Outcome) -> str:
    if isinstance(event, ShotFailed):
        return f"{event.shot.shot_id} failed: {event.error}"
    return f"{event.rendered.shot.shot_id} is {'kept' if event.kept else 'joined'}"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What `run.json` says of the run besides its shots."""

    settings: dict[str, Any]
    checkpoint: Callable[[], dict[str, Any]]
    compute: Compute
    marking: Marking | None = None
    """How the files are marked as synthetic; None: not at all."""

    def run_facts(self, desk: Desk) -> RunFacts:
        """With the times of the job: from its first unit's start, and all units' seconds."""
        records = [record for unit in desk.plan.units if (record := read_done(desk.folder, unit))]
        started = min((record.started for record in records), default=None)
        moment = datetime.now(UTC) if started is None else datetime.fromisoformat(started)
        seconds = sum(record.seconds for record in records)
        return RunFacts(
            moment, seconds, self.settings, self.checkpoint(), self.compute, self.marking
        )


def clear(folder: JobFolder) -> None:
    """Remove what is of no use once the job is assembled: new faces, pieces, unfinished work."""
    for name in ("moved", "pieces", "work"):
        shutil.rmtree(folder.path / name, ignore_errors=True)


def edit_changed(plan: FarmPlan) -> bool:
    """Whether the timeline is another than the one that was planned."""
    if plan.timeline_sha256 is None or not plan.timeline.is_file():
        return False  # a folder; or gone, which reading it has told
    return sha256(plan.timeline) != plan.timeline_sha256


def _failure_of(shot: Shot, pieces: Pieces, desk: Desk) -> Failed | None:
    """How the first unit of a shot failed that is not done."""
    known = desk.plan.by_id
    units = [known[f"{shot.shot_id}.{kind}"] for kind in ("track", "move")]
    for unit in [*units, *(unit for unit, _ in pieces)]:
        failed = read_failed(desk.folder, unit)
        if failed is not None and read_done(desk.folder, unit) is None:
            return failed
    return None


def _missing(pieces: Pieces, desk: Desk) -> list[str]:
    return [unit.id for unit, _ in pieces if read_done(desk.folder, unit) is None]


def _loss(missing: list[str], failed: Failed | None, desk: Desk) -> str | None:
    """What keeps a shot from being done for good."""
    if not missing or failed is None or may_retry(failed, desk.plan.limits):
        return None
    return failed.message


def _undone(missing: list[str], failed: Failed | None) -> str:
    """Why a shot is not done yet."""
    if failed is not None:
        return failed.message
    return f"{_listed(missing)}: not done; run the units of this shot, then assemble again"


def _refuse(waiting: dict[str, list[str]], desk: Desk) -> NoReturn:
    missing = [unit for ids in waiting.values() for unit in ids]
    raise TemporaryError(
        f"{desk.folder.path}: {amount(len(missing), 'missing piece')}: {_listed(missing)}; run "
        "their units, then assemble again"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if names[8:] else "")


def _assemble_shot(
    shot: Shot, pieces: Pieces, desk: Desk, folder: RunFolder, facts: JobFacts
) -> Generator[Progress, None, Outcome]:
    marked = "marked" if facts.marking is not None and facts.marking.wanted else ""
    key = hashlib.sha256((marked + "".join(unit.key for unit, _ in pieces)).encode()).hexdigest()
    kept = folder.finished(shot, key)
    if kept is not None:
        return ShotDone(kept, kept=True)
    try:
        desk.check_clip(shot)
        clip = clip_footage(shot, probe)
        rendered, files = _joined(shot, clip, pieces, desk, folder, facts.marking)
        desk.check_clip(shot)  # its sound was copied
    except ReenactError as error:
        return ShotFailed(shot, error)
    folder.record(rendered, key, files)
    yield Progress(shot.shot_id, "paste", len(clip.frames), len(clip.frames))
    return ShotDone(rendered)


def _joined(
    shot: Shot,
    clip: Footage,
    pieces: Pieces,
    desk: Desk,
    folder: RunFolder,
    marking: Marking | None,
) -> tuple[RenderedShot, list[Path]]:
    codec = cast(Any, desk.plan.options.codec)
    encode, notes = fit_codec(clip.info, codec, clip.frames.rate)
    encode, seal = sealed(encode, marking, deed_of(shot), folder.journal)
    path = encode.output_path(folder.out, shot.shot_id)
    output = output_of(path, clip, is_sequence=encode.is_sequence)
    folder.journal.require(files_of(output))
    if encode.is_sequence:
        files = sequence_files(output)
        with whole_result(path, encode, folder.journal.admit) as partial:
            _collect(files, partial.parent, pieces, clip, desk)
            seal(partial, path)
    else:
        files = [path]
        single = piece_settings(clip, desk.plan.options.codec)
        parts = [Piece(_whole(unit, desk, single), frames) for unit, frames in pieces]
        admit = folder.journal.admit
        join(path, parts, clip.info, clip.frames, encode, seal, admit=admit)
    faces, said = read_summary(desk.folder.moved(desk.move_of(pieces[0][0])))
    every = tuple(dict.fromkeys([*clip.info.notes, *notes, *said, *seal.notes]))
    seconds, marks = _seconds(shot, pieces, desk), seal.all_marks(encode)
    return RenderedShot(shot, output, seconds, faces, every, marks), [*files, *seal.beside]


def _whole(unit: Unit, desk: Desk, encode: EncodeSettings) -> Path:
    """A piece's file, seen to hold what its unit wrote.

    Raises:
        OutputError: it is missing or damaged.
    """
    path = piece_path(unit, desk, encode)
    record = read_done(desk.folder, unit)
    facts = {} if record is None else {file["path"]: file["sha256"] for file in record.files}
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    names = {file.relative_to(desk.folder.path).as_posix(): file for file in files}
    if set(facts) != set(names) or not all(
        file.is_file() and sha256(file) == facts[name] for name, file in names.items()
    ):
        forget_done(desk.folder, unit)
        raise OutputError(
            f"{path}: is missing or not what unit {unit.id} wrote; run that unit again, "
            "then assemble again"
        )
    return path


def _collect(files: list[Path], folder: Path, pieces: Pieces, clip: Footage, desk: Desk) -> None:
    """Pictures of all pieces to a folder, under their final names."""
    settings = piece_settings(clip, desk.plan.options.codec)
    coming = iter(files)
    for unit, _ in pieces:
        for picture in sorted(_whole(unit, desk, settings).iterdir()):
            shutil.copyfile(picture, folder / next(coming).name)


def _seconds(shot: Shot, pieces: Pieces, desk: Desk) -> float:
    known = desk.plan.by_id
    units = [known[f"{shot.shot_id}.{kind}"] for kind in ("track", "move")]
    records = (read_done(desk.folder, unit) for unit in [*units, *(unit for unit, _ in pieces)])
    return round(sum(record.seconds for record in records if record is not None), 3)


def _record(desk: Desk, started: str, seconds: float) -> None:
    unit = desk.plan.by_id[ASSEMBLE]
    record = Done(unit.id, unit.key, desk.worker, started, _now(), round(seconds, 3), "cpu", ())
    write_record(desk.folder.done, record, desk.worker)
    forget_failure(desk.folder, unit)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
