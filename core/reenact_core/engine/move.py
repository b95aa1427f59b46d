"""The new faces of prepared shots, side by side, on disk."""

from collections.abc import Generator, Sequence

from reenact_core.engine.diary import Diary
from reenact_core.engine.events import Progress
from reenact_core.engine.performer import GoingOn, Performer
from reenact_core.engine.prepare import PreparedShot


def move_faces(
    shots: Sequence[PreparedShot], performer: Performer, diary: Diary | None = None
) -> Generator[Progress, None, dict[str, int]]:
    """Perform every take of every shot; gives the number of faces made, by shot.

    With a diary, and a performer that can go on, only what is not done yet; the spools must hold
    what is.

    Raises:
        ReenactError: the networks cannot do what a take asks, or the disk is full.
    """
    places = {
        take.take_id: (shot, role, stretch)
        for shot in shots
        for role in shot.roles
        for take, stretch in zip(role.takes, role.performance.stretches, strict=True)
    }
    takes = [take for shot in shots for role in shot.roles for take in role.takes]
    done = dict.fromkeys((shot.shot.shot_id for shot in shots), 0)
    if diary is not None and isinstance(performer, GoingOn):
        faces = performer.go_on(takes, diary)
    else:
        faces = performer.perform(takes)
    for take_id, index, face in faces:
        shot, role, stretch = places[take_id]
        role.new.write(stretch.start + index, face)
        shot_id = shot.shot.shot_id
        done[shot_id] += 1
        yield Progress(shot_id, "move", done[shot_id], shot.frames_to_move)
    return done
