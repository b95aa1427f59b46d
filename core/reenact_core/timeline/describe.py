"""What a timeline holds, for `reenact inspect`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reenact_core.errors import MediaError, TimelineError
from reenact_core.timeline.clip_media import Probe, find_media
from reenact_core.timeline.effects import asks_of
from reenact_core.timeline.media_paths import Places
from reenact_core.timeline.plan import Cast, Plan, Shot
from reenact_core.timeline.read import Edit, make_plan
from reenact_core.timeline.references import original, result_of
from reenact_core.timeline.request import Request
from reenact_core.timeline.spans import Span
from reenact_core.timeline.walk import Place, walk
from reenact_core.wording import amount


def describe(
    edit: Edit, request: Request | None = None, *, probe: Probe | None = None
) -> dict[str, Any]:
    """A timeline's tracks and clips, what is asked for, and what will be refused and why.

    The result is made of JSON values: `name`, `path`, `seconds`, `tracks` (name, kind, enabled,
    clips), `shots`, `refused`, `notes`, and `problem`: why nothing can be planned, else null.
    """
    request = request or Request()
    plan, problem = Plan(edit.path, ()), None
    try:
        plan = make_plan(edit, request, probe=probe)
    except (TimelineError, MediaError) as error:
        problem = str(error)
    places = walk(edit.timeline, lambda _: None)
    found = Places(edit.folder, request.roots, request.search, edit.allowed)
    return {
        "name": str(edit.timeline.name),
        "path": str(edit.path),
        "seconds": float(max((p.record.stop for p in places if p.record), default=0)),
        "tracks": [
            _track(track, index, places, found) for index, track in enumerate(edit.timeline.tracks)
        ],
        "shots": [shot_table(shot) for shot in plan.shots],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
        "notes": list(plan.notes or edit.notes),
        "problem": problem,
    }


def describe_text(described: dict[str, Any]) -> str:
    """The same for people, a line each."""
    return "\n".join(_lines(described))


def _lines(described: dict[str, Any]) -> Iterator[str]:
    yield f'timeline "{described["name"]}", {described["seconds"]:.2f} s'
    for track in described["tracks"]:
        state = "" if track["enabled"] else ", disabled"
        clips = amount(len(track["clips"]), "clip")
        yield f"  track {track['name']} ({track['kind']}{state}), {clips}"
        for clip in track["clips"]:
            asked = f", asks: {clip['asks']}" if clip["asks"] else ""
            state = "" if clip["enabled"] else ", disabled"
            media = f"{clip['media']}{_found(clip['media'], clip['file'])}"
            yield f"    {clip['name']}  {_when(clip['record'])}  {media}{state}{asked}"
    for shot in described["shots"]:
        faces = "; ".join(map(_acting, shot["faces"]))
        start, stop = shot["frames"]
        yield f"  will render {shot['shot']}: frames {start}-{stop - 1} of {shot['media']}, {faces}"
    yield from (f"  refused: {item['reason']}" for item in described["refused"])
    yield from (f"  note: {note}" for note in described["notes"])
    if described["problem"]:
        yield f"  {described['problem']}"


def _acting(cast: dict[str, Any]) -> str:
    count = len(cast["pictures"])
    folder = f" ({count} pictures; the nearest to the shot's pose is the source)" if count else ""
    return f"{cast['mode']} with {cast['with']}{folder}"


def _found(media: str, file: str | None) -> str:
    """Where the media are, where that is not as they are written."""
    if file is None:
        return " (not found)"
    written = media in (file, Path(file).absolute().as_uri()) or file.endswith(
        media.removeprefix("./")
    )
    return "" if written else f" ({file})"


def _when(record: list[float] | None) -> str:
    return "not seen" if record is None else f"{record[0]:.2f}-{record[1]:.2f} s"


def _track(track: Any, index: int, places: list[Place], found: Places) -> dict[str, Any]:
    return {
        "name": str(track.name) or f"number {index + 1}",
        "kind": str(getattr(track, "kind", track.schema_name())),
        "enabled": bool(track.enabled),
        "clips": [_clip(place, found) for place in places if place.path[0] == index],
    }


def _clip(place: Place, found: Places) -> dict[str, Any]:
    try:
        asks: list[str] = [ask.meant or "asked" for ask in asks_of(place.clip, place.where)]
    except TimelineError:
        asks = ["wrong, see below"]
    path = find_media(place.clip, found)
    return {
        "name": str(place.clip.name),
        "path": list(place.path),
        "enabled": place.enabled,
        "record": _seconds(place.record),
        "speed": float(place.speed),
        "media": _media(place.clip),
        "file": None if path is None else str(path),
        "rendered": result_of(place.clip.media_reference) is not None,
        "asks": ", ".join(asks),
    }


def _seconds(span: Span | None) -> list[float] | None:
    return None if span is None else [float(span.start), float(span.stop)]


def _media(clip: Any) -> str:
    try:
        reference = original(clip)
    except TimelineError as error:
        return str(error)
    url = getattr(reference, "target_url", None)
    if url is None and hasattr(reference, "name_prefix"):
        return f"{reference.target_url_base}{reference.name_prefix}#{reference.name_suffix}"
    return str(url) if url else str(reference.schema_name())


def shot_table(shot: Shot) -> dict[str, Any]:
    """A planned shot as JSON values."""
    return {
        "shot": shot.shot_id,
        "clip": shot.clip_name,
        "track": shot.track_name,
        "media": str(shot.target.path),
        "frames": [shot.target.frames.start, shot.target.frames.stop],
        "shown": [shot.shown.start, shot.shown.stop],
        "rate": str(shot.target.frames.rate),
        "still": shot.still,
        "faces": [_cast(cast) for cast in shot.casts],
    }


def _pictures(cast: Cast) -> tuple[Path, ...]:
    """Those of a folder."""
    return (cast.picture, *cast.stills) if cast.picture is not None and cast.stills else ()


def _cast(cast: Cast) -> dict[str, Any]:
    face = cast.face
    if face.point is not None:
        which = f"at ({face.point[0]:g}, {face.point[1]:g}) in frame {face.frame}"
    elif face.reference is not None:
        which = f"like {face.reference}"
    else:
        which = face.select or f"id {face.track_id}"
    return {
        "mode": cast.mode,
        "with": str(cast.source or cast.driving),
        "pictures": [path.name for path in _pictures(cast)],
        "face": which,
        "scheme": cast.scheme,
        "strength": cast.strength,
        "expression": cast.expression,
        "pose": cast.pose,
        "strengths": asdict(cast.strengths),
    }
