"""The output folder: nothing that a run reads may lie where it writes."""

from collections.abc import Iterator
from pathlib import Path

from reenact_core.errors import OutputError
from reenact_core.timeline.plan import Plan


def spare_inputs(plan: Plan, out: Path) -> None:
    """See that no result can take the name of the timeline, a clip's media or an actor's file.

    Raises:
        OutputError: names the file that would be overwritten.
    """
    folder = out.resolve()
    names = {plan.timeline.stem} | {shot.shot_id for shot in plan.shots}
    for path in _inputs(plan):
        place = path.resolve()
        inside = folder in (place.parent, place.parent.parent)
        if inside and (place.stem in names or place.parent.name in names):
            raise OutputError(
                f"{path} could be overwritten by a result of the same name; "
                "choose another folder with -o"
            )


def _inputs(plan: Plan) -> Iterator[Path]:
    yield plan.timeline
    for shot in plan.shots:
        yield shot.target.path
        for cast in shot.casts:
            yield from filter(None, (cast.picture, cast.driving, cast.face.reference))
