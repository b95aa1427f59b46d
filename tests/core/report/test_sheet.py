from pathlib import Path

import cv2
import numpy as np
import pytest

from reenact_core.errors import OutputError
from reenact_core.report.sheet import (
    Band,
    Pixels,
    Strip,
    difference,
    draw_sheet,
    spread,
    write_sheet,
)


def flat(width: int, height: int, colour: tuple[int, int, int]) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def band(*colours: tuple[int, int, int], columns: int = 3) -> Band:
    strips = tuple(
        Strip(f"row {row}", tuple(flat(64, 36, colour) for _ in range(columns)))
        for row, colour in enumerate(colours)
    )
    return Band("shot", "caption", strips, tuple(f"frame {column}" for column in range(columns)))


def test_every_picture_is_on_the_sheet_at_its_size() -> None:
    sheet = draw_sheet("title", [band((200, 10, 20), (10, 200, 20))], tile_width=64)
    for colour in ((200, 10, 20), (10, 200, 20)):
        assert int(np.all(sheet == colour, axis=2).sum()) == 3 * 64 * 36


def test_bands_of_different_widths_and_shapes_share_a_sheet() -> None:
    tall = Band("tall", "", (Strip("row", (flat(20, 80, (1, 2, 3)),)),), ("frame 0",))
    sheet = draw_sheet("title", [band((9, 9, 9)), tall], tile_width=40)
    assert int(np.all(sheet == (1, 2, 3), axis=2).sum()) == 40 * 160


def test_a_strip_without_a_picture_for_every_moment_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"2 moments, but strips of \[1\] pictures"):
        Band("shot", "", (Strip("row", (flat(4, 4, (0, 0, 0)),)),), ("frame 0", "frame 1"))


def test_the_file_holds_the_sheet(tmp_path: Path) -> None:
    sheet = draw_sheet("title", [band((200, 10, 20))])
    write_sheet(tmp_path / "new" / "sheet.png", sheet)
    read = cv2.imread(str(tmp_path / "new" / "sheet.png"))
    assert read is not None and np.array_equal(read[..., ::-1], sheet)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_sheet(tmp_path / "file" / "sheet.png", flat(4, 4, (0, 0, 0)))


def test_the_difference_is_black_where_nothing_changed_and_never_wraps() -> None:
    before = np.array([[[10, 20, 250]]], np.uint8)
    after = np.array([[[10, 25, 10]]], np.uint8)
    assert difference(before, after).tolist() == [[[0, 20, 255]]]


@pytest.mark.parametrize(("count", "columns"), [(1, 5), (5, 5), (48, 5), (3, 4)])
def test_moments_are_different_frames_in_order(count: int, columns: int) -> None:
    moments = spread(count, columns)
    assert len(moments) == min(count, columns)
    assert list(moments) == sorted(set(moments)) and moments[0] >= 0 and moments[-1] < count
