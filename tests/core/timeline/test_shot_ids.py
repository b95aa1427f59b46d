"""Ids of shots are unique and safe whatever clips are called."""

import re

from hypothesis import given
from hypothesis import strategies as st

from reenact_core.timeline.shot_ids import shot_ids


@given(st.lists(st.text()))
def test_ids_are_safe_and_unique_in_any_case(names: list[str]) -> None:
    ids = shot_ids(names)
    assert len(ids) == len(names)
    assert len({shot_id.lower() for shot_id in ids}) == len(names)
    for shot_id in ids:
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", shot_id)
        assert not shot_id.endswith(".")
        assert len(shot_id) <= 100


@given(st.lists(st.text()), st.text())
def test_clips_after_it_do_not_change_an_id(names: list[str], more: str) -> None:
    assert shot_ids([*names, more])[: len(names)] == shot_ids(names)


def test_plain_names_stay() -> None:
    assert shot_ids(["sh010", "sh_020.v2", "A-1"]) == ["sh010", "sh_020.v2", "A-1"]


def test_twins_are_numbered() -> None:
    assert shot_ids(["sh010", "SH010", "sh010-2", "sh010"]) == [
        "sh010",
        "SH010-2",
        "sh010-2-2",
        "sh010-3",
    ]


def test_odd_names() -> None:
    assert shot_ids(["../../etc/passwd", "", "con", "NUL.mov", "café", ".hidden"]) == [
        "etc-passwd",
        "clip",
        "clip-con",
        "clip-NUL.mov",
        "cafe",
        "hidden",
    ]


def test_lost_letters_leave_a_mark_that_tells_names_apart() -> None:
    one, other = shot_ids(["場面一", "場面二"])
    assert one != other and not other.endswith("-2")


def test_long_names_are_cut() -> None:
    one, other = shot_ids(["x" * 500, "x" * 499])
    assert one != other and len(one) < 80
