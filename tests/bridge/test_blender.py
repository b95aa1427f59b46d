"""The add-on in a real Blender, with a real server and the default checkpoint.

Blender 3.4 comes from Debian (`apt-get install --no-install-recommends blender python3-zmq`).
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from reenact_cli.demo_footage import FRAME_RATE, PORTRAIT, TAKES, Take, write_clip
from reenact_cli.demo_sound import RATE
from reenact_core.media.probe import probe
from reenact_training.synthetic.plate import PlateFace, render_plate
from tests.bridge.serving import served

WIDTH, HEIGHT, LENGTH = 320, 180, 8
SCRIPT = Path(__file__).with_name("in_blender.py")
PACK = Path(__file__).resolve().parents[2] / "bridge" / "plugins" / "blender" / "pack.py"
SECONDS = 500


def _blender() -> str:
    """A Blender whose Python has pyzmq."""
    found = shutil.which("blender")
    if found is None:
        pytest.skip("Blender is not installed")
    command = [found, "--background", "--factory-startup", "--python-exit-code", "3"]
    asked = subprocess.run(
        [*command, "--python-expr", "import zmq"], capture_output=True, timeout=SECONDS
    )
    if asked.returncode == 3:
        pytest.skip("Blender's Python has no pyzmq")
    return found


def _picture(take: Take, width: int, height: int) -> NDArray[np.uint8]:
    face = PlateFace(width / 2, 0.48 * height, 0.46 * height, take.person, take.acting)
    return next(iter(render_plate(take.room, width, height, 1, [face])))


@dataclass(frozen=True, slots=True)
class Ran:
    """What Blender did in a folder."""

    folder: Path
    said: dict[str, Any]

    def picture(self, name: str) -> NDArray[np.float32]:
        """A picture that Blender wrote, in [0, 1]."""
        return np.asarray(cv2.imread(str(self.folder / name)), np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    blender = _blender()
    folder = tmp_path_factory.mktemp("blender")
    pack = [sys.executable, str(PACK), "-o", str(folder / "add-on.zip")]
    subprocess.run(pack, check=True, timeout=SECONDS)
    shutil.unpack_archive(folder / "add-on.zip", folder / "addons")
    with served(folder) as server:
        root = server.root
        silence = np.zeros(round(RATE * LENGTH / float(FRAME_RATE)), np.float32)
        drawn = _picture(TAKES[0], WIDTH, HEIGHT)  # drawing takes long, so the camera moves
        frames = [np.roll(drawn, number, axis=1) for number in range(LENGTH)]
        write_clip(root / "clip.mp4", frames, silence)
        Image.fromarray(_picture(PORTRAIT, 256, 256)).save(root / "face.png")
        places = (server.connection_file, folder / "addons", root / "clip.mp4", root / "face.png")
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "3"]
        command += ["--python", str(SCRIPT), "--", *map(str, places), str(root)]
        # Blender's own Python must not meet what is installed for ours.
        environment = {key: each for key, each in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr + server.log.read_text()
    return Ran(root, json.loads((root / "said.json").read_text()))


pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_strip_above_plays_the_new_media_with_the_same_cut(ran: Ran) -> None:
    below, _, above = ran.said["after"]
    assert ran.said["jobs"] == [
        {"state": "done", "fraction": 1.0, "message": "1 laid above", "placed": True}
    ]
    film = probe(Path(above["file"]))
    assert film.frame_count == 4 + 2 * 1 and film.rate == Fraction(24)  # the cut and its handles
    for name in ("frame_final_start", "frame_final_end", "offset", "modifiers"):
        assert above[name] == below[name]
    assert above["frame_start"] == below["frame_final_start"] - 1  # a handle before the cut
    assert not below["mute"] and not below["marked"]


def test_it_lies_in_the_lowest_channel_that_is_free(ran: Ran) -> None:
    assert [strip["channel"] for strip in ran.said["after"]] == [2, 3, 4]


def test_blender_shows_another_face_and_the_same_room(ran: Ran) -> None:
    changed = np.abs(ran.picture("with.png") - ran.picture("without.png")).max(axis=2)
    assert (changed > 0.1).mean() > 0.01
    assert (changed < 0.02).mean() > 0.3


def test_one_undo_takes_the_result_away_and_it_does_not_come_again(ran: Ran) -> None:
    assert ran.said["undone"] and ran.said["redone"]
    assert ran.said["job after undo"] == [True]


def test_a_preview_is_an_image_of_the_clip_with_another_face(ran: Ran) -> None:
    seen = ran.picture("preview.png")
    info = probe(ran.folder / "clip.mp4")
    assert seen.shape == (info.height, info.width, 3)
    assert 0.1 < float(seen.mean()) < 0.9


def test_faces_of_the_current_frame_are_listed(ran: Ran) -> None:
    [(left, top, right, bottom)] = ran.said["faces"]
    info = probe(ran.folder / "clip.mp4")
    assert 0 < left < info.width / 2 < right < info.width
    assert 0 < top < bottom < info.height
    assert ran.said["faces frame"] == 3


def test_what_cannot_be_done_is_said_in_a_sentence(ran: Ran) -> None:
    assert "poll() failed" in ran.said["unconnected"]
    assert "start `reenact serve`" in ran.said["no server"]
    assert "move it over the strip" in ran.said["off the strip"]
    assert "choose a file" in ran.said["no source"]
