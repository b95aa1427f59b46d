"""The work of each kind of unit, by the engine's own parts; files get their names when whole."""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reenact_core.engine.cutting import follow_faces
from reenact_core.engine.events import Progress
from reenact_core.engine.finish import write_frames
from reenact_core.engine.footage import Footage, clip_footage, driver_footage
from reenact_core.engine.move import move_faces
from reenact_core.engine.performer import Crops, Floats, NewFace, Take
from reenact_core.engine.prepare import prepare_shot
from reenact_core.farm.desk import Desk
from reenact_core.farm.moved_faces import half_moved, keep_moved, open_moved
from reenact_core.farm.plan import Unit
from reenact_core.files import sha256
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.fitting import fit_codec
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange

UnitEvents = Generator[Progress, None, list[Path]]
"""Progress; gives the files that were made."""


def do_track(unit: Unit, desk: Desk, scratch: Path) -> UnitEvents:
    """Find the faces of a shot and of its driving videos; other shots of the files profit.

    Raises:
        MediaError, FaceError: as `engine.footage.tracks_of`.
    """
    shot, workshop = desk.plan.shot(unit.shot), desk.workshop(scratch, _Nobody())
    files = [clip_footage(shot, workshop.look)]
    files += [
        driver_footage(cast.driving, shot, workshop.look)
        for cast in shot.casts
        if cast.mode == "redirect" and cast.driving is not None
    ]
    yield from follow_faces(shot.shot_id, files, workshop)
    return []


def do_move(unit: Unit, desk: Desk, scratch: Path) -> UnitEvents:
    """Cut out the faces of a shot and move them, the recurrence from end to end.

    Raises:
        ReenactError: as `engine.prepare.prepare_shot` and the performer.
    """
    shot, target = desk.plan.shot(unit.shot), desk.folder.moved(unit)
    performer = desk.tools.performer()
    workshop = desk.workshop(scratch, performer)
    with ExitStack() as stack:
        prepared = yield from prepare_shot(shot, workshop, stack)
        diary = half_moved(prepared, scratch, unit.key)
        yield from move_faces([prepared], performer, diary)
        shutil.rmtree(scratch / "moved", ignore_errors=True)
        keep_moved(prepared, desk.settings, scratch / "moved")
    _settle(scratch / "moved", target)
    return []


def do_render(unit: Unit, desk: Desk, scratch: Path) -> UnitEvents:
    """Paste the new faces into a range of frames, and encode it without sound.

    Raises:
        MediaError: a frame cannot be decoded or encoded.
        TemporaryError: the shot's new faces are missing.
    """
    shot, move = desk.plan.shot(unit.shot), desk.move_of(unit)
    clip = part_of(clip_footage(shot, probe), unit)
    encode = piece_settings(clip, desk.plan.options.codec)
    scratch.mkdir(parents=True, exist_ok=True)
    made = encode.output_path(scratch, piece_name(unit))
    with ExitStack() as stack:
        roles, _ = open_moved(desk.folder.moved(move), shot, stack)
        coming = [role.placements(clip.frames, desk.settings) for role in roles]
        for done in write_frames(made, clip, coming, desk.settings, encode):
            yield Progress(shot.shot_id, "paste", done, len(clip.frames))
    target = piece_path(unit, desk, encode)
    _settle(made.parent if encode.is_sequence else made, target)
    return sorted(target.iterdir()) if target.is_dir() else [target]


def part_of(clip: Footage, unit: Unit) -> Footage:
    """The frames of a clip that a unit renders."""
    frames = FrameRange(unit.start, unit.stop, clip.frames.rate)
    return Footage(replace(clip.source, frames=frames), clip.info)


def piece_settings(clip: Footage, codec: Any) -> EncodeSettings:
    """How a piece is encoded: as the whole, but without its sound."""
    settings, _ = fit_codec(clip.info, codec, clip.frames.rate)
    return replace(settings, sound="none")


def piece_name(unit: Unit) -> str:
    """The name of a piece's file without its suffix, by the frames that it holds."""
    return f"{unit.start:06d}-{unit.stop - 1:06d}"


def piece_path(unit: Unit, desk: Desk, encode: EncodeSettings) -> Path:
    """A piece's file, or its folder of pictures."""
    folder = desk.folder.pieces(desk.move_of(unit))
    path = encode.output_path(folder, piece_name(unit))
    return path.parent if encode.is_sequence else path


def file_facts(path: Path, folder: Path) -> dict[str, Any]:
    """A file as a done unit names it."""
    name = path.relative_to(folder).as_posix()
    return {"path": name, "bytes": path.stat().st_size, "sha256": sha256(path)}


def _settle(made: Path, target: Path) -> None:
    """Give what was made its name; what another worker made meanwhile is as good."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if made.is_dir() and target.is_dir():
        return
    os.replace(made, target)


@dataclass(frozen=True, slots=True)
class _Nobody:
    """The performer of units that move no face."""

    def choose_source(self, own: Crops, driving: Crops) -> int:
        raise ValueError("a track unit chooses no source")

    def choose_still(self, stills: Sequence[Floats], driving: Sequence[Crops]) -> int:
        raise ValueError("a track unit chooses no source")

    def perform(self, takes: Sequence[Take]) -> Iterator[tuple[str, int, NewFace]]:
        raise ValueError("a track unit moves no face")
