"""A timeline file read, and the work planned that it asks for."""

import atexit
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import Element

import opentimelineio as otio

from reenact_core.errors import MediaError, ReenactError, TimelineError
from reenact_core.files import passing_folder
from reenact_core.journal import Journal
from reenact_core.media.sequence import is_pattern
from reenact_core.timeline.bundles import CONTENT, lay_out, read_bundle
from reenact_core.timeline.carried import schema_carried
from reenact_core.timeline.cast import casts_of
from reenact_core.timeline.clip_media import ClipMedia, Probe, each_once, find_media, media_of
from reenact_core.timeline.conform import conform
from reenact_core.timeline.edl import read_edl
from reenact_core.timeline.effects import ours
from reenact_core.timeline.fcp_xml import read_fcp_xml
from reenact_core.timeline.fcpxml import INFO, read_fcpxml
from reenact_core.timeline.media_paths import Places, locate
from reenact_core.timeline.open_file import (
    check_adapter,
    known_suffixes,
    parse,
    read_aaf,
)
from reenact_core.timeline.plan import Plan, Refused, Shot
from reenact_core.timeline.relocate import KEY as MEDIA_ROOT
from reenact_core.timeline.request import Request
from reenact_core.timeline.select import Chosen, choose, passed_over, shared_names
from reenact_core.timeline.shot_ids import shot_ids
from reenact_core.timeline.spans import Span
from reenact_core.timeline.walk import Place, walk
from reenact_core.timeline.xml_tree import read_tree


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A timeline, and where it came from."""

    timeline: Any
    """OTIO `Timeline`; not to be changed, `write_timeline` works on a copy."""
    path: Path
    """The file that was read."""
    folder: Path
    """Relative paths of media start here."""
    notes: tuple[str, ...] = ()
    """What a user should know about the reading, a sentence each."""
    allowed: Callable[[Path], bool] | None = None
    """Which files may be looked at; None: any."""
    rate: Fraction | None = None
    """Frames a second that an EDL was read at; None for formats that say theirs."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings in the timeline's own metadata, `reenact.settings`; empty where it has none."""
        table = ours(self.timeline)
        settings = table.get("settings") if isinstance(table, dict) else None
        return settings if isinstance(settings, dict) else {}


def read_timeline(
    path: Path,
    *,
    work: Path | None = None,
    journal: Journal | None = None,
    allowed: Callable[[Path], bool] | None = None,
    rate: Fraction | None = None,
    roots: tuple[Path, ...] = (),
    search: tuple[Path, ...] | None = None,
    probe: Probe | None = None,
    bundle: Literal["unpacked", "laid out"] = "unpacked",
) -> Edit:
    """Read a timeline of any format that is known here, or that OpenTimelineIO has an adapter for.

    The media of an `.otioz` bundle are unpacked under `work` (`work/media/...`; None: a folder
    that is removed when the program ends); "laid out", they are there by name alone, and the caller
    fills what is looked at. A collection that holds one timeline is that timeline.
    An EDL, which says no frame rate, is read at `rate`; without one by its drop frame mark, and by
    the rate of its media, which are looked for as `make_plan` does. `allowed` says which files may
    be looked at, now and when the plan is made; None: any.
    `journal` is that of `work`: nobody else's file there is replaced.

    Raises:
        TimelineError: no such file, not a timeline, several timelines, a missing adapter, or
            a version that is too new.
        OutputError: `work` cannot hold the media.
    """
    path = Path(path)
    if not path.exists():
        raise TimelineError(f"{path}: no such file")
    suffix = path.suffix.lower().lstrip(".")
    try:
        if suffix == "edl" and path.is_file():
            check_adapter(path, suffix)
            places = Places(path.parent, roots, search, allowed)
            read = read_edl(path, rate, lambda found: _rates(found, places, probe or _real_probe()))
            return Edit(read.timeline, path, path.parent, read.notes, allowed, read.rate)
        unpack = partial(read_bundle, journal=journal) if bundle == "unpacked" else lay_out
        places = Places(path.parent, allowed=allowed)
        found, folder, notes = _open(path, suffix, work, places, unpack)
    except OSError as error:
        raise TimelineError(f"{path}: cannot be read ({error.strerror})") from error
    timeline = _only_timeline(found, path)
    if rate is not None:
        notes = (*notes, f"{path.name}: says its own frame rate; --rate is of EDLs, and not used")
    media_folder = _media_folder(timeline, Places(folder, allowed=allowed))
    return Edit(timeline, path, media_folder, notes, allowed)


def _rates(timeline: Any, places: Places, probe: Probe) -> list[Fraction]:
    """The rates of the films that the clips name, each file once."""
    paths = (
        find_media(clip, places)
        for track in timeline.tracks
        if track.kind == otio.schema.TrackKind.Video
        for clip in track.find_clips()
    )
    rates = []
    for path in dict.fromkeys(paths):
        if path is None or is_pattern(path):
            continue
        try:
            facts = probe(path)
        except (MediaError, TimelineError):
            continue  # it is refused with this reason when its turn comes
        if not facts.still:
            rates.append(facts.rate)
    return rates


def make_plan(edit: Edit, request: Request, *, probe: Probe | None = None) -> Plan:
    """The shots that an edit and a request ask for; what cannot be done is refused, clip by clip.

    `probe` looks at media files; None is `media.probe.probe`.

    Raises:
        TimelineError: nothing is asked for, a name matches no clip, or an effect is misplaced.
        MediaError: the request's own source or driving video is missing.
    """
    _check_request(request)
    places_of_media = Places(edit.folder, request.roots, request.search, edit.allowed)
    desk = _Desk(edit, request, look_once(probe), places_of_media)
    try:
        places = walk(edit.timeline, desk.length_of)
        chosen = choose(edit.timeline, places, request)
    except TimelineError as error:
        raise TimelineError(f"{edit.path}: {error}") from error
    ids = dict(zip(map(id, places), shot_ids(place.clip.name for place in places), strict=True))
    shots, refused = [], []
    notes = [*edit.notes, *shared_names(chosen), *passed_over(places, chosen)]
    for item in _without_hidden_twins(chosen):
        try:
            shot, more = desk.shot(item, ids[id(item.place)])
        except (TimelineError, MediaError) as error:
            refused.append(Refused(item.place.clip.name, f"{item.place.where}: {error}"))
            continue
        shots.append(shot)
        notes += [f"{item.place.where}: {note}" for note in more]
    return Plan(edit.path, tuple(shots), tuple(refused), tuple(notes))


@dataclass(frozen=True, slots=True, eq=False)
class _Desk:
    """What planning a shot needs besides the clip."""

    edit: Edit
    request: Request
    probe: Probe
    places: Places

    def length_of(self, clip: Any) -> Span | None:
        """All of a clip's media, for clips that the timeline gives no range."""
        try:
            media = media_of(clip, self.places, self.probe)
        except (TimelineError, MediaError):
            return None  # it is refused with this reason when its turn comes
        return None if media.still else media.available

    def shot(self, item: Chosen, shot_id: str) -> tuple[Shot, tuple[str, ...]]:
        """A chosen clip as a shot, with notes for the user."""
        place = item.place
        if item.wrong:
            raise item.wrong
        if not place.enabled:
            raise TimelineError("it, or its track, is disabled; enable it, or leave it out")
        media: ClipMedia = media_of(place.clip, self.places, self.probe)
        fit = conform(place, media, self.request.handles)
        casts = casts_of(item.faces, fit, media, self.places)
        shot = Shot(
            shot_id=shot_id,
            clip_name=str(place.clip.name),
            clip_path=place.path,
            target=media.source(fit.target),
            shown=fit.shown,
            start_time=fit.start_time,
            casts=casts,
            still=media.still,
            track_name=place.track,
            clock=fit.clock,
            uneven=(fit.uneven.start, fit.uneven.stop) if fit.uneven else None,
        )
        strange = [schema_carried(effect) for effect in place.clip.effects]
        notes = [f"its effect {name} is not known here and stays" for name in strange if name]
        return shot, (*media.notes, *fit.notes, *notes)


def _without_hidden_twins(chosen: list[Chosen]) -> Iterator[Chosen]:
    """A disabled or unseen clip is refused only where its name names no other."""

    def shows(place: Place) -> bool:
        return place.enabled and place.seen is not None

    live = {item.place.clip.name for item in chosen if shows(item.place)}
    hidden = (
        item.named
        and item.place.fault is None
        and not shows(item.place)
        and item.place.clip.name in live
        for item in chosen
    )
    yield from (item for item, hide in zip(chosen, hidden, strict=True) if not hide)


def _open(
    path: Path,
    suffix: str,
    work: Path | None,
    places: Places,
    unpack: Callable[[Path, Path], bytes],
) -> tuple[Any, Path, tuple[str, ...]]:
    if suffix == "otiod" and path.is_dir():
        return parse(_content(path, places), path), path, ()
    if suffix == "fcpxmld" and path.is_dir():
        return _open_xml(path, read_tree(_document(path, places)), path)
    if path.is_dir():
        raise TimelineError(f"{path}: is a folder, not a timeline; name the file in it")
    if suffix == "otio":
        return parse(path.read_bytes(), path), path.parent, ()
    if suffix == "otioz":
        folder = work or _passing_folder()
        return parse(unpack(path, folder), path), folder, ()
    if suffix in ("xml", "fcpxml"):
        return _open_xml(path, read_tree(path), path.parent)
    if suffix == "aaf":
        check_adapter(path, suffix)
        return read_aaf(path), path.parent, ()
    raise TimelineError(f"{path}: not a timeline by its name; known are {known_suffixes()}")


def _open_xml(path: Path, tree: Element, folder: Path) -> tuple[Any, Path, tuple[str, ...]]:
    """A document of either kind, whatever its suffix."""
    if tree.tag == "fcpxml":
        found, notes = read_fcpxml(path, tree)
    elif tree.tag == "xmeml":
        check_adapter(path, "xml")
        found, notes = read_fcp_xml(path, tree)
    else:
        raise TimelineError(f"{path}: holds no timeline that is known here, but a {tree.tag}")
    return found, folder, notes


def _document(bundle: Path, places: Places) -> Path:
    document = bundle / INFO
    places.check(document, str(document))
    if not document.is_file():
        raise TimelineError(f"{bundle}: no FCPXML bundle, it holds no {INFO}")
    return document


def _content(bundle: Path, places: Places) -> bytes:
    content = bundle / CONTENT
    places.check(content, str(content))
    if not content.is_file():
        raise TimelineError(f"{bundle}: no timeline bundle, it holds no {CONTENT}")
    return content.read_bytes()


def _passing_folder() -> Path:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(passing_folder())


def _only_timeline(found: Any, path: Path) -> Any:
    if isinstance(found, otio.schema.SerializableCollection):
        timelines = [item for item in found if isinstance(item, otio.schema.Timeline)]
        if len(timelines) > 1:
            names = ", ".join(f'"{timeline.name}"' for timeline in timelines)
            raise TimelineError(f"{path}: holds {len(timelines)} timelines ({names}); export one")
        found = timelines[0] if timelines else found
    if not isinstance(found, otio.schema.Timeline):
        raise TimelineError(f"{path}: not a timeline, it holds {_kind(found)}")
    if found.tracks is None:
        raise TimelineError(f"{path}: the timeline has no tracks; export it again")
    return found


def _kind(found: Any) -> str:
    if isinstance(found, otio.schema.SerializableCollection):
        return "a collection without a timeline"
    if isinstance(found, otio.core.SerializableObject):
        return f"a {found.schema_name()}"
    return "other JSON"


def _media_folder(timeline: Any, places: Places) -> Path:
    """Where relative media are: our output remembers it for media of the timeline it came from."""
    table = ours(timeline)
    url = table.get(MEDIA_ROOT) if isinstance(table, dict) else None
    if not isinstance(url, str):
        return places.folder
    try:
        root = locate(url, places)
    except ReenactError:
        return places.folder
    return root if root.is_dir() else places.folder


def _check_request(request: Request) -> None:
    source, driving = request.source, request.driving
    if source is not None and not (source.is_file() or source.is_dir()):
        raise MediaError(f"{source}: no such file or folder")
    if driving is not None and not driving.is_file():
        raise MediaError(f"{driving}: no such file")


def _real_probe() -> Probe:
    from reenact_core.media.probe import probe  # PyAV is slow to load

    return probe


def look_once(probe: Probe | None = None) -> Probe:
    """A look at media files that remembers what it saw; None: by `media.probe.probe`."""
    return each_once(probe or _real_probe())
