"""A little real footage: faces around a cut. All of it is measured by training/recipes."""

from contextlib import closing
from fractions import Fraction
from pathlib import Path

from reenact_core.media.decode import decode
from reenact_core.media.probe import probe
from reenact_core.timing import FrameRange
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_core.tracking.faces import TrackSettings, find_faces

CUT = 95
"""First frame after the cut in plate_sitcom_cut.mp4, seen by eye."""


def test_faces_are_followed_up_to_a_cut_and_anew_after_it(shared: Path) -> None:
    info = probe(shared / "clips" / "plate_sitcom_cut.mp4")
    assert info.rate == Fraction(24000, 1001)
    frames = FrameRange(CUT - 9, CUT + 9, info.rate)
    with closing(decode(info, frames)) as pictures:
        tracks = find_faces(pictures, frames, TrackSettings(), EmbeddedDetector())
    assert {(track.frames.start, track.frames.stop) for track in tracks} == {
        (CUT - 9, CUT),
        (CUT, CUT + 9),
    }
    # One clear face before the cut, two after it.
    for frame, least in ((CUT - 5, 1), (CUT + 5, 2)):
        seen = [track for track in tracks if track.box_at(frame) is not None]
        assert len(seen) >= least
    assert all(track.landmarks.shape[1] == 79 for track in tracks)
