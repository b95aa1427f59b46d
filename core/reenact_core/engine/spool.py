"""Arrays of one shape on disk, read and written by number: what keeps memory flat in clip length.

Plain reads and writes rather than a memory map, whose touched pages would count as the process's
own memory and grow with the clip.
"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import OutputError


@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """A file of equal records.

    Convention:
        a record is an array of `shape` and `dtype`; records may be written in any order
    """

    stream: BinaryIO
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def record_bytes(self) -> int:
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def write(self, number: int, record: NDArray[Any]) -> None:
        """Store one record.

        Raises:
            OutputError: the disk is full or gone.
        """
        if record.shape != self.shape or record.dtype != self.dtype:
            raise ValueError(
                f"a record must be {self.shape} {self.dtype}, got {record.shape} {record.dtype}"
            )
        try:
            self.stream.seek(number * self.record_bytes)
            self.stream.write(np.ascontiguousarray(record).data)
        except OSError as error:
            raise OutputError(_sentence(self.path, error)) from error

    def read(self, number: int) -> NDArray[Any]:
        """One record that was written before."""
        self.stream.seek(number * self.record_bytes)
        data = self.stream.read(self.record_bytes)
        return np.frombuffer(data, self.dtype).reshape(self.shape)


@contextmanager
def open_spool(path: Path, shape: tuple[int, ...], dtype: Any) -> Iterator[Spool]:
    """A new spool file, removed on leaving however that happens.

    Raises:
        OutputError: the folder cannot be written or is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w+b", buffering=0)
    except OSError as error:
        raise OutputError(_sentence(path, error)) from error
    try:
        with stream:
            yield Spool(stream, path, shape, np.dtype(dtype))
    finally:
        path.unlink(missing_ok=True)


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """See that a folder's disk has room before hours of work are put into it.

    Raises:
        OutputError: it has not; says how much is needed and how much is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"{folder}: {purpose} needs about {_gigabytes(needed)} of scratch space and "
            f"{_gigabytes(free)} is free; free some space or choose another folder with -o"
        )


def to_samples(pixels: NDArray[np.floating[Any]], dtype: Any) -> NDArray[Any]:
    """Values in [0, 1] as unsigned integers over their whole range, rounded."""
    top = np.iinfo(dtype).max
    return np.asarray(np.rint(np.clip(pixels, 0.0, 1.0) * top), dtype)


def from_samples(samples: NDArray[Any]) -> NDArray[np.float32]:
    """The inverse of `to_samples`, up to its rounding."""
    top = np.float32(np.iinfo(samples.dtype).max)
    return np.asarray(samples, np.float32) / top


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def _sentence(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"{path.parent}: the disk is full while face crops are stored; free some space "
            "and run the same command again"
        )
    return f"{path.parent}: cannot be written ({error.strerror}); choose another folder with -o"
