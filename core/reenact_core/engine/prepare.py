"""A shot made ready to move: faces found, chosen and cut out, and given what drives them."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reenact_core.engine.casting import POINT_COUNT, Casting, Scene, roles_of
from reenact_core.engine.cut_face import (
    CutFace,
    face_of,
    sample_bytes,
    sample_type,
    with_edges,
    write_crops,
)
from reenact_core.engine.edges import CutWatch
from reenact_core.engine.events import Progress
from reenact_core.engine.footage import Footage, clip_footage, driver_footage, tracks_of
from reenact_core.engine.likeness import likeness_to
from reenact_core.engine.role import Role
from reenact_core.engine.spool import open_spool, require_space
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import FaceError
from reenact_core.media.decode import decode
from reenact_core.timeline.plan import FaceChoice, Shot
from reenact_core.tracking.choose import choose_face
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
    shot: Shot, workshop: Workshop, stack: ExitStack
) -> Generator[Progress, None, PreparedShot]:
    """Find, choose and cut the faces of a shot; its spools live as long as `stack`.

    Raises:
        MediaError: a file cannot be read or decoded.
        FaceError: a face that was asked for is not there.
        OutputError: the disk has no room for the crops.
    """
    clip = clip_footage(shot)
    drivers = {
        cast.driving: driver_footage(cast.driving, shot)
        for cast in shot.casts
        if cast.mode == "redirect" and cast.driving is not None
    }
    found = yield from _track(shot, [clip, *drivers.values()], workshop)
    castings = _castings(shot, clip, drivers, found, workshop)
    faces = yield from _cut(shot, castings, clip, workshop, stack)
    roles, notes = roles_of(Scene(shot, clip, faces, workshop, stack), castings)
    if not roles:
        raise FaceError(f"{clip.name}: no new face is to be made; {' '.join(notes)}")
    return PreparedShot(shot, clip, tuple(roles), tuple(notes))


def _track(
    shot: Shot, files: Sequence[Footage], workshop: Workshop
) -> Generator[Progress, None, list[tuple[FaceTrack, ...]]]:
    """The faces of every file; each frame counts twice, for it is decoded and then searched."""
    total = 2 * sum(len(file.frames) for file in files)
    found: list[tuple[FaceTrack, ...]] = []
    before = 0
    for file in files:
        after = before + 2 * len(file.frames)
        search = tracks_of(file, workshop)
        while True:
            try:
                done = min(before + next(search), after)
            except StopIteration as stop:
                found.append(stop.value)
                break
            yield Progress(shot.shot_id, "track", done, total)
        before = after
        yield Progress(shot.shot_id, "track", before, total)
    return found


def _castings(
    shot: Shot,
    clip: Footage,
    drivers: dict[Path, Footage],
    found: Sequence[tuple[FaceTrack, ...]],
    workshop: Workshop,
) -> list[Casting]:
    acting = dict(zip(drivers, found[1:], strict=True))
    castings: list[Casting] = []
    for cast in shot.casts:
        tracks = _chosen(found[0], cast.face, clip, workshop)
        driver = drivers.get(cast.driving) if cast.mode == "redirect" and cast.driving else None
        actors: list[FaceTrack] = []
        if driver is not None and cast.driving is not None:
            actors = _chosen(acting[cast.driving], FaceChoice(), driver, workshop)
        castings.append(Casting(cast, tuple(tracks), driver, tuple(actors)))
    return castings


def _chosen(
    tracks: Sequence[FaceTrack], choice: FaceChoice, footage: Footage, workshop: Workshop
) -> list[FaceTrack]:
    likeness = None
    if choice.reference is not None:
        likeness = likeness_to(choice.reference, footage, workshop)
    return choose_face(tracks, choice, footage.frames, clip=footage.name, likeness=likeness)


def _cut(
    shot: Shot,
    castings: Sequence[Casting],
    clip: Footage,
    workshop: Workshop,
    stack: ExitStack,
) -> Generator[Progress, None, dict[FaceTrack, CutFace]]:
    """The crops of all tracks in use, on disk."""
    files: dict[Footage, dict[FaceTrack, None]] = {clip: {}}
    for casting in castings:
        files[clip].update(dict.fromkeys(casting.tracks))
        if casting.driver is not None:
            files.setdefault(casting.driver, {}).update(dict.fromkeys(casting.acting))
    require_space(workshop.folder.out, _spool_bytes(castings, files, workshop), shot.shot_id)
    total = sum(len(file.frames) for file in files)
    faces: dict[FaceTrack, CutFace] = {}
    done = 0
    for number, (file, tracks) in enumerate(files.items()):
        name = f"{shot.shot_id}-{number}"
        fresh = _open_faces(name, file, tracks, workshop, stack)
        watch = CutWatch(track.frames for track in tracks)
        pictures = decode(file.info, file.frames)
        try:
            for count in write_crops(watch.passing(pictures), list(fresh.values())):
                yield Progress(shot.shot_id, "cut", done + count, total)
        finally:
            pictures.close()
        done += len(file.frames)
        faces |= {
            track: with_edges(face, watch.edges_of(track.frames, file.frames), workshop.settings)
            for track, face in fresh.items()
        }
    return faces


def _open_faces(
    name: str,
    file: Footage,
    tracks: Iterable[FaceTrack],
    workshop: Workshop,
    stack: ExitStack,
) -> dict[FaceTrack, CutFace]:
    size = workshop.settings.crop.size
    faces: dict[FaceTrack, CutFace] = {}
    for track in tracks:
        path = workshop.folder.spool / f"{name}-{track.face_id}.crops"
        spool = open_spool(path, (size, size, 3), sample_type(file.info.layout))
        crops = stack.enter_context(spool)
        faces[track] = face_of(track, file.info, workshop.settings, crops)
    return faces


def _spool_bytes(
    castings: Sequence[Casting],
    files: dict[Footage, dict[FaceTrack, None]],
    workshop: Workshop,
) -> int:
    """What the spools of a shot will take: crops of all tracks, and new faces of the clip's."""
    samples = workshop.settings.crop.size**2 * 3
    cut = sum(
        len(track.frames) * samples * sample_bytes(file.info.layout)
        for file, tracks in files.items()
        for track in tracks
    )
    wide = sample_bytes(next(iter(files)).info.layout)
    made = sum(len(track.frames) for casting in castings for track in casting.tracks)
    return cut + made * (samples * wide + POINT_COUNT * 8)
