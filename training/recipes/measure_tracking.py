"""How well faces are followed on real footage, against stored reference faces.

    python training/recipes/measure_tracking.py [--clips NAME ...] [--json OUT.json]

Reads `../shared/clips` beside the repository: `reference_faces.json` has, every 5th frame, the
faces that another tracker found, with boxes from mid-forehead to chin, scores, five points and
the pose (yaw first, positive to the image's right). The bar looks at the largest face of a frame
where its score is at least 0.7 and its width at least 64 pixels: how often does a track lie on it
(IoU at least 0.5)? `covered` counts for each shot only the one track that does so most often;
`any` counts every track; `strict` counts one track for the whole clip, though no track may cross a
cut. `false` is the share of track-frames, on reference frames, that touch no reference face at
all; some of those are faces that the reference missed. Times are processor seconds.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reenact_core.geometry import Box
from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_core.tracking.faces import TrackSettings, find_faces
from reenact_core.tracking.track import FaceTrack

CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "clips"
CUTS = {"plate_nggyup_cuts.mp4": (63,), "plate_sitcom_cut.mp4": (95,)}
"""First frames after the hard cuts, seen by eye."""
YAW_BINS = ("0-30", "30-60", "60-90")


@dataclass
class Score:
    """What was counted in one clip, or in all of them."""

    name: str
    wanted: int = 0
    any: int = 0
    covered: int = 0
    strict: int = 0
    overlap: float = 0.0
    """Sum of the best IoU with each wanted face."""
    shown: int = 0
    """Track-frames on reference frames."""
    false: int = 0
    crossed: int = 0
    """Tracks that cross a cut."""
    tracks: int = 0
    frames: int = 0
    seconds: float = 0.0
    yaw: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0] for name in YAW_BINS})
    """Covered and wanted faces by |yaw|, degrees."""

    def add(self, other: "Score") -> None:
        for name in ("wanted", "any", "covered", "strict", "overlap", "shown", "false", "crossed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("tracks", "frames", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, (covered, wanted) in other.yaw.items():
            self.yaw[name][0] += covered
            self.yaw[name][1] += wanted


def main() -> None:
    options = _options()
    reference = json.loads((CLIPS / "reference_faces.json").read_text("utf-8"))
    total, scores = Score("all"), []
    print(_HEAD)
    for name in options.clips or sorted(reference):
        score = measure(name, reference[name]["frames"])
        total.add(score)
        scores.append(score)
        print(_line(score), flush=True)
    print(_line(total))
    for name, (covered, wanted) in total.yaw.items():
        print(f"|yaw| {name}: {covered} of {wanted} ({covered / max(wanted, 1):.1%})")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(score) for score in [*scores, total]], indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", nargs="*", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="OUT.json")
    return parser.parse_args()


def measure(name: str, frames: dict[str, list[dict[str, Any]]]) -> Score:
    """Track one clip and count."""
    info = probe(CLIPS / name)
    whole = FrameRange(0, info.frame_count, info.rate)
    begun = time.process_time()
    with closing(decode(info, whole)) as pictures:
        tracks = find_faces(pictures, whole, TrackSettings(), EmbeddedDetector())
    score = Score(name, tracks=len(tracks), frames=len(whole), seconds=time.process_time() - begun)
    reference = {int(frame): faces for frame, faces in frames.items()}
    _count_false(score, tracks, reference)
    _count_covered(score, tracks, list(_wanted(reference)), CUTS.get(name, ()))
    crossing = [
        cut
        for track in tracks
        for cut in CUTS.get(name, ())
        if track.frames.start < cut < track.frames.stop
    ]
    score.crossed = len(crossing)
    return score


def _wanted(reference: dict[int, list[dict[str, Any]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Frames with the face that has to be covered there."""
    for frame, faces in reference.items():
        if faces:
            face = max(faces, key=lambda face: Box(*face["box"]).area)
            if face["score"] >= 0.7 and Box(*face["box"]).width >= 64:
                yield frame, face


def _count_false(
    score: Score, tracks: Sequence[FaceTrack], reference: dict[int, list[dict[str, Any]]]
) -> None:
    for frame, faces in reference.items():
        for track in tracks:
            box = track.box_at(frame)
            if box is not None:
                score.shown += 1
                score.false += all(box.overlap(Box(*face["box"])) == 0 for face in faces)


def _count_covered(
    score: Score,
    tracks: Sequence[FaceTrack],
    wanted: Sequence[tuple[int, dict[str, Any]]],
    cuts: Sequence[int],
) -> None:
    by_shot: dict[int, Counter[int]] = {}
    whole: Counter[int] = Counter()
    for frame, face in wanted:
        shot = sum(cut <= frame for cut in cuts)
        overlaps = {
            track.face_id: box.overlap(Box(*face["box"]))
            for track in tracks
            if (box := track.box_at(frame)) is not None
        }
        good = [face_id for face_id, overlap in overlaps.items() if overlap >= 0.5]
        by_shot.setdefault(shot, Counter()).update(good)
        whole.update(good)
        score.wanted += 1
        score.any += bool(good)
        score.overlap += max(overlaps.values(), default=0.0)
        turned = score.yaw[YAW_BINS[min(int(abs(face.get("pose", [0.0])[0]) // 30), 2)]]
        turned[0] += bool(good)
        turned[1] += 1
    score.covered = sum(max(counts.values(), default=0) for counts in by_shot.values())
    score.strict = max(whole.values(), default=0)


_HEAD = f"{'clip':30s} wanted covered    any strict   IoU tracks on ref.  false crossed ms/frame"


def _line(score: Score) -> str:
    wanted, shown = max(score.wanted, 1), max(score.shown, 1)
    shares = (score.covered / wanted, score.any / wanted, score.strict / wanted)
    return (
        f"{score.name:30s} {score.wanted:6d} {shares[0]:7.1%} {shares[1]:6.1%} {shares[2]:6.1%} "
        f"{score.overlap / wanted:5.2f} {score.tracks:6d} {score.shown:7d} "
        f"{score.false / shown:6.1%} {score.crossed:7d} "
        f"{1000 * score.seconds / max(score.frames, 1):8.0f}"
    )


if __name__ == "__main__":
    main()
