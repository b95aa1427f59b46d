from pathlib import Path

import cv2
import numpy as np
import pytest

from reenact_core.provenance.manifest import COMPOSITE, GENERATED
from reenact_core.provenance.xmp import BOX, find_source_type, put_xmp
from tests.core.provenance.films import pixels
from tests.synthetic import ClipFormat, draw, one_face, write_clip

PICTURE = draw(96, 64, one_face(96, 64)(0))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_says_it_and_keeps_its_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face{suffix}"
    cv2.imwrite(str(path), PICTURE)
    before, size = pixels(path), path.stat().st_size
    assert find_source_type(path) is None
    assert put_xmp(path, COMPOSITE)
    assert find_source_type(path) == COMPOSITE
    assert np.array_equal(pixels(path), before)
    assert size < path.stat().st_size < size + 1000
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_jfif_stays_the_first_segment(tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    cv2.imwrite(str(path), PICTURE)
    put_xmp(path, COMPOSITE)
    assert path.read_bytes()[6:10] == b"JFIF"


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_film_says_it_in_a_box_behind_the_rest(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", 3, form=ClipFormat("libx264"))
    before = path.read_bytes()
    assert put_xmp(path, GENERATED)
    after = path.read_bytes()
    assert after.startswith(before) and after[len(before) :][8:24] == BOX
    assert find_source_type(path) == GENERATED


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    for name, content in (
        ("clip.mkv", b"\x1aE\xdf\xa3"),
        ("no.png", b"GIF89a"),
        ("empty.jpg", b""),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert not put_xmp(path, COMPOSITE)
        assert path.read_bytes() == content
        assert find_source_type(path) is None


@pytest.mark.parametrize(
    "said",
    [
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{GENERATED}"/>',
        f"<Iptc4xmpExt:DigitalSourceType>{GENERATED}</Iptc4xmpExt:DigitalSourceType>",
        f"<Iptc4xmpExt:DigitalSourceType> {GENERATED} </Iptc4xmpExt:DigitalSourceType>",
        f"<Iptc4xmpExt:DigitalSourceType rdf:resource='{GENERATED}'/>",
    ],
)
def test_it_is_found_in_every_form_that_others_write(tmp_path: Path, said: str) -> None:
    path = tmp_path / "other.jpg"
    body = b"http://ns.adobe.com/xap/1.0/\0" + said.encode()
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    path.write_bytes(b"\xff\xd8" + segment + b"\xff\xda")
    assert find_source_type(path) == GENERATED


def test_a_file_that_breaks_off_says_nothing(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), PICTURE)
    put_xmp(tmp_path / "face.png", COMPOSITE)
    whole = (tmp_path / "face.png").read_bytes()
    for length in (0, 7, 8, 12, 40, 70):
        cut = tmp_path / f"cut{length}.png"
        cut.write_bytes(whole[:length])
        assert find_source_type(cut) is None
