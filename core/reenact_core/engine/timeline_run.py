"""A whole job: a timeline in, a timeline out, and `run.json` beside it."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_core.devices import Precision, choose_compute
from reenact_core.engine.events import Event, ShotDone, ShotFailed
from reenact_core.engine.out_folder import fit_plan, render_journal, timeline_path
from reenact_core.engine.performers import with_reader
from reenact_core.engine.render import render_plan
from reenact_core.engine.run_record import Outcome, RunFacts, write_run_record
from reenact_core.files import sha256
from reenact_core.media.codecs import Codec
from reenact_core.media.probe import probe
from reenact_core.models.catalogue import DEFAULT
from reenact_core.models.load import Models, load_models
from reenact_core.provenance.mark import UNMARKED, open_marking
from reenact_core.settings import settings_for, to_table
from reenact_core.timeline.clip_media import each_once
from reenact_core.timeline.plan import Plan, Refused, RenderedShot
from reenact_core.timeline.read import Edit, make_plan, read_timeline
from reenact_core.timeline.references import Relink
from reenact_core.timeline.request import Request
from reenact_core.timeline.write import write_timeline


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run made."""

    timeline: Path
    """The new timeline; it shows the shots that were rendered."""
    record: Path
    """`run.json`."""
    rendered: tuple[RenderedShot, ...]
    failed: tuple[ShotFailed, ...]
    """Shots that were given up."""
    refused: tuple[Refused, ...]
    """Clips that were asked for and could not be planned."""
    notes: tuple[str, ...]
    """What a user should know about the edit, a sentence each; shots have notes of their own."""

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was done."""
        return not self.failed and not self.refused


def conclude(
    edit: Edit,
    plan: Plan,
    out: Path,
    outcomes: Sequence[Outcome],
    facts: RunFacts,
    relink: Relink = "add",
    *,
    overwrite: bool = False,
) -> RunResult:
    """Write the timeline that shows what was rendered, and `run.json`.

    Args:
        overwrite: files that this job did not make may be replaced.

    Raises:
        OutputError: the folder cannot be written or is full, or another's file lies there.
    """
    journal = render_journal(plan.timeline, out, overwrite=overwrite)
    rendered = [outcome.rendered for outcome in outcomes if isinstance(outcome, ShotDone)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, ShotFailed)]
    path = timeline_path(edit.path, out)
    results = {done.shot.shot_id: _result(done, facts) for done in rendered}
    notes = write_timeline(edit, rendered, path, relink, results, admit=journal.admit)
    record = write_run_record(out, plan, path, outcomes, facts, admit=journal.admit)
    said = () if facts.marking is None else facts.marking.notes
    return RunResult(
        path, record, tuple(rendered), tuple(failed), plan.refused, (*plan.notes, *notes, *said)
    )


def checkpoint_facts(models: Models) -> dict[str, Any]:
    """A checkpoint as results name it: file, architecture, SHA-256, licence."""
    facts: dict[str, Any] = {
        "file": models.path.name,
        "architecture": models.architecture,
        "sha256": sha256(models.path),
        **{key: models.metadata[key] for key in ("version", "licence") if key in models.metadata},
    }
    if (chosen := models.integrator) is not None:
        files = {file.name: sha256(file) for file in chosen.files}
        facts["integrator"] = {"id": chosen.id, "files": files}
    return facts


def render_timeline(
    timeline: str | Path,
    out: str | Path,
    *,
    source: str | Path | None = None,
    driving: str | Path | None = None,
    clips: Sequence[str] = (),
    request: Request | None = None,
    rate: Fraction | None = None,
    settings: Any = None,
    checkpoint: str | Path = DEFAULT,
    device: str = "auto",
    precision: Precision = "auto",
    codec: Codec = "match",
    relink: Relink = "add",
    installed: Path | None = None,
    restart: bool = False,
    overwrite: bool = False,
    provenance: bool = True,
    on_event: Callable[[Event], None] | None = None,
) -> RunResult:
    """Render the shots that a timeline asks for, and write the timeline that shows them.

    Args:
        timeline: any file that OpenTimelineIO reads.
        out: the folder of the results; a run that was stopped there goes on.
        source, driving, clips: as `reenact render` has them; `request` says all of it instead.
        rate: frames a second of an EDL, which does not say.
        settings: a `settings.Settings`; None: what the timeline's metadata say, or the defaults.
        installed: folder of the user's own weights; ArcFace there tells faces apart, and readers
            of landmarks are looked for.
        overwrite: files that this job did not make may be replaced; without it they never are.
        provenance: whether the files say that they are synthetic; where the EU AI Act applies, they
            must.
        on_event: called with every event of the run, as progress.

    Raises:
        ReenactError: the timeline, the networks or the folder cannot be used. What is wrong with
            one shot is in the result.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    marking = open_marking() if provenance else UNMARKED
    request, look = request or _request(source, driving, clips), each_once(probe)
    timeline, out = Path(timeline), Path(out)
    journal = render_journal(timeline, out, overwrite=overwrite)
    edit = read_timeline(
        timeline,
        work=out,
        journal=journal,
        rate=rate,
        roots=request.roots,
        search=request.search,
        probe=look,
    )
    plan, _ = fit_plan(
        make_plan(edit, request, probe=look), out, codec, overwrite=overwrite, probe=look
    )
    settings = settings or settings_for(timeline=edit.settings)
    compute = choose_compute(device, precision)
    models = load_models(checkpoint, compute)
    settings = with_reader(settings, models, [installed] if installed else [])
    outcomes: list[Outcome] = []
    run = render_plan(
        plan,
        models,
        out,
        settings,
        compute,
        codec=codec,
        installed=installed,
        restart=restart,
        overwrite=overwrite,
        marking=marking,
        probe=look,
    )
    with closing(run) as events:
        for event in events:
            if on_event is not None:
                on_event(event)
            if isinstance(event, ShotDone | ShotFailed):
                outcomes.append(event)
    seconds = time.monotonic() - began
    table = {**to_table(settings), "codec": codec, "relink": relink}
    facts = RunFacts(started, seconds, table, checkpoint_facts(models), compute, marking)
    return conclude(edit, plan, out, outcomes, facts, relink, overwrite=overwrite)


def _request(
    source: str | Path | None, driving: str | Path | None, clips: Sequence[str]
) -> Request:
    return Request(
        tuple(clips),
        None if source is None else Path(source),
        driving=None if driving is None else Path(driving),
    )


def _result(rendered: RenderedShot, facts: RunFacts) -> dict[str, Any]:
    """What a media reference says of its shot."""
    casts = [
        {
            "mode": cast.mode,
            "scheme": cast.scheme,
            "strength": cast.strength,
            "expression": cast.expression,
            "pose": cast.pose,
            "strengths": asdict(cast.strengths),
        }
        for cast in rendered.shot.casts
    ]
    return {
        "checkpoint": facts.checkpoint,
        "casts": casts,
        "faces": rendered.faces,
        "seconds": rendered.seconds,
        "notes": list(rendered.notes),
    }
