"""Which detections are one face: threads that grow through a shot, forwards and then backwards.

A thread follows its face by flow from frame to frame. On the frames that were searched it takes
the detection that lies on it; detections that no thread takes start threads of their own. A
thread that loses its face waits a little for it, then ends. Afterwards every thread is led
backwards from its first frame, to where the face was not yet recognised, and joined to the thread
that it meets there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reenact_core.tracking.detect import FaceDetection
from reenact_core.tracking.follow import Step
from reenact_core.tracking.place import Place, box_of, place_of
from reenact_core.tracking.shape import roll_of

LOST = 0.12
"""Quality of a step below which the face was not found again."""
FOUND_AGAIN = 0.30
"""Quality from which a lost face counts as followed again, from before it was lost."""
TAKES = 0.30
"""Least overlap (IoU) of a thread with a detection that it takes."""
TAKES_AGAIN = 0.12
"""The same for a thread that has lost its face: it may have moved unseen."""
SAME = 0.40
"""Threads that overlap so much are one face."""
STARTS = 0.20
"""Least score of a detection that starts a thread."""

Follow = Callable[[int, int, Place], Step]
"""The face at a place in one frame, found in a neighbouring frame."""


@dataclass(slots=True, eq=False)
class Thread:
    """What is known of one face in one shot; it grows."""

    first: int
    """Frame of `places[0]`."""
    places: list[Place]
    """Where flow led, one a frame; put right at every hit."""
    steps: dict[int, list[tuple[Place, float]]] = field(default_factory=dict)
    """Change of place from a frame to the next by flow, and its quality."""
    hits: dict[int, FaceDetection] = field(default_factory=dict)
    """The detections taken, by frame."""
    lost: int = 0
    """Frames since the face was last followed or hit; `places` stand still meanwhile."""

    @property
    def last(self) -> int:
        return self.first + len(self.places) - 1

    @property
    def evidence(self) -> float:
        """Sum of the scores of what was taken."""
        return sum(face.score for face in self.hits.values())

    def place_at(self, frame: int) -> Place | None:
        index = frame - self.first
        return self.places[index] if 0 <= index < len(self.places) else None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long threads go on without their face, in frames."""

    lost: int
    """Nothing can be followed."""
    unseen: int
    """Followed, but no detection confirms it."""


def grow_threads(
    shot: range,
    detections: Mapping[int, Sequence[FaceDetection]],
    follow: Follow,
    patience: Patience,
) -> list[Thread]:
    """The threads of a shot, joined where they are one face.

    `detections` has an entry for every frame that was searched.
    """
    threads = _forwards(shot, detections, follow, patience)
    threads.sort(key=lambda thread: -thread.evidence)
    return _backwards(threads, shot, follow, patience)


def _forwards(
    shot: range,
    detections: Mapping[int, Sequence[FaceDetection]],
    follow: Follow,
    patience: Patience,
) -> list[Thread]:
    done: list[Thread] = []
    alive: list[Thread] = []
    for frame in shot:
        for thread in alive:
            _advance(thread, frame, follow)
        if frame in detections:
            left = _take(alive, frame, detections[frame])
            alive += [_started(frame, face) for face in left if face.score >= STARTS]
            alive, doubles = _without_doubles(alive)
            done += doubles
        ended = [thread for thread in alive if _is_over(thread, frame, patience)]
        done += ended
        alive = [thread for thread in alive if thread not in ended]
    for thread in (*done, *alive):
        _forget_lost_end(thread)
    return done + alive


def _forget_lost_end(thread: Thread) -> None:
    """Take back the frames in which a thread waited in vain."""
    if thread.lost:
        del thread.places[-thread.lost :]
        for frame in [frame for frame in thread.steps if frame >= thread.last]:
            del thread.steps[frame]
        thread.lost = 0


def _advance(thread: Thread, frame: int, follow: Follow) -> None:
    """Lead a thread to the next frame, from the last one in which it had its face."""
    away = thread.lost + 1
    sure = thread.places[-away]
    step = follow(frame - away, frame, sure)
    if step.quality < (LOST if away == 1 else FOUND_AGAIN):
        thread.lost = away
        thread.places.append(thread.places[-1])
        thread.steps.setdefault(frame - 1, []).append((np.zeros(4), 0.0))
        return
    thread.lost = 0
    change = (step.place - sure) / away
    for ago in range(away - 1, 0, -1):
        thread.places[-ago] = sure + change * (away - ago)
        thread.steps[frame - 1 - ago][-1] = (change, step.quality / 2)
    thread.steps.setdefault(frame - 1, []).append((change, step.quality / (1 if away == 1 else 2)))
    thread.places.append(step.place)


def _is_over(thread: Thread, frame: int, patience: Patience) -> bool:
    unseen = frame - max(thread.hits)
    return thread.lost > patience.lost or unseen > patience.unseen


def _started(frame: int, face: FaceDetection) -> Thread:
    return Thread(frame, [place_of(face.box, roll_of(face))], hits={frame: face})


def _take(
    threads: Sequence[Thread], frame: int, faces: Sequence[FaceDetection]
) -> list[FaceDetection]:
    """Give each detection to the thread it lies on, best pairs first; those left over."""
    pairs = [
        (box_of(thread.places[-1]).overlap(face.box), number, place)
        for number, thread in enumerate(threads)
        for place, face in enumerate(faces)
    ]
    taken_threads: set[int] = set()
    taken_faces: set[int] = set()
    for overlap, number, place in sorted(pairs, reverse=True):
        thread = threads[number]
        if overlap < (TAKES_AGAIN if thread.lost else TAKES):
            continue
        if number in taken_threads or place in taken_faces:
            continue
        taken_threads.add(number)
        taken_faces.add(place)
        _hit(thread, frame, faces[place])
    return [face for place, face in enumerate(faces) if place not in taken_faces]


def _hit(thread: Thread, frame: int, face: FaceDetection) -> None:
    """Take a detection, and put right where the thread believes its face to be."""
    thread.hits[frame] = face
    here = thread.places[-1]
    found = place_of(face.box, roll_of(face))
    if face.roll is None and face.landmarks is None:
        found[3] = here[3]
    share = 1.0 if thread.lost else 0.5 * face.score
    thread.places[-1] = here + share * (found - here)
    thread.lost = 0


def _without_doubles(threads: Sequence[Thread]) -> tuple[list[Thread], list[Thread]]:
    """Threads that ran into each other: the one with most evidence goes on, the others end."""
    going: list[Thread] = []
    ended: list[Thread] = []
    for thread in sorted(threads, key=lambda thread: -thread.evidence):
        box = box_of(thread.places[-1])
        run_into = any(box.overlap(box_of(other.places[-1])) > SAME for other in going)
        (ended if run_into else going).append(thread)
    return going, ended


def _backwards(
    threads: Sequence[Thread], shot: range, follow: Follow, patience: Patience
) -> list[Thread]:
    """Lead every thread back in time; join it to the thread it meets."""
    whole = list(threads)
    for thread in sorted(threads, key=lambda thread: thread.first):
        met = _lead_back(
            thread, [other for other in whole if other is not thread], shot, follow, patience
        )
        if met is not None:
            whole = [other for other in whole if other is not thread and other is not met]
            whole.append(_join(met, thread))
    return whole


def _lead_back(
    thread: Thread, others: Sequence[Thread], shot: range, follow: Follow, patience: Patience
) -> Thread | None:
    """Grow a thread at its beginning; the thread that is met, which ends the way."""
    start, away = thread.first, 1
    for frame in range(start - 1, max(shot.start, start - patience.unseen) - 1, -1):
        sure = thread.places[0]
        step = follow(frame + away, frame, sure)
        if step.quality < (LOST if away == 1 else FOUND_AGAIN):
            away += 1
            if away > patience.lost:
                return None
            continue
        _prepend(thread, frame, step, away)
        away = 1
        met = _met(step.place, frame, others)
        if met is not None:
            return met
    return None


def _prepend(thread: Thread, frame: int, step: Step, away: int) -> None:
    """Let a thread begin at a frame, `away` frames before its beginning until now."""
    sure = thread.places[0]
    change = (sure - step.place) / away
    quality = step.quality / (1 if away == 1 else 2)
    for ahead in range(away):
        thread.steps.setdefault(frame + ahead, []).append((change, quality))
    thread.places[:0] = [step.place + change * ahead for ahead in range(away)]
    thread.first = frame


def _met(place: Place, frame: int, others: Sequence[Thread]) -> Thread | None:
    box = box_of(place)
    for other in others:
        there = other.place_at(frame)
        if there is not None and box.overlap(box_of(there)) > SAME:
            return other
    return None


def _join(earlier: Thread, later: Thread) -> Thread:
    """Two threads of one face as one; where both led, both sets of steps count."""
    first, last = min(earlier.first, later.first), max(earlier.last, later.last)
    places: list[Place] = []
    for frame in range(first, last + 1):
        known = [thread.place_at(frame) for thread in (earlier, later)]
        places.append(next(place for place in known if place is not None))
    steps = {frame: list(values) for frame, values in earlier.steps.items()}
    for frame, values in later.steps.items():
        steps.setdefault(frame, []).extend(values)
    return Thread(first, places, steps, {**earlier.hits, **later.hits})


def confidences(thread: Thread, memory_frames: float) -> NDArray[np.float64]:
    """How sure it is that the face is at the thread's place, frame by frame: (T,) in [0, 1].

    Full at a good detection, fading with the frames since (or until) one and with every step that
    was hard to follow.
    """
    length = len(thread.places)
    hits = np.zeros(length)
    for frame, face in thread.hits.items():
        hits[frame - thread.first] = face.score
    keep = np.zeros(max(length - 1, 0))
    for index in range(length - 1):
        steps = thread.steps.get(thread.first + index, [])
        quality = max((quality for _, quality in steps), default=0.0)
        keep[index] = np.exp(-1.0 / memory_frames) * (0.75 + 0.25 * min(1.0, quality / 0.6))
    forwards, backwards = hits.copy(), hits.copy()
    for index in range(length - 1):
        forwards[index + 1] = max(forwards[index + 1], forwards[index] * keep[index])
        back = length - 2 - index
        backwards[back] = max(backwards[back], backwards[back + 1] * keep[back])
    return np.maximum(forwards, backwards)
