"""Which clips are asked for, and what is asked of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import NAME, Ask, Pick, asks_of, picks_of
from reenact_core.timeline.plan import FaceChoice, said
from reenact_core.timeline.request import Request
from reenact_core.timeline.walk import Place


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A clip that is asked for."""

    place: Place
    faces: tuple[tuple[Ask, Pick | None], ...]
    """What is asked of each of its faces, complete but for the looking up of paths; a pick says
    which face where the ask does not."""
    named: bool
    """By the command line."""
    wrong: TimelineError | None = None
    """What is wrong with what is asked of it, without the clip's name; it has no faces then."""


def choose(timeline: Any, places: Sequence[Place], request: Request) -> list[Chosen]:
    """The clips that are asked for, in the order of `places`.

    With names in the request: those clips. Else the clips with an effect `reenact`; else, where
    no clip has one and the request says what to do, all.

    Raises:
        TimelineError: nothing is asked for, a name matches no clip, or an effect is misplaced.
    """
    _check_misplaced(timeline.tracks)
    asked = [_asks(place) for place in places]
    if request.clips:
        _check_names(timeline, places, request.clips)
        wanted = [place.clip.name in request.clips for place in places]
    elif any(asked):
        wanted = [bool(asks) for asks in asked]  # an error is an ask, to be refused aloud
    elif request.source is not None or request.driving is not None:
        wanted = [True] * len(places)
    else:
        raise TimelineError(
            "nothing is asked for: no clip has an effect reenact; "
            "name a --source picture or a --driving video, and --clips"
        )
    named = bool(request.clips)
    chosen = [
        _chosen(place, asks, request, named)
        for place, asks, want in zip(places, asked, wanted, strict=True)
        if want and (named or (place.enabled and _is_seen(place)))
    ]
    if not chosen:
        raise TimelineError(
            f"nothing is asked for: of {len(places)} video clips, those that are meant "
            f"({sum(wanted)}) are disabled, or nothing of them is seen"
        )
    return chosen


def _asks(place: Place) -> tuple[Ask, ...] | TimelineError:
    """What a clip's effects say, or what is wrong with them."""
    try:
        return asks_of(place.clip, f"its effect {NAME}")
    except TimelineError as error:
        return error


def _chosen(
    place: Place, asks: tuple[Ask, ...] | TimelineError, request: Request, named: bool
) -> Chosen:
    if isinstance(asks, TimelineError):
        return Chosen(place, (), named, wrong=asks)
    try:
        return Chosen(place, _faces(place, asks, request, named), named)
    except TimelineError as error:
        return Chosen(place, (), named, wrong=error)


def shared_names(chosen: Sequence[Chosen]) -> list[str]:
    """A sentence for every name of the request that several of the chosen clips bear."""
    counts = Counter(item.place.clip.name for item in chosen if item.named)
    return [
        f'{count} clips are called "{name}"; all of them are meant'
        for name, count in counts.items()
        if count > 1
    ]


def passed_over(places: Sequence[Place], chosen: Sequence[Chosen]) -> list[str]:
    """A sentence for every enabled clip that asks by an effect, and is not seen."""
    if any(item.named for item in chosen):
        return []
    return [
        f"{place.where}: asks, but nothing of it is seen in the edit; it is left out"
        for place in places
        if place.enabled and not _is_seen(place) and _asks(place)
    ]


def _is_seen(place: Place) -> bool:
    """False for a clip that a nest trims away; a clip at fault counts, to be refused aloud."""
    return place.seen is not None or place.fault is not None or place.own is None


def _check_names(timeline: Any, places: Sequence[Place], names: Sequence[str]) -> None:
    known = {str(place.clip.name) for place in places}
    for name in names:
        if name in known:
            continue
        if any(clip.name == name for clip in timeline.find_clips()):
            raise TimelineError(f'clip "{name}" is on a sound track only; name a clip with picture')
        near = get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"nearest: {', '.join(near)}" if near else f"clips: {_some(sorted(known))}"
        raise TimelineError(f'no clip is called "{name}"; {hint}')


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8]) or "none"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


def _check_misplaced(item: Any) -> None:
    """An ask on anything but a clip would be passed over in silence."""
    for child in [item, *item]:
        if isinstance(child, otio.schema.Clip | otio.schema.Transition):
            continue
        if any(effect.effect_name == NAME and effect.enabled for effect in child.effects):
            raise TimelineError(
                f'{child.schema_name()} "{child.name}" has an effect {NAME}; '
                "put it on the clips that are meant"
            )
        if child is not item and isinstance(child, otio.core.Composition):
            _check_misplaced(child)


def _faces(
    place: Place, asks: tuple[Ask, ...], request: Request, named: bool
) -> tuple[tuple[Ask, Pick | None], ...]:
    """Every face of a clip with what is asked of it, the request's values filled in."""
    line = Ask(
        mode=request.mode,
        source=request.source,
        source_time=request.source_time,
        driving=request.driving,
        face=request.face or FaceChoice(),
        scheme=request.scheme,
        strength=request.strength,
        expression=request.expression,
        pose=request.pose,
    )
    faces = []
    for ask, pick in _pair(asks or (Ask(),), picks_of(place.clip, "its")):
        merged = _merge(line, ask) if named else _merge(ask, line)
        _check_complete(merged)
        faces.append((_with_face(merged, ask, pick, line), pick))
    return tuple(faces)


def _check_complete(ask: Ask) -> None:
    """Refuse an ask where neither effect nor request say what to do."""
    if ask.meant is None and ask.source is not None:
        raise TimelineError("--source and --driving are both given; say which --mode")
    if ask.meant is None or (ask.meant == "recast" and ask.source is None):
        raise TimelineError("it says no source; name a picture there, or by --source")
    if ask.meant == "redirect" and ask.driving is None:
        raise TimelineError("it says no driving video; name one there, or by --driving")


def _pair(asks: tuple[Ask, ...], picks: tuple[Pick, ...]) -> list[tuple[Ask, Pick | None]]:
    """Picks go to the asks that name no face, in order; one such ask takes all of them."""
    silent = [ask for ask in asks if not ask.names_face]
    if not picks or not silent:
        return [(ask, None) for ask in asks]
    if len(silent) == 1:
        return [(ask, pick) for ask in asks for pick in (picks if not ask.names_face else (None,))]
    if len(silent) != len(picks):
        raise TimelineError(
            f"{len(silent)} effects name no face and {len(picks)} markers pick one; "
            "give every effect its face, or its marker"
        )
    left = iter(picks)
    return [(ask, None if ask.names_face else next(left)) for ask in asks]


def _merge(first: Ask, then: Ask) -> Ask:
    """What `first` says, and `then` where it is silent."""
    source, time = first.source, first.source_time
    if source is None:
        source, time = then.source, then.source_time if time is None else time
    return replace(
        first,
        mode=first.meant or then.meant,
        source=source,
        source_time=time,
        driving=then.driving if first.driving is None else first.driving,
        scheme=first.scheme or then.scheme,
        strength=then.strength if first.strength is None else first.strength,
        expression=said(first.expression, then.expression),
        pose=said(first.pose, then.pose),
        strengths=first.strengths or then.strengths,
    )


def _with_face(merged: Ask, ask: Ask, pick: Pick | None, line: Ask) -> Ask:
    """The face that the effect names, the marker picks, or the request says."""
    if ask.names_face:
        return replace(merged, face=ask.face, reference=ask.reference)
    return replace(merged, face=None if pick else line.face, reference=None)
