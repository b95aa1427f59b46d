"""A look at media files that sees nothing outside the roots."""

import os
from pathlib import Path

from reenact_bridge.roots import Roots
from reenact_core.errors import MediaError
from reenact_core.media.probe import Look, MediaInfo, probe
from reenact_core.media.sequence import find_numbers, frame_path, is_pattern


def inside(roots: Roots) -> Look:
    """`media.probe.probe`, that refuses what lies outside the roots.

    A link that is turned round between the check and the look shows in the stamps: those of what
    was looked at must be those of what lies in the roots, reached without following any link. All
    later opens compare with these stamps.
    """

    def look(path: Path, *, first_number: int | None = None, number_step: int = 1) -> MediaInfo:
        outside = MediaError(f"{path} is outside the folders that this server may use")
        if not _held(path, first_number, number_step, roots):
            raise outside
        info = probe(path, first_number=first_number, number_step=number_step)
        if not all(roots.hold_file(file, stamp) for file, stamp in info.files()):
            raise outside
        return info

    return look


def _held(path: Path, first_number: int | None, number_step: int, roots: Roots) -> bool:
    """Whether a file, or all files of a sequence, lie in the roots; nothing else is looked at."""
    if first_number is None and not is_pattern(path):
        return roots.hold(path)
    if not roots.hold(path.parent):
        return False
    if os.path.lexists(path):
        return roots.hold(path)
    numbers = find_numbers(path, first_number, number_step)
    return all(roots.hold(frame_path(path, number)) for number in numbers)
