"""The tracks file: faces as JSON that people can read and correct.

`docs/reference/tracks-file.md` describes it. What was edited by hand is read with
patience: landmarks and confidence may be missing, and a message names the track and the frame
that is wrong.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import SettingsError
from reenact_core.files import Admit, written_whole
from reenact_core.geometry import Box
from reenact_core.timing import FrameRange
from reenact_core.tracking.place import place_of
from reenact_core.tracking.shape import MEAN_FIVE, placed
from reenact_core.tracking.track import FaceTrack

VERSION = 1
POINT_COUNTS = (5, 79)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TracksFile:
    """The faces of one video."""

    video: Path
    """The file that the tracks belong to, as written."""
    rate: Fraction
    """Frames per second of the video."""
    tracks: tuple[FaceTrack, ...]


def write_tracks(path: Path, file: TracksFile, *, admit: Admit | None = None) -> None:
    """Write the tracks as JSON, one frame a line, whole or not at all.

    `admit` guards the name, as in `files.written_whole`.

    Raises:
        OutputError: the file cannot be written.
    """
    rate = f"{file.rate.numerator}/{file.rate.denominator}"
    video = json.dumps(str(file.video), ensure_ascii=False)
    head = f'{{"version": {VERSION}, "video": {video}, "rate": "{rate}",\n'
    tracks = ",\n".join(_track_text(track) for track in file.tracks)
    with written_whole(path, admit=admit) as partial:
        partial.write_text(f'{head}"tracks": [\n{tracks}\n]}}\n', "utf-8")


def _track_text(track: FaceTrack) -> str:
    columns = {
        "boxes": _lines(_rounded(box, 2) for box in track.boxes),
        "landmarks": _lines(_rounded(points, 2) for points in track.landmarks),
        "confidence": json.dumps([round(float(value), 3) for value in track.confidence]),
    }
    if track.landmarks.shape[1] == 0:
        del columns["landmarks"]
    body = ",\n".join(f'  "{name}": {text}' for name, text in columns.items())
    return f' {{"id": {track.face_id}, "start": {track.frames.start},\n{body}}}'


def _lines(values: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(f"   {json.dumps(value)}" for value in values) + "]"


def _rounded(values: Floats, digits: int) -> Any:
    """A list of numbers; None where the face is not seen."""
    return None if np.isnan(values).any() else np.round(values, digits).tolist()


def read_tracks(path: Path) -> TracksFile:
    """The tracks of a file, perhaps edited by hand.

    Raises:
        SettingsError: the file cannot be read or is not a tracks file; names the track and frame.
    """
    table = _table(path)
    if table.get("version") != VERSION:
        found = table.get("version")
        raise SettingsError(
            f"{path}: tracks files of version {VERSION} are read, this has {found!r}"
        )
    rate = _rate(table.get("rate"), path)
    listed = table.get("tracks")
    if not isinstance(listed, list):
        raise SettingsError(f"{path}: `tracks` must be a list")
    tracks = tuple(_track(entry, number, rate, path) for number, entry in enumerate(listed))
    _check_ids(tracks, path)
    video = table.get("video")
    if not isinstance(video, str):
        raise SettingsError(f"{path}: `video` must be the name of the video")
    return TracksFile(Path(video), rate, tracks)


def _table(path: Path) -> Mapping[str, Any]:
    try:
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not a tracks file: it is not UTF-8 text") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise SettingsError(f"{path}: is not a tracks file: {error}") from error
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: is not a tracks file: a JSON object was expected")
    return table


def _rate(value: Any, path: Path) -> Fraction:
    try:
        if isinstance(value, str | int) and not isinstance(value, bool) and Fraction(value) > 0:
            return Fraction(value)
    except (ValueError, ZeroDivisionError):
        pass
    raise SettingsError(f'{path}: `rate` must be frames per second as "30000/1001", got {value!r}')


def _check_ids(tracks: Sequence[FaceTrack], path: Path) -> None:
    seen: set[int] = set()
    for track in tracks:
        if track.face_id in seen:
            raise SettingsError(f"{path}: two tracks have the id {track.face_id}; ids must differ")
        seen.add(track.face_id)


def _track(entry: Any, number: int, rate: Fraction, path: Path) -> FaceTrack:
    where = f"{path}: track {number + 1} of the list"
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be an object")
    face_id = _whole(entry.get("id"), f"{where}: `id`", 1)
    where = f"{path}: track {face_id}"
    start = _whole(entry.get("start"), f"{where}: `start`", 0)
    listed = entry.get("boxes")
    if not isinstance(listed, list) or not listed:
        raise SettingsError(f"{where}: `boxes` must be a list with a box or null for every frame")
    boxes = np.stack(
        [_box(value, f"{where}, frame {start + row}") for row, value in enumerate(listed)]
    )
    landmarks = _landmarks(entry.get("landmarks"), boxes, start, where)
    sure = _confidence(entry.get("confidence"), boxes, start, where)
    return FaceTrack(face_id, FrameRange(start, start + len(boxes), rate), boxes, landmarks, sure)


def _whole(value: Any, what: str, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise SettingsError(f"{what} must be a whole number from {least}, got {value!r}")


def _box(value: Any, where: str) -> Floats:
    if value is None:
        return np.full(4, np.nan)
    box = _numbers(value, (4,))
    if box is None:
        raise SettingsError(f"{where}: a box is [left, top, right, bottom] or null, got {value!r}")
    if box[2] <= box[0] or box[3] <= box[1]:
        raise SettingsError(f"{where}: the box {value!r} is empty: right > left and bottom > top")
    return box


def _numbers(value: Any, shape: tuple[int, ...]) -> Floats | None:
    """Finite numbers of a shape, nested lists; None for anything else."""
    if not isinstance(value, list) or len(value) != shape[0]:
        return None
    if len(shape) == 1:
        good = (isinstance(item, int | float) and not isinstance(item, bool) for item in value)
        numbers = np.array(value, float) if all(good) else None
        return numbers if numbers is not None and np.isfinite(numbers).all() else None
    rows = [_numbers(item, shape[1:]) for item in value]
    found = [row for row in rows if row is not None]
    return np.stack(found) if len(found) == len(rows) else None


def _landmarks(listed: Any, boxes: Floats, start: int, where: str) -> Floats:
    """The points of every frame (T, N, 2); those of the average face where none are given."""
    count = _point_count(listed, len(boxes), where)
    points = np.full((len(boxes), count, 2), np.nan)
    for row, box in enumerate(boxes):
        value = listed[row] if listed is not None else None
        if value is not None:
            read = _numbers(value, (count, 2))
            if read is None:
                raise SettingsError(
                    f"{where}, frame {start + row}: landmarks are {count} points [x, y] or null"
                )
            points[row] = read
        if count == 5 and not np.isnan(box[0]) and not _lie_in(points[row], box):
            points[row] = _average(box)
        if np.isnan(box[0]):
            points[row] = np.nan
    return points


def _point_count(listed: Any, length: int, where: str) -> int:
    if listed is None:
        return 5
    if not isinstance(listed, list) or len(listed) != length:
        found = len(listed) if isinstance(listed, list) else repr(listed)
        raise SettingsError(
            f"{where}: `landmarks` must have an entry for each of the {length} boxes, got {found}"
        )
    first = next((entry for entry in listed if entry is not None), None)
    count = 5 if first is None else len(first) if isinstance(first, list) else -1
    if count not in POINT_COUNTS:
        raise SettingsError(f"{where}: landmarks are 5 or 79 points a frame, got {first!r:.60}")
    return count


def _lie_in(points: Floats, box: Floats) -> bool:
    """Whether the points belong to the box: their middle is in it. False where there are none."""
    middle = points.mean(axis=0)
    return bool((middle >= box[:2]).all() and (middle <= box[2:]).all())


def _average(box: Floats) -> Floats:
    return placed(MEAN_FIVE, place_of(Box(*(float(edge) for edge in box))))


def _confidence(listed: Any, boxes: Floats, start: int, where: str) -> Floats:
    seen = ~np.isnan(boxes[:, 0])
    if listed is None:
        return seen.astype(np.float64)
    if not isinstance(listed, list) or len(listed) != len(boxes):
        found = len(listed) if isinstance(listed, list) else repr(listed)
        raise SettingsError(f"{where}: `confidence` must have {len(boxes)} numbers, got {found}")
    for row, value in enumerate(listed):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (math.isfinite(value) and 0 <= value <= 1):
            raise SettingsError(
                f"{where}, frame {start + row}: confidence must be 0 to 1, got {value!r}"
            )
    return np.where(seen, np.array(listed, float), 0.0)
