"""A file system in which every look hangs, as that of a file server that is gone."""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_DETACH = 2


@contextmanager
def dead_mount(folder: Path) -> Iterator[None]:
    """Mount one: FUSE, and nobody answers. At the end whoever hangs in it is let go.

    Skips the test where this process may not mount.
    """
    folder.mkdir()
    try:
        handle = _mounted(folder)
    except OSError as error:
        pytest.skip(f"a dead mount needs root and FUSE ({error})")
    try:
        yield
    finally:
        os.close(handle)
        ctypes.CDLL(None).umount2(bytes(folder), _DETACH)


def within(seconds: float, look: Callable[[], Any]) -> Any:
    """What a function gives, which must come in that time."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(look()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"it takes more than {seconds} s"
    return found[0]


def _mounted(folder: Path) -> int:
    """Mount it; the handle that keeps it there."""
    if not sys.platform.startswith("linux"):
        raise OSError("not Linux")
    handle = os.open("/dev/fuse", os.O_RDWR)
    how = f"fd={handle},rootmode=40000,user_id=0,group_id=0".encode()
    system = ctypes.CDLL(None, use_errno=True)
    if system.mount(b"dead", bytes(folder), b"fuse", 0, how):
        os.close(handle)
        raise OSError(ctypes.get_errno(), "cannot be mounted")
    return handle
