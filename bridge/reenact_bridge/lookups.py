"""Paths of requests looked up in threads of their own: on a dead mount a look may never end."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits

Then = Callable[[Any], None]
"""Gets what was found, or a ProtocolError."""


@dataclass(slots=True, eq=False)
class _Look:
    caller: Caller
    name: str
    then: Then
    ends: float
    told: bool = False


class Lookups:
    """Looks of all clients; for any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._all: set[_Look] = set()

    def begin(self, caller: Caller, name: str, find: Callable[[], Any], then: Then) -> None:
        """Have `then` called once, with what `find` gives or the ProtocolError that it raises.

        Raises:
            ProtocolError: E_BUSY: too many looks of this client, or of all, have not ended.
        """
        look = _Look(caller, name, then, time.monotonic() + self._limits.look_s)
        with self._lock:
            own = sum(other.caller.share == caller.share for other in self._all)
            if own >= self._limits.calls_per_client or len(self._all) >= self._limits.calls:
                raise ProtocolError(
                    "E_BUSY", "too many requests wait for files; ask later", retry_after_ms=1000
                )
            self._all.add(look)
        threading.Thread(target=self._run, args=(look, find), name="look", daemon=True).start()

    def tick(self) -> None:
        """Answer for looks that take too long; their threads still count until they end."""
        now = time.monotonic()
        with self._lock:
            late = [look for look in self._all if look.ends < now]
        for look in late:
            said = (
                f"`{look.name}`: the file system where its files are did not answer within "
                f"{self._limits.look_s:g} s"
            )
            most = self._limits.look_s
            self._tell(look, ProtocolError("E_LIMIT", said, limit="look_s", value=most, max=most))

    def _run(self, look: _Look, find: Callable[[], Any]) -> None:
        found: Any
        try:
            found = find()
        except ProtocolError as error:
            found = error
        except OSError as error:
            found = ProtocolError("E_PATH", f"`{look.name}`: {error.strerror}")
        with self._lock:
            self._all.discard(look)
        self._tell(look, found)

    def _tell(self, look: _Look, found: Any) -> None:
        with self._lock:
            first, look.told = not look.told, True
        if first:
            look.then(found)
