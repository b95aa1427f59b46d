"""`--face`: which face of a clip is meant, as written on the command line."""

import re
from pathlib import Path

import click

from reenact_core.timeline.plan import FaceChoice

_POINT = re.compile(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)@(\d+)")
_SELECTIONS = {
    "largest": FaceChoice("largest"),
    "left": FaceChoice("left"),
    "right": FaceChoice("right"),
}
_WAYS = "largest, left, right, id:N, point:X,Y@FRAME or reference:PICTURE"


def read_face(ctx: click.Context, param: click.Parameter, value: str | None) -> FaceChoice | None:
    """The callback of `--face`.

    Raises:
        click.BadParameter: the text names no face.
    """
    choice = None if value is None else face_choice(value)
    if value is not None and choice is None:
        raise click.BadParameter(f"{value!r} names no face; use {_WAYS}.", ctx, param)
    return choice


def face_choice(text: str) -> FaceChoice | None:
    """The choice that a text stands for; None where it stands for none."""
    if text in _SELECTIONS:
        return _SELECTIONS[text]
    way, _, rest = text.partition(":")
    if way == "id" and rest.isdecimal():
        return FaceChoice(select=None, track_id=int(rest))
    if way == "point" and (found := _POINT.fullmatch(rest)):
        point = (float(found[1]), float(found[2]))
        return FaceChoice(select=None, point=point, frame=int(found[3]))
    if way == "reference" and rest:
        return FaceChoice(select=None, reference=Path(rest))
    return None
