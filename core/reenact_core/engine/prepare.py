"""A shot made ready to move: faces found, chosen and cut out, and given what drives them."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reenact_core.engine.casting import Casting, Scene, roles_of
from reenact_core.engine.cutting import crop_bytes, cut_faces, follow_faces
from reenact_core.engine.events import Progress
from reenact_core.engine.footage import Footage, clip_footage, driver_footage
from reenact_core.engine.likeness import likeness_in
from reenact_core.engine.role import Role
from reenact_core.engine.spool import require_space
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import FaceError
from reenact_core.timeline.plan import FaceChoice, Shot
from reenact_core.tracking.choose import Chosen, choose_face
from reenact_core.tracking.track import FaceTrack


@dataclass(frozen=True, slots=True, eq=False)
class PreparedShot:
    """A shot whose faces wait on disk to be moved."""

    shot: Shot
    clip: Footage
    roles: tuple[Role, ...]
    notes: tuple[str, ...]

    @property
    def frames_to_move(self) -> int:
        return sum(role.frames_to_move for role in self.roles)


def prepare_shot(
    shot: Shot, workshop: Workshop, stack: ExitStack, clip: Footage | None = None
) -> Generator[Progress, None, PreparedShot]:
    """Find, choose and cut the faces of a shot; its spools live as long as `stack`.

    Args:
        clip: the shot's media, where they have been looked at before.

    Raises:
        MediaError: a file cannot be read or decoded.
        FaceError: a face that was asked for is not there.
        OutputError: the disk has no room for the crops.
    """
    clip = clip or clip_footage(shot, workshop.look)
    drivers = {
        cast.driving: driver_footage(cast.driving, shot, workshop.look)
        for cast in shot.casts
        if cast.mode == "redirect" and cast.driving is not None
    }
    found = yield from follow_faces(shot.shot_id, [clip, *drivers.values()], workshop)
    acting = dict(zip(drivers, found[1:], strict=True))
    castings, choices = _castings(shot, clip, found[0], drivers, acting, workshop)
    wanted = _wanted(castings, clip)
    out = workshop.folder.out
    require_space(out, _spool_bytes(wanted, castings, clip, workshop), shot.shot_id)
    faces = yield from cut_faces(shot.shot_id, wanted, workshop, stack)
    roles, notes = roles_of(Scene(shot, clip, faces, workshop, stack), castings)
    if not roles and any(cast.strength > 0 for cast in shot.casts):
        why = " ".join([*choices, *notes])
        raise FaceError(f"{clip.name}: no new face is to be made; {why}")
    require_space(out, sum(role.bytes_to_make for role in roles), shot.shot_id)
    return PreparedShot(shot, clip, tuple(roles), tuple(dict.fromkeys([*choices, *notes])))


def _castings(
    shot: Shot,
    clip: Footage,
    tracks: Sequence[FaceTrack],
    drivers: Mapping[Path, Footage],
    acting: Mapping[Path, Sequence[FaceTrack]],
    workshop: Workshop,
) -> tuple[list[Casting], list[str]]:
    """Who plays what, and what a user should know of how faces were chosen."""
    castings: list[Casting] = []
    notes: list[str] = []
    for cast in (cast for cast in shot.casts if cast.strength > 0):
        chosen = choose_in(clip, tracks, cast.face, workshop)
        notes += chosen.notes
        driver, actors = None, Chosen(())
        if cast.mode == "redirect" and cast.driving is not None:
            driver = drivers[cast.driving]
            actors = choose_in(driver, acting[cast.driving], FaceChoice(), workshop)
            notes += [f"{driver.source.path.name}: {note}" for note in actors.notes]
        castings.append(Casting(cast, chosen.tracks, driver, actors.tracks))
    return castings, notes


def choose_in(
    footage: Footage, tracks: Sequence[FaceTrack], choice: FaceChoice, workshop: Workshop
) -> Chosen:
    """The tracks of a file that a choice means, told apart by their faces.

    Raises:
        FaceError: no track answers the choice.
        MediaError: a frame, or the reference picture, cannot be decoded.
    """
    likeness = likeness_in(footage, choice.reference, workshop)
    return choose_face(tracks, choice, footage.frames, clip=footage.name, likeness=likeness)


def _wanted(castings: Sequence[Casting], clip: Footage) -> dict[Footage, list[FaceTrack]]:
    """Every track that a casting uses, once, by its file."""
    wanted: dict[Footage, dict[FaceTrack, None]] = {clip: {}}
    for casting in castings:
        wanted[clip].update(dict.fromkeys(casting.tracks))
        if casting.driver is not None:
            wanted.setdefault(casting.driver, {}).update(dict.fromkeys(casting.acting))
    return {file: list(tracks) for file, tracks in wanted.items()}


def _spool_bytes(
    wanted: Mapping[Footage, Sequence[FaceTrack]],
    castings: Sequence[Casting],
    clip: Footage,
    workshop: Workshop,
) -> int:
    """What a shot takes on disk meanwhile: crops of all tracks, and new faces of the clip's.

    New faces may be larger; how much is known when the crops are there.
    """
    cut = sum(
        crop_bytes(file, len(track.frames), workshop)
        for file, tracks in wanted.items()
        for track in tracks
    )
    made = sum(len(track.frames) for casting in castings for track in casting.tracks)
    return cut + crop_bytes(clip, made, workshop)
