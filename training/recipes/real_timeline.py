"""Write a timeline of real shots, to render and to look at.

    python training/recipes/real_timeline.py ../shared/clips real.otio
    reenact render real.otio -o out

A close-up with a large turn, a plate with two faces, a plate with cuts, a clip at half speed that
dissolves into the next, a still that acts, and a shot that asks for nothing.
"""

import argparse
from pathlib import Path
from typing import Any

import opentimelineio as otio

RECAST, REDIRECT = "recast", "redirect"
NTSC, FILM = 30000 / 1001, 24000 / 1001


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    timeline = real_timeline(arguments.clips.resolve())
    otio.adapters.write_to_file(timeline, str(arguments.out))


def real_timeline(clips: Path) -> Any:
    """Six clips on one track."""
    left = asks(RECAST, source=clips / "still_man2.jpg", face={"select": "left"})
    right = asks(RECAST, source=clips / "still_model9.jpg", face={"select": "right"})
    half_speed = otio.schema.LinearTimeWarp(time_scalar=0.5)
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    track.extend(
        [
            clip("close_up", clips / "plate_skarsgard_1080p.mp4", NTSC, 300, (100, 36),
                 asks(RECAST, source=clips / "still_portrait1.jpg")),
            clip("two", clips / "plate_sitcom_two.mp4", FILM, 120, (20, 24), left, right),
            clip("cuts", clips / "plate_nggyup_cuts.mp4", 30, 240, (48, 30),
                 asks(RECAST, source=clips / "still_emoA_neutral.jpg")),
            clip("slow", clips / "plate_ls1_hevc_portrait.mp4", 25, 250, (50, 40),
                 asks(REDIRECT, driving=clips / "drv_lp_d03.mp4"), half_speed),
            dissolve(25, 6),
            clip("plain", clips / "plate_crowd_1080p.mp4", 25, 105, (20, 30)),
            clip("still", clips / "still_tasia_gesture.jpg", 25, None, (0, 30),
                 asks(REDIRECT, driving=clips / "drv_lp_d08.mp4")),
        ]
    )  # fmt: skip
    timeline = otio.schema.Timeline("real")
    timeline.tracks.append(track)
    return timeline


def clip(
    name: str, media: Path, rate: float, length: int | None, shown: tuple[int, int], *effects: Any
) -> Any:
    """A clip of a whole file; `shown` is its first frame and how many."""
    reference = otio.schema.ExternalReference(
        media.as_uri(), None if length is None else span(0, length, rate)
    )
    return otio.schema.Clip(name, reference, span(*shown, rate), effects=list(effects))


def asks(mode: str, **what: Any) -> Any:
    """The effect that asks for a re-rendering."""
    told = {key: str(value) if isinstance(value, Path) else value for key, value in what.items()}
    metadata = {"reenact": {"version": 1, "mode": mode, **told}}
    return otio.schema.Effect(name="reenact", effect_name="reenact", metadata=metadata)


def dissolve(rate: float, frames: int) -> Any:
    """A dissolve of so many frames on either side."""
    offset = otio.opentime.RationalTime(frames, rate)
    kind = otio.schema.TransitionTypes.SMPTE_Dissolve
    return otio.schema.Transition("dissolve", kind, offset, offset)


def span(start: int, length: int, rate: float) -> Any:
    """A range of frames."""
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(length, rate))


if __name__ == "__main__":
    main()
