"""What a worker answers at once: plans, faces, previews."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from reenact_bridge.abilities import capabilities
from reenact_bridge.errors import ProtocolError
from reenact_bridge.face_preview import FacePreview, Shown
from reenact_bridge.faces import describe_faces, read_picture
from reenact_bridge.inside import inside
from reenact_bridge.pixels import PixelFormat, put_changes, put_picture, to_picture
from reenact_bridge.regions import Mapped, map_region
from reenact_bridge.render_job import MOTION_OPTIONS, describe, settings_of
from reenact_bridge.warm import Warm
from reenact_core.engine.stills import find_stills
from reenact_core.frames import Picture
from reenact_core.geometry import Box
from reenact_core.media.decode import decode
from reenact_core.models.compact import Compact
from reenact_core.models.face_points import FacePointsNet, load_face_points
from reenact_core.models.readers.registry import open_reader
from reenact_core.settings import Settings
from reenact_core.timeline.stills_folder import pictures_in
from reenact_core.timing import FrameRange

STILL = Fraction(25)
LEARNED = 8
"""Frames of a clip that a preview is shown before the first, to find one to start from."""
MOST_PREVIEWS = 16
"""Previews whose faces are remembered; the one that was not used longest starts afresh."""


@dataclass(slots=True)
class LiveCalls:
    """The calls of one worker, and what it keeps between them."""

    warm: Warm
    _previews: dict[str, FacePreview] = field(default_factory=dict)
    _regions: dict[str, Mapped] = field(default_factory=dict)
    _points: FacePointsNet | None = None

    def answer(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body of the reply to a call of that name.

        Raises:
            ReenactError, ProtocolError: it cannot be done.
        """
        if name == "capabilities":
            return capabilities(self.warm)
        if name == "validate":
            return describe(body["work"], self.warm)
        if name == "detect":
            return self._detect(body)
        if name == "frame":
            return self._frame(body)
        raise ValueError(f"there is no call {name}")

    def drop(self, session: str) -> None:
        """Forget a preview that was closed."""
        self._previews.pop(session, None)
        region = self._regions.pop(session, None)
        if region is not None:
            region.close()

    def _detect(self, body: dict[str, Any]) -> dict[str, Any]:
        settings = Settings()
        detector = self.warm.detector(body.get("tracker", "embedded"))
        if self._points is None:
            self._points = load_face_points()
        number: int | None = None
        if "path" in body:
            path = self.warm.roots.find(body["path"], "path")
            picture = read_picture(
                path, body.get("frame"), body.get("time"), inside(self.warm.roots)
            )
            number = picture.index
        else:
            with self._mapped(body) as place:
                form = PixelFormat.of(body["pixels"])
                picture = to_picture(form.array(place).copy(), 0, STILL)
        faces = describe_faces(picture, settings, detector, self._points)
        size = {"width": picture.width, "height": picture.height}
        return {**size, "frame": number, "faces": faces}

    def _frame(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change a frame where it lies."""
        began, opened = time.monotonic(), body["opened"]
        shown = Shown(0, False, None)
        if opened.get("engine", "reenact") == "reenact" or body.get("read"):
            with self._mapped(body) as place:
                shown = self._show(body, opened, place)
        box = shown.box
        return {
            "session": body["session"],
            "frame": body["frame"],
            "faces": shown.faces,
            "continued": shown.continued,
            "box": None if box is None else [box.left, box.top, box.right, box.bottom],
            "ms": round(1000 * (time.monotonic() - began), 2),
        }

    def _show(self, body: dict[str, Any], opened: dict[str, Any], place: memoryview) -> Shown:
        rate = Fraction(str(opened.get("rate", 25)))
        pixels = PixelFormat.of(opened["pixels"]).array(place)
        if body.get("read"):
            picture = self._read_clip(opened, int(body["frame"]))
        else:
            picture = to_picture(pixels, int(body["frame"]), rate)
        changed, shown = picture, Shown(0, False, None)
        if opened.get("engine", "reenact") == "reenact":
            preview = self._preview(body["session"], opened, rate)
            hint = body.get("box")
            changed, shown = preview.show(
                picture, hint=Box(*hint) if hint else None, reset=bool(body.get("reset"))
            )
        if body.get("read"):
            put_picture(pixels, changed)
        else:
            put_changes(pixels, picture, changed)
        return shown

    def _read_clip(self, opened: dict[str, Any], frame: int) -> Picture:
        """A frame of the session's clip, which must have the size of its pixels."""
        path = self.warm.roots.find(opened["clip"], "clip")
        picture = read_picture(path, frame, None, inside(self.warm.roots))
        form = PixelFormat.of(opened["pixels"])
        if (picture.width, picture.height) != (form.width, form.height):
            raise ProtocolError(
                "E_SCHEMA",
                f"{path}: its frames are {picture.width}x{picture.height} as displayed, those of "
                f"this preview {form.width}x{form.height}",
                pointer="/read",
            )
        return picture

    def _preview(self, session: str, opened: dict[str, Any], rate: Fraction) -> FacePreview:
        found = self._previews.pop(session, None) or self._new_preview(opened, rate)
        self._previews[session] = found  # the last one used is the last one
        while len(self._previews) > MOST_PREVIEWS:
            del self._previews[next(iter(self._previews))]
        return found

    def _new_preview(self, opened: dict[str, Any], rate: Fraction) -> FacePreview:
        settings = settings_of(_preview_options(opened), {})
        compute = self.warm.compute(opened.get("precision", "auto"))
        models = self.warm.models(opened.get("checkpoint"), compute)
        if not isinstance(models.network, Compact):
            raise ProtocolError(
                "E_MODEL", f"checkpoints of {models.architecture} have no preview; use compact"
            )
        detector = self.warm.detector("embedded")
        source = Path(self.warm.roots.find(opened["source"], "source"))
        seconds = opened.get("source_time")
        moment = None if seconds is None else Fraction(str(seconds))
        look = inside(self.warm.roots)
        stills = find_stills(
            self._pictures(source),
            moment,
            settings,
            detector,
            installed=self.warm.installed,
            look=look,
        )
        reader = open_reader(settings.motion.reader, compute, [self.warm.installed])
        pixels = [portrait.pixels for portrait in stills.portraits]
        preview = FacePreview(models.network, pixels, settings, detector, compute, rate, reader)
        if "clip" in opened:
            self._learn(preview, opened)
        return preview

    def _pictures(self, source: Path) -> tuple[Path, ...]:
        """The source, or the pictures of its folder; none outside the roots is looked at."""
        if not source.is_dir():
            return (source,)

        def check(path: Path) -> None:
            self.warm.roots.find(str(path), "source")

        return pictures_in(source, check)

    def _learn(self, preview: FacePreview, opened: dict[str, Any]) -> None:
        """Show a preview some frames of the clip that it will be of."""
        info = inside(self.warm.roots)(self.warm.roots.find(opened["clip"], "clip"))
        first, stop = opened.get("clip_frames", (0, info.frame_count))
        stop = max(1, min(int(stop), info.frame_count))
        first = min(int(first), stop - 1)
        count = min(LEARNED, stop - first)
        frames = [first + (2 * n + 1) * (stop - first) // (2 * count) for n in range(count)]
        preview.learn(
            picture
            for frame in frames
            for picture in decode(info, FrameRange(frame, frame + 1, info.rate), ahead=1)
        )

    @contextmanager
    def _mapped(self, body: dict[str, Any]) -> Iterator[memoryview]:
        """The bytes that a call's pixels lie in; those of a session stay mapped."""
        place = body["place"]
        start, stop = place["offset"], place["offset"] + place["bytes"]
        session = place.get("session")
        if session is None:
            region = map_region(place["path"], place["size"])
            try:
                yield region.view[start:stop]
            finally:
                region.close()
            return
        if session not in self._regions:
            self._regions[session] = map_region(place["path"], place["size"])
        yield self._regions[session].view[start:stop]


def _preview_options(opened: dict[str, Any]) -> dict[str, Any]:
    """The options of a preview as those of a render."""
    settings = {key: dict(value) for key, value in opened.get("settings", {}).items()}
    if "strength" in opened:
        settings.setdefault("motion", {})["strength"] = float(opened["strength"])
    return {"settings": settings, **{name: opened[name] for name in MOTION_OPTIONS & opened.keys()}}
