"""The faces of a shot and who acts, with every path looked up and every point checked."""

import os
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from reenact_core.errors import TimelineError
from reenact_core.head.regions import RegionStrengths
from reenact_core.timeline.clip_media import ClipMedia
from reenact_core.timeline.conform import Fit
from reenact_core.timeline.effects import Ask, Pick
from reenact_core.timeline.media_paths import (
    Places,
    check_inside,
    is_relative,
    locate,
    windows_path,
)
from reenact_core.timeline.plan import Cast, FaceChoice
from reenact_core.timeline.relink import find_by_name
from reenact_core.timeline.spans import Span, to_frames
from reenact_core.timeline.stills_folder import pictures_in


def casts_of(
    faces: Sequence[tuple[Ask, Pick | None]], fit: Fit, media: ClipMedia, places: Places
) -> tuple[Cast, ...]:
    """The casts of one shot.

    Raises:
        TimelineError: a picture or video that is missing, a point outside the picture or the shot.
    """
    return tuple(_cast(ask, pick, fit, media, places) for ask, pick in faces)


def _cast(ask: Ask, pick: Pick | None, fit: Fit, media: ClipMedia, places: Places) -> Cast:
    mode = ask.meant
    if mode is None:
        raise ValueError("an ask must be complete before it becomes a cast")
    recast = mode == "recast"
    pictures = _source(ask, places) if recast else ()
    return Cast(
        face=_face(ask, pick, fit, media, places),
        mode=mode,
        picture=pictures[0] if pictures else None,
        picture_time=ask.source_time if recast else None,
        driving=None if recast else _file(ask.driving, "driving video", places),
        scheme=ask.scheme or "subtle",
        strength=1.0 if ask.strength is None else ask.strength,
        expression=ask.expression,
        pose=ask.pose,
        strengths=ask.strengths or RegionStrengths(),
        stills=pictures[1:],
    )


def _source(ask: Ask, places: Places) -> tuple[Path, ...]:
    """The file that shows the new identity, or all pictures of a folder."""
    folder = ask.source if isinstance(ask.source, Path) else None
    if isinstance(ask.source, str):
        folder = _located(ask.source, places)
    if folder is None or not folder.is_dir():
        return (_file(ask.source, "source", places),)
    if ask.source_time is not None:
        raise TimelineError(f"its source {folder} is a folder of pictures, which have no time")

    def may_be_read(path: Path) -> None:
        if isinstance(ask.source, str) and is_relative(ask.source):
            check_inside(path, str(path), places)
        places.check(path, str(path))

    return pictures_in(folder, may_be_read)


def _file(written: str | Path | None, what: str, places: Places) -> Path:
    if written is None:
        raise ValueError(f"an ask must name its {what} before it becomes a cast")
    path = written if isinstance(written, Path) else _located(written, places)
    if not path.is_file():
        raise TimelineError(f"its {what} {path} is missing; put the file there, or name another")
    return path


def _located(written: str, places: Places) -> Path:
    """The file at a place; where there is none, the one of its name in the folders."""
    try:
        path, wrong = locate(written, places), None
    except TimelineError as error:
        if windows_path(written) is None:
            raise
        path, wrong = None, error
    if path is not None and os.path.exists(path):
        return path
    found = find_by_name(written, places)
    if found is not None:
        return found.path
    if path is None:
        raise wrong or ValueError(written)
    return path


def _face(ask: Ask, pick: Pick | None, fit: Fit, media: ClipMedia, places: Places) -> FaceChoice:
    if pick is not None:
        frame = _frame_at(pick.time, fit, media)
        return _checked(FaceChoice(select=None, point=pick.point, frame=frame), fit, media)
    if ask.reference is not None:
        return FaceChoice(select=None, reference=_file(ask.reference, "reference face", places))
    face = ask.face or FaceChoice()
    if face.point is not None and face.frame is None:
        face = replace(face, frame=fit.shown.start)
    return _checked(face, fit, media)


def _frame_at(time: Fraction, fit: Fit, media: ClipMedia) -> int:
    """A still picture counts the frames of the edit."""
    moment = Span(time, time)
    if media.still:
        return to_frames(moment, fit.origin, fit.clock)[0]
    return media.frames(moment, fit.origin)[0]


def _checked(face: FaceChoice, fit: Fit, media: ClipMedia) -> FaceChoice:
    if face.point is None or face.frame is None:
        return face
    x, y = face.point
    if not (0 <= x <= media.width and 0 <= y <= media.height):
        raise TimelineError(
            f"the point ({x:g}, {y:g}) of its face lies outside the picture, "
            f"which is {media.width}x{media.height}; pick a point inside"
        )
    if face.frame not in fit.target:
        raise TimelineError(
            f"its face is picked in frame {face.frame}, which is not rendered (frames "
            f"{fit.target.start} to {fit.target.stop - 1} are); pick it in one that is"
        )
    return face
