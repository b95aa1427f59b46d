"""What a performer must remember to go on where another process stopped, to the same samples."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from reenact_core.errors import OutputError

SECONDS = 3.0
"""Pages are written so often."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(slots=True)
class Diary:
    """A file of arrays by lane, replaced as a whole; empty where nothing was done yet."""

    path: Path
    pages: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    """What stood there at the beginning."""
    written: float = -SECONDS
    """When the last page was; the first one is due at once, for who may soon be killed."""

    @classmethod
    def at(cls, path: Path) -> "Diary":
        """The diary of an earlier process, or a new one."""
        diary = cls(path)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                for name in file.files:
                    lane, _, key = name.rpartition("/")
                    diary.pages.setdefault(lane, {})[key] = file[name]
        except (OSError, ValueError, EOFError, BadZipFile):
            diary.pages.clear()
        return diary

    @property
    def is_due(self) -> bool:
        """Whether the last page is old enough."""
        return time.monotonic() - self.written >= SECONDS

    def write(self, pages: Mapping[str, Arrays]) -> None:
        """Keep where all lanes stand.

        Raises:
            OutputError: the disk is full or gone.
        """
        arrays = {f"{lane}/{key}": one for lane, page in pages.items() for key, one in page.items()}
        partial = self.path.with_name(f".{self.path.name}")
        try:
            with partial.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type,unused-ignore]
            os.replace(partial, self.path)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.written = time.monotonic()
