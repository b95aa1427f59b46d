import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reenact_bridge.errors import ProtocolError
from reenact_bridge.regions import map_region, new_region, sweep


def test_two_mappings_are_the_same_memory(tmp_path: Path) -> None:
    region = new_region(8192, tmp_path)
    assert stat.S_IMODE(region.path.stat().st_mode) == 0o600
    one, two = map_region(region.path, 8192), map_region(region.path, 8192)
    one.view[:5] = b"hello"
    assert bytes(two.view[:5]) == b"hello"
    region.remove()
    assert bytes(two.view[:5]) == b"hello"
    one.close()
    two.close()


def test_memory_that_is_gone_or_a_link_is_refused(tmp_path: Path) -> None:
    region = new_region(4096, tmp_path)
    link = tmp_path / "link"
    link.symlink_to(region.path)
    for path in (tmp_path / "none", link):
        with pytest.raises(ProtocolError) as error:
            map_region(path, 4096)
        assert error.value.code == "E_SHM"


def test_what_dead_servers_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    ours = new_region(4096, tmp_path)
    dead = tmp_path / f"reenact-{_dead_process()}-0123456789abcdef"
    other = tmp_path / "reenact-notes"
    for path in (dead, other):
        path.write_bytes(b"")
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([ours.path, other])


def _dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid
