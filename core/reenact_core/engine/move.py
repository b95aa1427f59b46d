"""The new faces of prepared shots, side by side, on disk."""

from collections.abc import Generator, Sequence

from reenact_core.engine.events import Progress
from reenact_core.engine.performer import Performer
from reenact_core.engine.prepare import PreparedShot


def move_faces(
    shots: Sequence[PreparedShot], performer: Performer
) -> Generator[Progress, None, dict[str, int]]:
    """Perform every take of every shot; gives the number of faces made, by shot.

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
    for take_id, index, face in performer.perform(takes):
        shot, role, stretch = places[take_id]
        role.new.write(stretch.start + index, face)
        shot_id = shot.shot.shot_id
        done[shot_id] += 1
        yield Progress(shot_id, "move", done[shot_id], shot.frames_to_move)
    return done
