"""How long an attempt at a unit may take."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reenact_core.errors import ReenactError
from reenact_core.farm.plan import Limits, Unit
from reenact_core.farm.records import TIME

GRACE_SECONDS = 30
"""From the limit on, for the frame under way; after them its process ends."""
_LAST_SECONDS = 10.0
"""For writing down why, on a disk that may be what it hangs on."""


class TimeLimitError(ReenactError):
    """An attempt took longer than it may."""

    code = "time"
    exit_status = TIME


class Limit:
    """The time of one attempt."""

    def __init__(self, unit: Unit, limits: Limits) -> None:
        self._seconds, self._began = limits.unit_seconds, time.monotonic()
        self.error = TimeLimitError(
            f"{unit.id}: took longer than the limit of {limits.unit_seconds or 0:g} s; raise it "
            "with reenact farm submit --time-limit"
        )

    def check(self) -> None:
        """Called between two frames.

        Raises:
            TimeLimitError: the time is over.
        """
        if self._seconds is not None and time.monotonic() - self._began > self._seconds:
            raise self.error

    @contextmanager
    def enforced(self, tell: Callable[[], None]) -> Iterator[None]:
        """End this process where the block hangs, after `tell` has written down why."""
        if self._seconds is None:
            yield
            return

        def end() -> None:
            teller = threading.Thread(target=tell, daemon=True)
            teller.start()
            teller.join(_LAST_SECONDS)
            os._exit(TIME)

        timer = threading.Timer(self._seconds + GRACE_SECONDS, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
