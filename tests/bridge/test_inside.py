"""A look at media inside the roots, whatever is turned round meanwhile."""

from pathlib import Path

import pytest
from PIL import Image

from reenact_bridge.inside import inside
from reenact_bridge.roots import Roots
from reenact_core.errors import MediaError
from reenact_core.media.decode import decode
from reenact_core.media.opening import stamp_of
from reenact_core.timing import FrameRange
from tests.synthetic import write_clip


class Turning(Roots):
    """Roots whose link leads out as soon as it was found to lead in, and in again afterwards."""

    __slots__ = ()

    def hold(self, path: Path) -> bool:
        held = super().hold(path)
        _turn(path, path.parents[1] / "out" / "secret.mkv")
        return held


class TurningBack(Turning):
    """Those whose link leads in again when the file is judged."""

    __slots__ = ()

    def resolved(self, path: Path) -> Path | None:
        if path.is_symlink():
            _turn(path, path.with_name("own.mkv"))
        return super().resolved(path)


def _turn(link: Path, target: Path) -> None:
    link.unlink()
    link.symlink_to(target)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("root", "out"):
        (tmp_path / name).mkdir()
    write_clip(tmp_path / "root" / "own.mkv", 4)
    write_clip(tmp_path / "out" / "secret.mkv", 4)
    (tmp_path / "root" / "link.mkv").symlink_to(tmp_path / "root" / "own.mkv")
    return tmp_path / "root"


def test_links_inside_are_followed(root: Path) -> None:
    info = inside(Roots.of([root]))(root / "link.mkv")
    assert info.frame_count == 4
    assert len(list(decode(info, FrameRange(0, 4, info.rate)))) == 4


@pytest.mark.parametrize("kind", [Turning, TurningBack])
def test_a_link_that_is_turned_between_check_and_look_is_outside(
    root: Path, kind: type[Roots]
) -> None:
    with pytest.raises(MediaError, match=r"link\.mkv is outside the folders"):
        inside(kind.of([root]))(root / "link.mkv")


def test_a_link_that_is_turned_after_the_look_is_not_followed(root: Path) -> None:
    info = inside(Roots.of([root]))(root / "link.mkv")
    _turn(root / "link.mkv", root.parent / "out" / "secret.mkv")
    with pytest.raises(MediaError, match=r"link\.mkv: has changed since this job"):
        list(decode(info, FrameRange(0, 4, info.rate)))


def test_one_picture_of_a_sequence_that_leads_out_is_enough(root: Path) -> None:
    for number in (1, 2):
        Image.new("RGB", (8, 8)).save(root / f"a.{number}.png")
    look = inside(Roots.of([root]))
    assert look(root / "a.%d.png", first_number=1).frame_count == 2
    (root / "a.3.png").symlink_to(root.parent / "out" / "none.png")
    with pytest.raises(MediaError, match="is outside the folders"):
        look(root / "a.%d.png", first_number=1)


def test_a_folder_on_the_way_that_is_a_link_holds_no_file(root: Path) -> None:
    roots = Roots.of([root])
    (root / "way").symlink_to(root.parent / "out")
    secret = root.parent / "out" / "secret.mkv"
    assert not roots.hold_file(root / "way" / "secret.mkv", stamp_of(secret))
    assert not roots.hold_file(secret, stamp_of(secret))
    assert roots.hold_file(root / "own.mkv", stamp_of(root / "own.mkv"))
    assert not roots.hold_file(root / "own.mkv", stamp_of(secret))
