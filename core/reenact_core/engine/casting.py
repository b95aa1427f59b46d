"""Casts made into roles: what drives each face, when it shows, and the takes to be played."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reenact_core.crop.fade import FadeSettings
from reenact_core.engine.cut_face import CutFace, frame_seconds
from reenact_core.engine.driving import Drive, Performance, drive_by_itself, drive_by_time, perform
from reenact_core.engine.footage import Footage
from reenact_core.engine.performer import Crops, Floats, Take
from reenact_core.engine.role import NewFaces, Region, Role
from reenact_core.engine.sources import large_own, large_portrait, new_size, sides_of
from reenact_core.engine.spool import Spool, open_spool
from reenact_core.engine.stills import Stills, find_stills
from reenact_core.engine.workshop import Workshop
from reenact_core.timeline.plan import Cast, Shot
from reenact_core.timing import FrameRange, runs_of, said
from reenact_core.tracking.track import FaceTrack
from reenact_core.wording import amount

POINT_COUNT = 79
LEAST_FRAMES = 3
"""A face that is seen for fewer frames in a row is left as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Casting:
    """A cast, the tracks of the clip that it is for, and those that drive it (redirect)."""

    cast: Cast
    tracks: tuple[FaceTrack, ...]
    driver: Footage | None
    acting: tuple[FaceTrack, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A shot whose faces are cut out."""

    shot: Shot
    clip: Footage
    faces: Mapping[FaceTrack, CutFace]
    """Tracks that are in use, of the clip and of driving files, and their crops."""
    workshop: Workshop
    stack: ExitStack
    """What the scene's spools live as long as."""


def roles_of(scene: Scene, castings: Sequence[Casting]) -> tuple[list[Role], list[str]]:
    """Every face that gets a new one, and what a user should know about it.

    Raises:
        MediaError, FaceError: the picture of a cast cannot be used.
    """
    roles: list[Role] = []
    notes: list[str] = []
    for number, casting in enumerate(castings):
        stills = _stills(casting.cast, scene.workshop)
        notes += stills.notes if stills is not None else ()
        for track in casting.tracks:
            performance = _performance(scene, casting, scene.faces[track])
            notes += _notes(performance, track, casting, scene.workshop.settings.fade)
            if performance.stretches:
                name = f"{scene.shot.shot_id}-{number}-{track.face_id}"
                role, told = _role(name, scene, casting, track, performance, stills)
                roles.append(role)
                notes += told
    return roles, list(dict.fromkeys(notes))


def _stills(cast: Cast, workshop: Workshop) -> Stills | None:
    """What shows S of a recast; None for a redirect, whose S is in the clip."""
    if cast.mode == "redirect":
        return None
    if cast.picture is None:
        raise ValueError("a recast needs a picture")
    return find_stills(
        (cast.picture, *cast.stills),
        cast.picture_time,
        workshop.settings,
        workshop.detector,
        installed=workshop.installed,
        look=workshop.look,
    )


def _performance(scene: Scene, casting: Casting, face: CutFace) -> Performance:
    drive = drive_by_itself(face)
    if casting.driver is not None:
        drive = _driven_by(casting.driver, casting, scene, face)
    return perform(face, drive, scene.workshop.settings.fade, LEAST_FRAMES)


def _driven_by(driver: Footage, casting: Casting, scene: Scene, face: CutFace) -> Drive:
    shown = scene.shot.shown
    first = FrameRange(shown.start, shown.start + 1, shown.rate)
    since = face.seconds - frame_seconds(scene.clip.info, first)[0]
    times = frame_seconds(driver.info, driver.source.frames)
    actors = [scene.faces[track] for track in casting.acting]
    return drive_by_time(face, since, actors, times, driver.source.frames.rate)


def _role(
    name: str,
    scene: Scene,
    casting: Casting,
    track: FaceTrack,
    performance: Performance,
    stills: Stills | None,
) -> tuple[Role, tuple[str, ...]]:
    """The role, and what a user should know of its source."""
    face, told = scene.faces[track], tuple[str, ...]()

    def spool(kind: str, shape: tuple[int, ...], dtype: Any) -> Spool:
        path = scene.workshop.folder.spool / f"{name}.{kind}"
        return scene.stack.enter_context(open_spool(path, shape, dtype))

    if stills is None:
        takes, size = _redirected(name, scene, casting, face, performance)
    else:
        takes, size, told = _recast(name, scene, casting, face, performance, stills)
    new = NewFaces(
        spool("faces", (size, size, 3), face.crops.dtype),
        spool("points", (POINT_COUNT, 2), np.float32),
        None if stills is None else spool("masks", face.crops.shape[:2], np.uint8),
    )
    role = Role(casting.cast, face, performance, tuple(takes), new, _region(scene, casting))
    return role, told


def _region(scene: Scene, casting: Casting) -> Region:
    still = casting.driver is not None and scene.clip.info.still
    return "crop" if still else "faces"


def _recast(
    name: str,
    scene: Scene,
    casting: Casting,
    face: CutFace,
    performance: Performance,
    stills: Stills,
) -> tuple[list[Take], int, tuple[str, ...]]:
    """The takes of one of a person's pictures, how many samples a side its new faces have, and what
    a user should know of the choice."""
    acting = [_driving(scene, casting, face, performance, part) for part in performance.stretches]
    main = stills.main(scene.workshop.performer, acting)
    portrait, others = stills.portraits[main], stills.others(main)
    cast, size = casting.cast, _size(scene, casting, face, performance, portrait.own_side)
    large = None
    if size > len(portrait.pixels):
        path = scene.workshop.folder.spool / f"{name}.source"
        large = large_portrait(portrait.at(size).pixels, path, scene.stack)
    takes = [
        replace(
            _take(cast, f"{name}-{number}", portrait.pixels, driving, None, large), others=others
        )
        for number, driving in enumerate(acting)
    ]
    return takes, size, stills.told(main)


def _redirected(
    name: str, scene: Scene, casting: Casting, face: CutFace, performance: Performance
) -> tuple[list[Take], int]:
    """The takes of a clip's own face, and how many samples a side its new faces have."""
    cast, chosen = casting.cast, list[int]()
    takes: list[Take] = []
    for number, stretch in enumerate(performance.stretches):
        driving = _driving(scene, casting, face, performance, stretch)
        own = Crops(face.crops, np.arange(stretch.start, stretch.stop))
        index = scene.workshop.performer.choose_source(own, driving)
        chosen.append(stretch.start + index)
        take = f"{name}-{number}"
        chosen_take = _take(cast, take, own[index], driving, own)
        takes.append(replace(chosen_take, source_at=index))
    size = _size(scene, casting, face, performance, float(sides_of(face, chosen).max()))
    if size > face.crops.shape[0]:
        path = scene.workshop.folder.spool / f"{name}.source"
        large = large_own(scene.clip, face, chosen, size, path, scene.stack)
        takes = [replace(take, large=one) for take, one in zip(takes, large, strict=True)]
    return takes, size


def _driving(
    scene: Scene, casting: Casting, face: CutFace, performance: Performance, stretch: range
) -> Crops:
    """The driving crops of a stretch."""
    drive = performance.drive
    actors = [scene.faces[track] for track in casting.acting] or [face]
    actor = actors[int(drive.actor[stretch.start])]
    records = drive.crop[stretch.start : stretch.stop]
    # A face that drives itself is pasted back as its crops were turned.
    return Crops(actor.crops, records, None if casting.driver is None else actor.tilt[records])


def _size(
    scene: Scene, casting: Casting, face: CutFace, performance: Performance, shown: float
) -> int:
    """Samples a side of a role's new faces: of the largest of them."""
    frames = [index for stretch in performance.stretches for index in stretch]
    workshop, scheme = scene.workshop, casting.cast.scheme
    seen = float(sides_of(face, frames).max())
    return new_size(seen, shown, workshop.performer, scheme, workshop.settings.crop)


def _take(
    cast: Cast,
    take_id: str,
    source: Floats,
    driving: Crops,
    own: Crops | None,
    large: Crops | None = None,
) -> Take:
    """A take as the cast asks for it; on a head of its own where there is none to go onto."""
    return Take(
        take_id,
        source,
        driving,
        cast.scheme,
        cast.strength,
        own,
        "absolute" if own is None else "relative",
        cast.expression,
        cast.pose,
        cast.strengths,
        large,
        pasted_over=cast.mode == "recast",
    )


def _notes(
    performance: Performance, track: FaceTrack, casting: Casting, settings: FadeSettings
) -> Iterator[str]:
    def frames(parts: Sequence[range]) -> str:
        first = track.frames.start
        return said([range(first + part.start, first + part.stop) for part in parts])

    if performance.dropped:
        where = frames(performance.dropped)
        yield f"Face {track.face_id} is seen too briefly in {where} and stays as it is there."
    if performance.small:
        where = frames(performance.small)
        least = amount(settings.least_pixels, "pixel")
        yield f"Face {track.face_id} is narrower than {least} in {where} and stays as it is there."
    told = {index for part in (*performance.dropped, *performance.undriven) for index in part}
    withheld = [index for part in performance.withheld for index in part if index not in told]
    if withheld:
        where = frames(runs_of(withheld))
        yield f"Face {track.face_id} is hidden or too unsure in {where} and stays as it is there."
    if casting.driver is not None and performance.undriven:
        where = frames(performance.undriven)
        name = casting.driver.source.path.name
        yield f"{name} shows no face to drive {where}; the clip's own face stays there."
