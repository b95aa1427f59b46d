"""Face tracks drawn into frames, to be looked at."""

from collections.abc import Sequence

import cv2
import numpy as np

from reenact_core.frames import Picture
from reenact_core.media.colour import from_rgb, to_rgb
from reenact_core.tracking.track import FaceTrack

COLOURS = ((86, 180, 233), (230, 159, 0), (0, 158, 115), (240, 228, 66), (204, 121, 167))
"""R'G'B' of the faces in turn, told apart by most colour-blind people too."""

_DARK = (16, 16, 16)


def draw_tracks(picture: Picture, tracks: Sequence[FaceTrack]) -> Picture:
    """The picture with every seen face's box, points, id and confidence drawn in."""
    seen = [track for track in tracks if track.box_at(picture.index) is not None]
    if not seen:
        return picture
    rgb = np.ascontiguousarray(np.rint(to_rgb(picture) * 255), np.uint8)
    for track in seen:
        _draw(rgb, track, picture.index)
    pixels = np.asarray(rgb, np.float32) / np.float32(255)
    return picture.with_planes(from_rgb(pixels, picture, 0, 0))


def _draw(rgb: cv2.typing.MatLike, track: FaceTrack, frame: int) -> None:
    box = track.box_at(frame)
    assert box is not None
    colour = COLOURS[(track.face_id - 1) % len(COLOURS)]
    thick = max(1, round(rgb.shape[0] / 540))
    corners = [(round(box.left), round(box.top)), (round(box.right), round(box.bottom))]
    for shade, width in ((_DARK, 3 * thick), (colour, thick)):
        cv2.rectangle(rgb, corners[0], corners[1], shade, width, cv2.LINE_AA)
    row = frame - track.frames.start
    for x, y in track.landmarks[row]:
        if np.isfinite(x) and np.isfinite(y):
            cv2.circle(rgb, (round(x), round(y)), 2 * thick, colour, -1, cv2.LINE_AA)
    text = f"{track.face_id}  {track.confidence[row]:.2f}"
    place = (corners[0][0], max(corners[0][1] - 4 * thick, 12 * thick))
    size = rgb.shape[0] / 700
    for shade, width in ((_DARK, 4 * thick), (colour, thick)):
        cv2.putText(rgb, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, shade, width, cv2.LINE_AA)
