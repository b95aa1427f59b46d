"""How sharp a recast close-up is, and what it costs, at several sizes of new faces.

    python training/recipes/measure_close_up.py [CLIP] [--portrait PICTURE] [--start 240]
        [--frames 8] [--largest 256 1024] [--scheme subtle] [--keep DIR]

Recasts frames of `../shared/clips/plate_skarsgard_1080p.mp4` (or of CLIP) with a picture once for
each `crop.largest`. Prints the energy of the Laplacian of light on the new face's skin, in the
frame's own pixels and without added grain, over that of the portrait's skin at the same scale, and
the processor's seconds a frame. `--keep` writes every frame's crop as PNG.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.align import CropSettings
from reenact_core.crop.full_size import own_sides
from reenact_core.crop.grain import LUMA
from reenact_core.crop.paste import PasteSettings
from reenact_core.crop.resample import invert
from reenact_core.devices import Compute
from reenact_core.engine.finish import paste_all
from reenact_core.engine.move import move_faces
from reenact_core.engine.performers import performer_of
from reenact_core.engine.placement import placements
from reenact_core.engine.portrait import faces_in, find_portrait
from reenact_core.engine.prepare import PreparedShot, prepare_shot
from reenact_core.engine.resume import open_run
from reenact_core.engine.workshop import Workshop
from reenact_core.frames import Picture
from reenact_core.geometry import Affine
from reenact_core.media.colour import to_rgb
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.models.load import load_models
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast, FaceChoice, Shot, Source
from reenact_core.timing import FrameRange
from reenact_core.tracking.embedded import EmbeddedDetector

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "clips"
NO_SKIN = (range(17, 27), range(36, 42), range(42, 48), range(48, 60), range(29, 36))
"""Landmarks of brows, eyes, mouth and the tip of the nose."""
ROOM = 0.04
"""Left out around them and within the face's outline, by the root of the face's area."""

Image = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("clip", type=Path, nargs="?", default=CLIPS / "plate_skarsgard_1080p.mp4")
    parser.add_argument("--portrait", type=Path, default=CLIPS / "still_emoA_neutral.jpg")
    parser.add_argument("--start", type=int, default=240)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--largest", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--scheme", default="subtle")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    given = parser.parse_args()
    models = load_models()
    for largest in given.largest:
        paste = PasteSettings(grain=0.0, dither="none")
        settings = Settings(crop=CropSettings(largest=largest), paste=paste)
        performer = performer_of(models, settings, Compute())
        with (
            tempfile.TemporaryDirectory() as folder,
            open_run(Path(folder)) as run,
            ExitStack() as s,
        ):
            shop = Workshop(
                run, settings, "ffv1", EmbeddedDetector(), "embedded", performer, "measured"
            )
            prepared = _last(prepare_shot(_shot(given), shop, s))
            began = time.process_time()
            _last(move_faces([prepared], performer))
            moved = time.process_time()
            shares = _pasted(prepared, settings, given)
            pasted = time.process_time()
        seconds = (moved - began) / given.frames, (pasted - moved) / given.frames
        size = prepared.roles[0].new.pixels.shape[0]
        print(
            f"largest {largest}: faces of {size}, skin {np.mean(shares):.2f} of the portrait's "
            f"({min(shares):.2f} to {max(shares):.2f}); move {seconds[0]:.2f} s, "
            f"paste {seconds[1]:.2f} s a frame"
        )


def _shot(given: argparse.Namespace) -> Shot:
    info = probe(given.clip)
    frames = FrameRange(given.start, given.start + given.frames, info.rate)
    cast = Cast(FaceChoice(), "recast", given.portrait, None, None, given.scheme)
    return Shot("shot", "shot", (0,), Source(given.clip, frames), frames, Fraction(0), (cast,))


def _pasted(prepared: PreparedShot, settings: Settings, given: argparse.Namespace) -> list[float]:
    """Each frame's energy over the portrait's."""
    role, clip = prepared.roles[0], prepared.clip
    maps, small = role.face.to_crop.matrix, role.face.crops.shape[0]
    shares: list[float] = []
    pictures = paste_all(decode(clip.info, clip.frames), [placements(role, settings)], settings)
    for picture in pictures:
        index = role.face.index_of(picture.index)
        if index is None:
            continue
        side = round(float(own_sides(maps[index : index + 1], small)[0]))
        points = Affine(invert(maps[index])[None]).apply(role.new.read_points(index)[None])[0]
        shares.append(_energy(to_rgb(picture), points) / _of_portrait(given.portrait, side))
        if given.keep is not None:
            _keep(given.keep, settings.crop.largest, picture, points)
    return shares


def _of_portrait(path: Path, side: int) -> float:
    """The energy of a portrait's skin where its crop has so many pixels a side."""
    settings, detector = Settings(), EmbeddedDetector()
    portrait = find_portrait(path, None, settings, detector).at(side)
    (track, *_) = faces_in(portrait.picture, settings, detector)
    points = Affine(portrait.to_crop[None]).apply(track.landmarks[:1])[0]
    return _energy(portrait.pixels, points)


def _energy(pixels: Image, points: NDArray[np.float64]) -> float:
    """Mean square of the Laplacian of light on the skin."""
    light = np.asarray(pixels @ LUMA, dtype=np.float32)
    skin = _hull(light.shape, points, range(79))
    room = 1 + 2 * round(ROOM * float(skin.sum()) ** 0.5)
    around = np.ones((room, room), np.uint8)
    left = cv2.erode(skin, around) > 0
    for part in NO_SKIN:
        left &= cv2.dilate(_hull(light.shape, points, part), around) == 0
    return float((cv2.Laplacian(light, cv2.CV_32F)[left] ** 2).mean())


def _hull(shape: tuple[int, ...], points: NDArray[np.float64], part: range) -> Any:
    mask = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.rint(points[part.start : part.stop]).astype(np.int32))
    return cv2.fillConvexPoly(mask, hull, 1)


def _keep(folder: Path, largest: int, picture: Picture, points: NDArray[np.float64]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.3 * float((high - low).max())
    left, top = np.maximum(low - room, 0).astype(int)
    right, bottom = (high + room).astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    shown = np.rint(255 * to_rgb(picture)[top:bottom, left:right, ::-1]).astype(np.uint8)
    cv2.imwrite(str(folder / f"{picture.index:05d}-{largest}.png"), shown)


def _last(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


class _Plain(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    pass


if __name__ == "__main__":
    main()
