"""What all shots of a run share."""

from dataclasses import dataclass
from pathlib import Path

from reenact_core.engine.performer import Performer
from reenact_core.engine.resume import RunFolder
from reenact_core.media.codecs import Codec
from reenact_core.media.probe import Look, probe
from reenact_core.provenance.mark import Marking
from reenact_core.settings import Settings
from reenact_core.tracking.detect import Detector


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """A run's folder, settings and workers."""

    folder: RunFolder
    settings: Settings
    codec: Codec
    detector: Detector
    detector_name: str
    """`embedded`, `facexlib`; part of what determines a result."""
    performer: Performer
    performer_name: str
    """The checkpoint's SHA-256; part of what determines a result."""
    width: int = 1
    """Lanes that the performer runs side by side."""
    installed: Path | None = None
    """Folder of the weights that the user has installed, for telling faces apart."""
    given_tracks: tuple[Path, ...] = ()
    """Tracks files made or corrected by hand, each for the video that it names."""
    marking: Marking | None = None
    """How finished files are marked; None: not here, as in a farm's pieces."""
    look: Look = probe
    """Looks at media; the plan's own knows what the plan was made with."""
