"""Several pictures of one person as a source, and which of them is S in a shot."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np

from reenact_core.engine.performer import Crops, Floats, Performer
from reenact_core.engine.portrait import Colours, Portrait, find_portrait, whole_portrait
from reenact_core.errors import FaceError, MediaError
from reenact_core.media.colour import to_rgb8
from reenact_core.media.probe import Look, probe
from reenact_core.settings import Settings
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.likeness import PLAIN, Describer, describer_in, five_in_track
from reenact_core.tracking.likeness import Floats as Vector

UNLIKE = 2 / 3
"""Share of the likeness below which two faces are two people's, for pictures of different turns: by
the plain description a face and its three-quarter view were 0.26 alike, and 60 % of 700 pairs of
people less than 0.2."""
AS_LARGE = 0.5
"""A picture whose face is smaller than so much of the largest, or of what the networks see, does
not become the source."""


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """Pictures of one person, one or more."""

    portraits: tuple[Portrait, ...]
    notes: tuple[str, ...]
    """What a user should know, a sentence each."""

    def main(self, performer: Performer, driving: Sequence[Crops]) -> int:
        """Which of them is S where `driving` acts: of those that are large enough the one whose
        pose and expression are nearest to its middling ones."""
        sides = [portrait.own_side for portrait in self.portraits]
        least = AS_LARGE * min(max(sides), len(self.portraits[0].pixels))
        large = [number for number, side in enumerate(sides) if side >= least]
        chosen = performer.choose_still([self.portraits[n].pixels for n in large], driving)
        return large[chosen]

    def others(self, main: int) -> tuple[Floats, ...]:
        """All faces but that one."""
        rest = (*self.portraits[:main], *self.portraits[main + 1 :])
        return tuple(portrait.pixels for portrait in rest)

    def paths(self, main: int) -> tuple[Path, ...]:
        """The files, that one first."""
        named = [portrait.info.path for portrait in self.portraits]
        return tuple(dict.fromkeys([named[main], *named]))

    def told(self, main: int) -> tuple[str, ...]:
        """What a user should know of that choice."""
        if len(self.portraits) == 1:
            return ()
        chosen, count = self.portraits[main].info.path, len(self.portraits)
        return (
            f"{chosen.name} is the source: of {count} pictures in {chosen.parent} its pose and "
            "expression are nearest to the performance; what it hides comes from the others.",
        )


def find_stills(
    paths: Sequence[Path],
    time: Fraction | None,
    settings: Settings,
    detector: Detector,
    *,
    installed: Path | None = None,
    colours: Colours = "srgb",
    look: Look = probe,
) -> Stills:
    """The face of a picture, or of a video at `time` seconds; or those of several pictures.

    Of several, those without one clear face are left out, and that is told.

    Args:
        installed: folder of the user's own weights; ArcFace there tells people apart

    Raises:
        MediaError: a file cannot be read, or is no picture.
        FaceError: no picture shows one clear face, or they show several people.
    """
    if len(paths) == 1:
        one = find_portrait(paths[0], time, settings, detector, colours=colours, look=look)
        return Stills((one,), one.notes)
    found: list[Portrait] = []
    notes: list[str] = []
    for path in paths:
        if not look(path).still:
            raise MediaError(f"{path}: is a video; a folder that is a source holds pictures alone")
        try:
            portrait = find_portrait(path, None, settings, detector, colours=colours, look=look)
        except FaceError as error:
            notes.append(f"{error}; it is left out.")
            continue
        found.append(portrait)
        notes += portrait.notes
    if not found:
        raise FaceError(
            f"{paths[0].parent}: none of its {len(paths)} pictures shows one clear face; give some "
            "that do"
        )
    return Stills(tuple(found), (*notes, *strangers(found, describer_in(installed))))


def whole_stills(paths: Sequence[Path], settings: Settings, *, colours: Colours = "srgb") -> Stills:
    """Pictures that are face crops already.

    Raises:
        MediaError: one cannot be read, is not square, or has hardly any pixels.
    """
    found = tuple(whole_portrait(path, settings, colours=colours) for path in paths)
    return Stills(found, tuple(note for portrait in found for note in portrait.notes))


def strangers(portraits: Sequence[Portrait], describer: Describer) -> tuple[str, ...]:
    """A sentence where pictures may be of several people.

    Raises:
        FaceError: they surely are.
    """
    looks = [_look(portrait, describer) for portrait in portraits]
    person = np.arange(len(looks))
    for one, other in combinations(range(len(looks)), 2):
        if describer.likeness([looks[one]], [looks[other]]) >= UNLIKE * describer.maybe:
            person[person == person[other]] = person[one]
    most = int(np.argmax(np.bincount(person)))
    meant, others = np.flatnonzero(person == most), np.flatnonzero(person != most)
    if len(others) == 0:
        return ()
    names = ", ".join(portraits[number].info.path.name for number in others.tolist())
    folder = portraits[0].info.path.parent
    said = (
        f"{folder}: {names} may show somebody else than {portraits[int(meant[0])].info.path.name}"
    )
    if describer is not PLAIN:
        raise FaceError(f"{said}; leave pictures of one person there")
    return (f"{said}; if so, take it away, for what the source hides is taken from all pictures.",)


def _look(portrait: Portrait, describer: Describer) -> Vector:
    assert portrait.track is not None
    points = five_in_track(portrait.track, portrait.track.frames.start)
    return describer.vector(np.asarray(to_rgb8(portrait.picture)), points)
