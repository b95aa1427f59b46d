"""A lossless render against its source: nothing outside the mask's support may have changed.

    python training/recipes/measure_paste.py [CLIP] [--start 100] [--frames 60]
        [--codec ffv1] [--without-networks] [--keep DIR]

Recasts frames of `../shared/clips/plate_skarsgard_1080p.mp4` (or of CLIP), decodes source and
result again and compares: every sample outside the support of the mask, number of frames, their
times, colour tags, pixel aspect, rotation, and the packets of the sound. Prints each verdict;
leaves with status 1 when one of them differs.
"""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from reenact_core.crop.paste import support
from reenact_core.engine.finish import write_shot
from reenact_core.engine.performer import Performer
from reenact_core.engine.placement import placements
from reenact_core.engine.prepare import PreparedShot, prepare_shot
from reenact_core.engine.resume import open_run
from reenact_core.engine.workshop import Workshop
from reenact_core.frames import Picture
from reenact_core.media.codecs import Codec, choose_codec
from reenact_core.media.decode import decode
from reenact_core.media.opening import opened
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast, FaceChoice, Shot, Source
from reenact_core.timing import FrameRange
from reenact_core.tracking.embedded import EmbeddedDetector

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "clips"
PLATE = CLIPS / "plate_skarsgard_1080p.mp4"
PORTRAIT = CLIPS / "still_portrait1.jpg"


@dataclass
class Verdict:
    """What was compared."""

    samples: int = 0
    """All samples of all planes and frames."""
    touched: int = 0
    """Those inside the mask's support."""
    changed: int = 0
    """Those that differ from the source."""
    wrong: int = 0
    """Those that differ outside the support."""
    faults: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("clip", type=Path, nargs="?", default=PLATE)
    parser.add_argument("--start", type=int, default=100)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--codec", default="ffv1")
    parser.add_argument("--without-networks", action="store_true", help="a negative of the face")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="render into this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reenact-paste-") as folder:
        verdict = measure(given, given.keep or Path(folder))
    share = 100 * verdict.touched / max(1, verdict.samples)
    print(f"samples: {verdict.samples}; inside the mask's support: {share:.2f} %")
    print(f"changed: {verdict.changed}; changed outside the support: {verdict.wrong}")
    for fault in verdict.faults:
        print(f"differs: {fault}")
    if not verdict.faults:
        print("equal: number of frames, times, tags, pixel aspect, rotation, sound packets")
    sys.exit(1 if verdict.wrong or verdict.faults else 0)


def measure(given: argparse.Namespace, out: Path) -> Verdict:
    """Render the frames, and compare."""
    info = probe(given.clip)
    stop = min(info.frame_count, given.start + given.frames)
    frames = FrameRange(given.start, stop, info.rate)
    cast = Cast(FaceChoice(), "recast", PORTRAIT, None, None)
    shot = Shot("shot", "shot", (0,), Source(given.clip, frames), frames, Fraction(0), (cast,))
    with open_run(out) as folder, ExitStack() as stack:
        performer = _performer(networks=not given.without_networks)
        codec: Codec = given.codec
        workshop = Workshop(
            folder, Settings(), codec, EmbeddedDetector(), "embedded", performer, "measured"
        )
        prepared = _result(prepare_shot(shot, workshop, stack))
        _move(prepared, performer)
        encode, notes = choose_codec(info, codec)
        print(*notes, sep="\n", end="\n" if notes else "")
        path = encode.output_path(out, "shot")
        for _ in write_shot(path, prepared.clip, prepared.roles, workshop.settings, encode):
            pass
        verdict = Verdict()
        compare_samples(path, prepared, workshop.settings, verdict)
    compare_files(path, info, frames, verdict)
    return verdict


def _performer(*, networks: bool) -> Performer:
    if networks:
        from reenact_core.devices import Compute
        from reenact_core.engine.performers import performer_of
        from reenact_core.models.load import load_models

        return performer_of(load_models(), Settings(), Compute())
    from tests.core.engine.test_render import InvertingPerformer

    return InvertingPerformer()


def _result(work: Any) -> PreparedShot:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def _move(prepared: PreparedShot, performer: Performer) -> None:
    places = {name: (role, part) for role in prepared.roles for name, part in role.places()}
    takes = [take for role in prepared.roles for take in role.takes]
    for name, index, face in performer.perform(takes):
        role, part = places[name]
        role.new.write(part.start + index, face)


def compare_samples(
    path: Path, prepared: PreparedShot, settings: Settings, verdict: Verdict
) -> None:
    """Every sample of the result against the source, by whether the mask could touch it."""
    made = probe(path)
    whole = FrameRange(0, made.frame_count, made.rate)
    pairs = zip(decode(prepared.clip.info, prepared.clip.frames), decode(made, whole), strict=False)
    coming = [placements(role, settings) for role in prepared.roles]
    waiting = [next(one, None) for one in coming]
    for old, new in pairs:
        allowed = [np.zeros(plane.shape, np.bool_) for plane in old.planes]
        for number, placed in enumerate(waiting):
            if placed is not None and placed[0] == old.index:
                masks = support(old, placed[1].mask, placed[1].to_crop)
                allowed = [a | b for a, b in zip(allowed, masks, strict=True)]
                waiting[number] = next(coming[number], None)
        _count(old, new, allowed, verdict)


def _count(old: Picture, new: Picture, allowed: list[Any], verdict: Verdict) -> None:
    if old.layout != new.layout:
        verdict.faults.append(f"samples: {old.layout} and {new.layout}")
        return
    for before, after, inside in zip(old.planes, new.planes, allowed, strict=True):
        differs = before != after
        verdict.samples += differs.size
        verdict.touched += int(inside.sum())
        verdict.changed += int(differs.sum())
        verdict.wrong += int((differs & ~inside).sum())


def compare_files(path: Path, info: MediaInfo, frames: FrameRange, verdict: Verdict) -> None:
    """Number of frames, times, tags and sound of the result against the source."""
    made = probe(path)
    old_times = [_seconds(info, index) for index in range(frames.start, frames.stop)]
    new_times = [_seconds(made, index) for index in range(made.frame_count)]
    first, began = old_times[0], new_times[0]
    facts = {
        "frames": (len(frames), made.frame_count),
        "rate": (info.rate, made.rate),
        "times": ([time - first for time in old_times], [time - began for time in new_times]),
        "colour": (info.colour, made.colour),
        "pixel aspect": (info.pixel_aspect, made.pixel_aspect),
        "rotation": (info.rotation, made.rotation),
    }
    verdict.faults += [f"{name}: {a} and {b}" for name, (a, b) in facts.items() if a != b]
    end = float(info.start_time) + float(old_times[-1] + 1 / info.rate - info.start_time)
    before, after = sound_packets(info.path, float(first), end), sound_packets(path, None, None)
    missing = [packet for packet in before if packet not in set(after)]
    if missing or abs(len(after) - len(before)) > 2:
        verdict.faults.append(f"sound: {len(before)} packets and {len(after)}")
    print(f"sound packets: {len(before)} wholly inside the range, {len(after)} in the result")


def sound_packets(path: Path, start: float | None, end: float | None) -> list[str]:
    """Hashes of the sound packets that lie wholly in a range of time."""
    with opened(path) as container:
        if not container.streams.audio:
            return []
        return list(_hashes(container, start, end))


def _hashes(container: Any, start: float | None, end: float | None) -> Iterator[str]:
    for packet in container.demux(container.streams.audio[0]):
        if not packet.size or packet.pts is None:
            continue
        begins = float(packet.pts * packet.time_base)
        ends = begins + float(packet.duration * packet.time_base)
        if (start is None or begins >= start) and (end is None or ends <= end):
            yield hashlib.sha256(bytes(packet)).hexdigest()


def _seconds(info: MediaInfo, index: int) -> Fraction:
    return int(info.times[index]) * info.time_base


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description."""


if __name__ == "__main__":
    main()
