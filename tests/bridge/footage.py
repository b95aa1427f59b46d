"""A timeline of drawn clips that renders in seconds, with networks that have learned nothing."""

from pathlib import Path

from tests.synthetic import ClipFormat, TimelineClip, write_clip, write_timeline, write_tracks

FORM = ClipFormat()
LENGTH = 6


def write_edit(folder: Path, shots: int = 1, length: int = LENGTH) -> Path:
    """A timeline whose clips are redirected by another clip, and the tracks of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"clip{number}" for number in range(shots)]
    for name in [*names, "acting"]:
        write_clip(folder / f"{name}.mkv", length, form=FORM)
        write_tracks(folder / f"{name}.tracks.json", f"{name}.mkv", length, FORM)
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
