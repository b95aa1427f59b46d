"""What was done to a file, as C2PA tells it: one action after another, each with its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reenact_core.timeline.plan import Cast, Shot
from reenact_core.version import __version__

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
"""Recorded pictures in which a network has made a part."""
GENERATED = f"{SOURCE_TYPES}trainedAlgorithmicMedia"
"""Pictures that a network has made as a whole."""

AGENT = {"name": "reenact", "version": __version__}

_MIMES: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".qt": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mxf": "application/mxf",
    ".ts": "video/mp2t",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".json": "application/json",
}
_EMBEDDING = (
    "video/mp4",
    "video/quicktime",
    "video/x-msvideo",
    "image/png",
    "image/jpeg",
    "image/tiff",
    "image/webp",
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to make a file. It names no driving performance and no path."""

    original: Path | None
    """The file whose pictures were changed; None where nothing of an original is shown."""
    others: tuple[Path, ...] = ()
    """Pictures that gave a face. They are not named; credentials that they carry are kept."""
    details: tuple[tuple[str, str], ...] = ()
    """What else a reader may want to know, by name."""

    @property
    def source_type(self) -> str:
        """IPTC's digital source type."""
        return GENERATED if self.original is None else COMPOSITE

    @property
    def sentence(self) -> str:
        """For people, in the file's comment."""
        said = "AI-generated" if self.original is None else "AI-manipulated"
        return f"{said}: face reenactment by reenact {__version__}; {self.source_type}"


def deed_of(shot: Shot) -> Deed:
    """What rendering a shot does to its media."""
    return Deed(shot.target.path, _faces(shot.casts), _details(shot.casts))


def animation_deed(pictures: tuple[Path, ...], cast: Cast, *, pasted_back: bool) -> Deed:
    """What animating a picture does: the picture changed, or a whole new one made from it; the
    pictures after the first show the same person."""
    if pasted_back:
        return Deed(pictures[0], pictures[1:], _details([cast]))
    return Deed(None, pictures, _details([cast]))


def mime_of(path: Path) -> str:
    """The media type by the name of a file."""
    return _MIMES.get(path.suffix.lower(), "application/octet-stream")


def embeds(path: Path) -> bool:
    """Whether C2PA has a place for credentials inside files of that name."""
    return mime_of(path) in _EMBEDDING


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file that another was made from."""

    label: str
    """How the actions name it."""
    path: Path
    mime: str
    table: Mapping[str, Any]
    """As C2PA describes it."""
    needed: bool
    """False: it is named only where it carries credentials that would be lost."""


def ingredients_of(deed: Deed) -> list[Ingredient]:
    """What the file was made from, the original first."""
    found = []
    if deed.original is not None:
        table = {"title": deed.original.name, "relationship": "parentOf"}
        found.append(Ingredient("original", deed.original, mime_of(deed.original), table, True))
    for number, path in enumerate(deed.others, 1):
        table = {"title": "picture of the new face", "relationship": "componentOf"}
        found.append(Ingredient(f"face{number}", path, mime_of(path), table, False))
    return found


def manifest_of(deed: Deed, name: str, labels: list[str]) -> dict[str, Any]:
    """The manifest of a file of that name.

    Args:
        labels: of the ingredients that it has.
    """
    faces = [label for label in labels if label != "original"]
    placed = [{"action": "c2pa.placed", "parameters": {"ingredientIds": faces}}] if faces else []
    return {
        "claim_generator_info": [AGENT],
        "title": name,
        "format": mime_of(Path(name)),
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [*_made(deed), *placed]}}],
    }


def _made(deed: Deed) -> list[dict[str, Any]]:
    made = {
        "digitalSourceType": deed.source_type,
        "softwareAgent": AGENT,
        "description": "A face whose performance a neural network has generated anew",
        "parameters": {f"org.reenact.{name}": value for name, value in deed.details},
    }
    if deed.original is None:
        return [{"action": "c2pa.created", **made}]
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["original"]}}
    return [opened, {"action": "c2pa.edited", **made}]


def _faces(casts: tuple[Cast, ...]) -> tuple[Path, ...]:
    pictures = (path for cast in casts for path in (cast.picture, *cast.stills))
    return tuple(dict.fromkeys(path for path in pictures if path is not None))


def _details(casts: "tuple[Cast, ...] | list[Cast]") -> tuple[tuple[str, str], ...]:
    names = ("mode", "scheme", "strength")
    said = ((name, ", ".join(str(getattr(cast, name)) for cast in casts)) for name in names)
    return (*said, ("faces", str(len(casts))))
