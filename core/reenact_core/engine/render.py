"""A plan rendered: shots made ready, moved side by side, pasted and written, group by group."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from reenact_core.devices import Compute
from reenact_core.engine.digest import Digests, key_of, sequence_files
from reenact_core.engine.events import Event, Progress, ShotDone, ShotFailed
from reenact_core.engine.finish import write_shot
from reenact_core.engine.footage import clip_footage
from reenact_core.engine.move import move_faces
from reenact_core.engine.out_folder import output_of, results_of, spare_inputs
from reenact_core.engine.prepare import PreparedShot, prepare_shot
from reenact_core.engine.resume import open_run
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import ReenactError
from reenact_core.journal import render_job
from reenact_core.media.codecs import Codec
from reenact_core.media.fitting import fit_codec
from reenact_core.media.probe import Look
from reenact_core.media.probe import probe as look_at
from reenact_core.models.load import Models
from reenact_core.provenance.manifest import deed_of
from reenact_core.provenance.mark import Marking, open_marking, sealed
from reenact_core.settings import Settings
from reenact_core.timeline.clip_media import each_once
from reenact_core.timeline.plan import Plan, RenderedShot, Shot
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_core.version import __version__

FORMAT = 2
"""Raised when finished shots of earlier versions must not be kept."""


def render_plan(
    plan: Plan,
    models: Models,
    out: Path,
    settings: Settings,
    compute: Compute,
    *,
    codec: Codec = "match",
    detector: Detector | None = None,
    tracker: str = "embedded",
    tracks: Sequence[Path] = (),
    installed: Path | None = None,
    restart: bool = False,
    overwrite: bool = False,
    marking: Marking | None = None,
    probe: Look | None = None,
) -> Generator[Event, None, None]:
    """Render every shot of a plan into a folder.

    A shot that an earlier run of the same job has finished is kept. An error of one shot is an
    event, as is a file in its place that the job did not make; the others go on. Closing the
    generator unwinds what is under way and removes its unfinished files.

    Args:
        detector: finds the faces; None: the embedded one.
        tracker: the detector's name.
        tracks: tracks files, each used for the video that it names.
        installed: folder of the user's own weights; ArcFace there tells faces apart, and readers
            of landmarks are looked for.
        overwrite: files that this job did not make may be replaced.
        marking: how files are marked as synthetic; None: as this user's settings say.
        probe: looks at media. Given the `each_once` that the plan was made with, a shot fails
            whose files have changed since; None: files must stay what they are while a run lasts.

    Raises:
        OutputError: the folder cannot be written, another run works in it, or a result would
            overwrite what the run reads.
        CheckpointError: the networks are of a kind that cannot render.
        SettingsError: the certificate of the user's settings cannot sign.
    """
    from reenact_core.engine.performers import performer_of, with_reader

    spare_inputs(plan, out)
    folders = [installed] if installed else []
    settings = with_reader(settings, models, folders)
    marking = marking or open_marking()
    job = render_job(plan.timeline, out)
    with open_run(out, job=job, restart=restart, overwrite=overwrite) as folder:
        workshop = Workshop(
            folder,
            settings,
            codec,
            detector or EmbeddedDetector(),
            tracker,
            performer_of(models, settings, compute, folders),
            networks_name(models, compute, folder.digests),
            settings.lanes.width if compute.device != "cpu" else 1,
            installed,
            tuple(tracks),
            marking,
            probe or each_once(look_at),
        )
        yield from render_shots(plan, workshop)


def networks_name(models: Models, compute: Compute, digests: Digests) -> str:
    """What decides about the faces besides settings and takes."""
    name = f"{digests.of_file(models.path)} {compute.precision}"
    if models.integrator is None:
        return name
    files = " ".join(digests.of_file(file) for file in models.integrator.files)
    return f"{name} {models.integrator.id} {files}"


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A prepared shot with the key of all that determines it."""

    prepared: PreparedShot
    key: str
    seconds: float
    """Spent on it so far."""


def render_shots(plan: Plan, workshop: Workshop) -> Generator[Event, None, None]:
    """Render every shot of a plan into the workshop's folder.

    An error of one shot is an event; the others go on. Closing the generator unwinds what is under
    way and removes its unfinished files.
    """
    for group in _groups(plan.shots, workshop.width):
        with ExitStack() as stack:
            ready = yield from _prepare_group(group, workshop, stack)
            moved = yield from _move_group(ready, workshop)
            for item in moved:
                yield from _finish_one(item, workshop)


def _groups(shots: Sequence[Shot], width: int) -> Iterator[list[Shot]]:
    """Neighbouring shots whose faces together fill the lanes."""
    group: list[Shot] = []
    for shot in shots:
        group.append(shot)
        # A face takes two lanes, one forwards and one backwards from its start.
        if 2 * sum(len(shot.casts) for shot in group) >= width:
            yield group
            group = []
    if group:
        yield group


def _prepare_group(
    group: Sequence[Shot], workshop: Workshop, stack: ExitStack
) -> Generator[Event, None, list[_Ready]]:
    ready: list[_Ready] = []
    for shot in group:
        began = time.monotonic()
        try:
            key = shot_key(shot, workshop)
            kept = workshop.folder.finished(shot, key)
            if kept is not None:
                yield ShotDone(kept, kept=True)
                continue
            clip = clip_footage(shot, workshop.look)
            encode, _ = fit_codec(clip.info, workshop.codec, clip.frames.rate)
            folder = workshop.folder
            folder.journal.require(results_of(shot, clip, encode, folder.out))
            prepared = yield from prepare_shot(shot, workshop, stack, clip)
        except ReenactError as error:
            yield ShotFailed(shot, error)
            continue
        finally:
            workshop.folder.digests.save()
        ready.append(_Ready(prepared, key, time.monotonic() - began))
    return ready


def _move_group(
    ready: Sequence[_Ready], workshop: Workshop
) -> Generator[Event, None, list[_Ready]]:
    """The new faces of all shots of a group, side by side, on disk."""
    began = time.monotonic()
    try:
        done = yield from move_faces([item.prepared for item in ready], workshop.performer)
    except ReenactError as error:
        if len(ready) > 1:
            # One shot may be at fault; alone, each of them shows whether it is.
            return (yield from _move_apart(ready, workshop))
        for item in ready:
            yield ShotFailed(item.prepared.shot, error)
        return []
    total = max(1, sum(done.values()))
    spent = time.monotonic() - began
    return [
        replace(item, seconds=item.seconds + spent * done[item.prepared.shot.shot_id] / total)
        for item in ready
    ]


def _move_apart(
    ready: Sequence[_Ready], workshop: Workshop
) -> Generator[Event, None, list[_Ready]]:
    moved: list[_Ready] = []
    for item in ready:
        moved += yield from _move_group([item], workshop)
    return moved


def _finish_one(item: _Ready, workshop: Workshop) -> Iterator[Event]:
    prepared, began = item.prepared, time.monotonic()
    shot, clip = prepared.shot, prepared.clip
    try:
        encode, notes = fit_codec(clip.info, workshop.codec, clip.frames.rate)
        journal = workshop.folder.journal
        encode, seal = sealed(encode, workshop.marking, deed_of(shot), journal)
        path = encode.output_path(workshop.folder.out, shot.shot_id)
        settings, admit = workshop.settings, journal.admit
        for done in write_shot(path, clip, prepared.roles, settings, encode, seal, admit=admit):
            yield Progress(shot.shot_id, "paste", done, len(clip.frames))
    except ReenactError as error:
        yield ShotFailed(shot, error)
        return
    output = output_of(path, clip, is_sequence=encode.is_sequence)
    rendered = RenderedShot(
        shot,
        output,
        round(item.seconds + time.monotonic() - began, 3),
        len({id(role.cast) for role in prepared.roles}),
        tuple(dict.fromkeys([*clip.info.notes, *notes, *prepared.notes, *seal.notes])),
        seal.all_marks(encode),
    )
    files = [*(sequence_files(output) if encode.is_sequence else [path]), *seal.beside]
    workshop.folder.record(rendered, item.key, files)
    yield ShotDone(rendered)


def shot_key(shot: Shot, workshop: Workshop) -> str:
    """One hash of everything that determines a shot's file.

    Raises:
        MediaError: a file that the shot needs is not there.
    """
    parts = [
        FORMAT,
        __version__,
        shot,
        workshop.settings,
        workshop.codec,
        workshop.detector_name,
        workshop.performer_name,
        list(workshop.given_tracks),
        workshop.marking is not None and workshop.marking.wanted,
    ]
    return key_of(parts, workshop.folder.digests)
