"""Shots of drawn clips, and a workshop that renders them without networks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.paste import PasteSettings
from reenact_core.engine.events import Event
from reenact_core.engine.performer import Performer
from reenact_core.engine.render import render_shots
from reenact_core.engine.resume import open_run
from reenact_core.engine.workshop import Workshop
from reenact_core.geometry import Box
from reenact_core.media.codecs import Codec
from reenact_core.provenance.mark import Marking
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast, FaceChoice, Plan, Shot, Source
from reenact_core.timing import FrameRange
from reenact_core.tracking.detect import FaceDetection, Pixels
from tests.echo import EchoPerformer
from tests.synthetic import find_skin

ECHO = Settings(paste=PasteSettings(skin="plate"))
"""An echo is the plate's own face, so that it comes back sample by sample."""


def find_drawn_faces(picture: Pixels) -> list[FaceDetection]:
    """A detector that goes by the colour of drawn skin."""
    return [FaceDetection(Box(*box), 1.0) for box in find_skin(picture)]


def recast(picture: Path, face: FaceChoice | None = None) -> Cast:
    """The drawn face gives way to the picture's."""
    return Cast(face or FaceChoice(), "recast", picture, None, None)


def redirect(driving: Path) -> Cast:
    """The drawn face acts as another clip's does."""
    return Cast(FaceChoice(), "redirect", None, None, driving)


def shot_of(
    media: Path, start: int, stop: int, *casts: Cast, name: str = "sh010", rate: int = 25
) -> Shot:
    """Frames of a clip without handles."""
    frames = FrameRange(start, stop, Fraction(rate))
    return Shot(name, name, (0, 0), Source(media, frames), frames, Fraction(0), casts)


def plan_of(*shots: Shot) -> Plan:
    return Plan(Path("edit.otio"), shots)


@contextmanager
def workshop_in(
    out: Path,
    performer: Performer | None = None,
    *,
    codec: Codec = "ffv1",
    settings: Settings | None = None,
    restart: bool = False,
    tracks: tuple[Path, ...] = (),
    marking: Marking | None = None,
) -> Iterator[Workshop]:
    """A workshop with the echo for networks and the skin's colour for a detector."""
    with open_run(out, restart=restart) as folder:
        yield Workshop(
            folder,
            settings or ECHO,
            codec,
            find_drawn_faces,
            "drawn",
            performer or EchoPerformer(),
            "echo",
            given_tracks=tracks,
            marking=marking,
        )


def render(
    out: Path, plan: Plan, performer: Performer | None = None, **options: Any
) -> list[Event]:
    """All events of a run."""
    with workshop_in(out, performer, **options) as workshop:
        return list(render_shots(plan, workshop))


def frames_of(path: Path) -> list[tuple[int, list[NDArray[np.uint8]]]]:
    """Time and planes of every frame of a file, by PyAV alone."""
    with av.open(str(path)) as container:
        return [
            (frame.pts or 0, [np.frombuffer(bytes(plane), np.uint8) for plane in frame.planes])
            for frame in container.decode(video=0)
        ]


def picture_hash(path: Path) -> str:
    """One hash over the samples and times of a file."""
    joined = hashlib.sha256()
    for time, planes in frames_of(path):
        joined.update(f"{time}".encode())
        for plane in planes:
            joined.update(plane.tobytes())
    return joined.hexdigest()
