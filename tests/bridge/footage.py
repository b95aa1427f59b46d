"""A timeline of drawn clips that renders in seconds, with networks that have learned nothing."""

import json
from pathlib import Path

import torch

from reenact_core.models.compact import Compact
from reenact_core.models.state_dicts import write_weights
from tests.synthetic import ClipFormat, TimelineClip, one_face, write_clip, write_timeline

FORM = ClipFormat()
LENGTH = 6


def write_checkpoint(path: Path) -> Path:
    """Networks of the shipped kind, drawn by chance."""
    torch.manual_seed(0)
    network = Compact()
    write_weights(path, network, architecture="compact", configuration=network.configuration())
    return path


def write_edit(folder: Path, shots: int = 1, length: int = LENGTH) -> Path:
    """A timeline whose clips are redirected by another clip, and the tracks of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"clip{number}" for number in range(shots)]
    for name in [*names, "acting"]:
        write_clip(folder / f"{name}.mkv", length, form=FORM)
        _write_tracks(folder, name, length)
    ask = {"version": 1, "mode": "redirect", "driving": str(folder / "acting.mkv")}
    clips = [
        TimelineClip(f"sh{number}", folder / f"{name}.mkv", 1, length - 2, length, ask)
        for number, name in enumerate(names)
    ]
    return write_timeline(folder / "cut.otio", clips)


def options(edit: Path, checkpoint: Path) -> dict[str, object]:
    """The options that render such a timeline."""
    tracks = sorted(str(path) for path in edit.parent.glob("*.tracks.json"))
    return {"checkpoint": str(checkpoint), "tracks": tracks, "codec": "ffv1", "handles": 0}


def _write_tracks(folder: Path, name: str, length: int) -> None:
    cast = one_face(FORM.width, FORM.height)
    faces = [cast(frame)[0] for frame in range(length)]
    track = {
        "id": 1,
        "start": 0,
        "boxes": [list(face.box) for face in faces],
        "landmarks": [face.landmarks.tolist() for face in faces],
        "confidence": [1.0] * length,
    }
    held = {"version": 1, "video": f"{name}.mkv", "rate": "25/1", "tracks": [track]}
    (folder / f"{name}.tracks.json").write_text(json.dumps(held))
