"""The output folder: what a run will write there, and what it must leave alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from reenact_core.engine.digest import sequence_files
from reenact_core.engine.footage import Footage, clip_footage
from reenact_core.errors import MediaError, OutputError
from reenact_core.journal import MADE, Journal, render_job
from reenact_core.media.codecs import Codec, EncodeSettings
from reenact_core.media.fitting import fit_codec
from reenact_core.media.probe import probe as look_at
from reenact_core.provenance.config import user_config_folder
from reenact_core.provenance.mark import frames_file
from reenact_core.provenance.sign import sidecar_of
from reenact_core.timeline.clip_media import Probe
from reenact_core.timeline.plan import Plan, Refused, Shot, Source
from reenact_core.timing import FrameRange

RUN_FILE = "run.json"


def fit_plan(
    plan: Plan,
    out: Path | None,
    codec: Codec,
    *,
    overwrite: bool = False,
    probe: Probe | None = None,
) -> tuple[Plan, tuple[str, ...]]:
    """A plan as it can be written into a folder, and what the new files will not be or hold.

    A shot is refused whose pictures no encoder takes, or whose file would take the place of one
    that this job did not make. The notes name clips; a run says the same of each shot.

    Args:
        out: None: only what encoders take is asked.
        probe: looks at media files; None: `media.probe.probe`.

    Raises:
        OutputError: the timeline or `run.json` would take such a place, or a result would
            overwrite what the run reads.
    """
    journal = None
    if out is not None:
        spare_inputs(plan, out)
        journal = render_journal(plan.timeline, out, overwrite=overwrite)
        journal.require([timeline_path(plan.timeline, out), out / RUN_FILE])
    kept, refused, said = list[Shot](), list(plan.refused), dict[str, list[str]]()
    for shot in plan.shots:
        where = f'clip "{shot.clip_name}" on track {shot.track_name}'
        try:
            clip = clip_footage(shot, cast(Any, probe or look_at))
            encode, notes = fit_codec(clip.info, codec, clip.frames.rate)
            if journal is not None:
                journal.require(results_of(shot, clip, encode, journal.folder))
        except (MediaError, OutputError) as error:
            refused.append(Refused(shot.clip_name, f"{where}: {error}"))
            continue
        kept.append(shot)
        for note in notes:
            said.setdefault(note, []).append(where)
    fitted = replace(plan, shots=tuple(kept), refused=tuple(refused))
    return fitted, tuple(f"{_named(clips)}: {note}" for note, clips in said.items())


def render_journal(timeline: Path, out: Path, *, overwrite: bool = False) -> Journal:
    """The journal of a folder of results, by the eyes of rendering a timeline into it."""
    return Journal(out, render_job(timeline, out), overwrite=overwrite)


def user_journal(folder: Path, command: str, *, overwrite: bool = False) -> Journal:
    """The journal of a command that leaves nothing but its files in a folder: among the user's own
    settings, by absolute paths."""
    place = user_config_folder() / MADE
    return Journal(folder, command, overwrite=overwrite, place=place)


def spare_inputs(plan: Plan, out: Path) -> None:
    """See that no result can take the name of the timeline, a clip's media or an actor's file.

    Raises:
        OutputError: names the file that would be overwritten.
    """
    folder = out.resolve()
    names = {plan.timeline.stem} | {shot.shot_id for shot in plan.shots}
    for path in _inputs(plan):
        place = path.resolve()
        inside = folder in (place.parent, place.parent.parent)
        if inside and (place.stem in names or place.parent.name in names):
            raise OutputError(
                f"{path} could be overwritten by a result of the same name; "
                "choose another folder with -o"
            )


def timeline_path(timeline: Path, out: Path) -> Path:
    """The timeline that a run writes."""
    return out / f"{timeline.stem}.otio"


def output_of(path: Path, clip: Footage, *, is_sequence: bool) -> Source:
    """The new file of a shot; a sequence is numbered like the clip's own, else from 1."""
    frames = FrameRange(0, len(clip.frames), clip.frames.rate)
    if not is_sequence:
        return Source(path, frames)
    numbers = clip.info.numbers
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    return Source(path, frames, numbers[clip.frames.start] if numbers else 1, step)


def results_of(shot: Shot, clip: Footage, encode: EncodeSettings, out: Path) -> list[Path]:
    """Every file that a shot may leave in the folder."""
    path = encode.output_path(out, shot.shot_id)
    return files_of(output_of(path, clip, is_sequence=encode.is_sequence))


def files_of(output: Source) -> list[Path]:
    """A result's own files and those that may lie beside it."""
    if output.first_number is None:
        return [output.path, sidecar_of(output.path)]
    listed = frames_file(output.path)
    pictures = sequence_files(output) if output.path.parent.is_dir() else []
    return [*pictures, listed, sidecar_of(listed)]


def _named(clips: list[str]) -> str:
    return clips[0] if len(clips) == 1 else f"{clips[0]} and {len(clips) - 1} more"


def _inputs(plan: Plan) -> Iterator[Path]:
    yield plan.timeline
    for shot in plan.shots:
        yield shot.target.path
        for one in shot.casts:
            yield from one.files
