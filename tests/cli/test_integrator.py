"""`--integrator` on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reenact_cli.main import run
from reenact_core.models.catalogue import find_checkpoint
from reenact_core.models.chosen_integrator import choose_integrator
from reenact_core.models.integrators.osfv import Osfv
from tests.synthetic import ClipFormat, TimelineClip, write_clip, write_portrait, write_timeline
from tests.tiny_files import TINY, write_tiny


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the file of a tiny network, under the id of a checkpoint, into the models folder."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("REENACT_MODELS", str(folder))

    def write(method: str, name: str | None = None) -> Path:
        return write_tiny(method, folder / f"{name or method}.safetensors")

    return write


@pytest.mark.parametrize("method", TINY)
def test_animate_runs_with_each_of_them(
    method: str, weights: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face = write_portrait(tmp_path / "face.png", 256)
    clip = write_clip(tmp_path / "clip.mkv", 2, form=ClipFormat(width=256, height=256))
    out = tmp_path / "out.mkv"
    command = [
        "animate",
        str(face),
        str(clip),
        "-o",
        str(out),
        "--crop",
        "none",
        "--scheme",
        "global",
    ]
    command += ["--integrator", f"{method}:{weights(method)}", "--codec", "ffv1"]
    assert run([*command, "--json", "--progress", "none", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 2
    with av.open(str(out)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [picture.shape for picture in pictures] == [(256, 256, 3)] * 2
    assert np.std(pictures[0]) > 1


PICTURES: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "grey": lambda rgb: rgb[..., 0],
    "alpha": lambda rgb: np.dstack([rgb, np.full_like(rgb[..., :1], 200)])[..., [2, 1, 0, 3]],
    "16 bit": lambda rgb: rgb[..., ::-1].astype(np.uint16) * 257,
    "grey, 16 bit": lambda rgb: rgb[..., 1].astype(np.uint16) * 257,
}


@pytest.mark.parametrize("kind", PICTURES)
def test_animate_takes_any_picture(
    kind: str, weights: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = cv2.imread(str(write_portrait(tmp_path / "drawn.png", 256)))
    assert drawn is not None
    face = tmp_path / "face.png"
    assert cv2.imwrite(str(face), PICTURES[kind](drawn[..., ::-1].astype(np.uint8)))
    assert animated(face, weights("fomm"), tmp_path) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 2


@pytest.mark.parametrize(
    ("crop", "size", "status", "words"),
    [
        ("none", (15, 15), 4, "is 15x15; a face crop has 16 pixels a side at least"),
        ("auto", (15, 15), 3, "no face was found"),
        ("none", (256, 160), 4, "is 256x160; a face crop is square"),
    ],
)
def test_a_picture_that_shows_no_face_crop_is_refused(
    crop: str,
    size: tuple[int, int],
    status: int,
    words: str,
    weights: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = cv2.imread(str(write_portrait(tmp_path / "drawn.png", 256)))
    assert drawn is not None
    face = tmp_path / "face.png"
    assert cv2.imwrite(str(face), drawn[: size[1], : size[0]])
    assert animated(face, weights("fomm"), tmp_path, crop) == status
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "face.png" in message and words in message


def animated(face: Path, weights: Path, folder: Path, crop: str = "none") -> int:
    clip = write_clip(folder / "clip.mkv", 2, form=ClipFormat(width=256, height=256))
    command = ["animate", str(face), str(clip), "-o", str(folder / "out.mkv"), "--crop", crop]
    command += ["--scheme", "global", "--integrator", f"fomm:{weights}", "--codec", "ffv1"]
    return run([*command, "--json", "--progress", "none", "--device", "cpu"])


def test_render_names_the_integrator_and_renders_anew_for_another(
    weights: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = write_clip(tmp_path / "a.mkv", 6)
    write_portrait(tmp_path / "face.png")
    ask = {"version": 1, "mode": "recast", "source": "face.png"}
    edit = write_timeline(tmp_path / "cut.otio", [TimelineClip("sh", media, 1, 3, 6, ask)])
    base = ["render", str(edit), "-o", str(tmp_path / "out"), "--json", "--progress", "none"]
    statuses: list[str] = []
    record: dict[str, Any] = {}
    for extra in ([], ["--integrator", f"fomm:{weights('fomm')}"]):
        for _ in range(2):
            assert run([*base, "--handles", "0", *extra]) == 0
            capsys.readouterr()
            record = json.loads((tmp_path / "out" / "run.json").read_text())
            statuses.append(record["shots"][0]["status"])
    assert statuses == ["rendered", "kept", "rendered", "kept"]
    named = record["checkpoint"]["integrator"]
    assert named["id"] == "fomm" and list(named["files"]) == ["fomm.safetensors"]


def test_an_installed_checkpoint_needs_no_file(
    weights: Callable[..., Path], tmp_path: Path
) -> None:
    path = weights("osfv", "osfv-vox-beta")
    for named in ("osfv", "osfv-vox-beta"):
        chosen = choose_integrator(named, folders=[path.parent])
        assert chosen.id == "osfv" and chosen.files == (path,)
        assert isinstance(chosen.integrator, Osfv)
        assert chosen.integrator.settings.rotation == "beta"


def test_the_checkpoints_own_is_one_too() -> None:
    chosen = choose_integrator("compact")
    assert chosen.id == "compact"
    assert chosen.files in ((), (find_checkpoint("compact"),))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("tpsmm", "name them as tpsmm:FILE, or see `reenact models fetch tpsmm-vox`"),
        ("fomm:", "no file after the colon"),
        ("fom", "did you mean fomm"),
        ("fomm:gone.pth", "gone.pth: cannot be read"),
        ("fomm:{osfv}", "no FOMM weights"),
    ],
)
def test_what_is_no_integrator_says_so(
    named: str,
    words: str,
    weights: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    face, clip = write_portrait(tmp_path / "a.png"), write_clip(tmp_path / "a.mkv", 2)
    asked = named.format(osfv=weights("osfv"))
    command = ["animate", str(face), str(clip), "-o", str(tmp_path / "o.mkv"), "--json"]
    assert run([*command, "--integrator", asked]) == 4
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_checkpoint_without_l_and_c_takes_no_other_g(
    weights: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face, clip = write_portrait(tmp_path / "a.png"), write_clip(tmp_path / "a.mkv", 2)
    fomm = str(weights("fomm"))
    command = ["animate", str(face), str(clip), "-o", str(tmp_path / "o.mkv"), "--json"]
    assert run([*command, "--checkpoint", fomm, "--integrator", f"fomm:{fomm}"]) == 4
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert "another integrator goes with a checkpoint of compact" in message
