"""Messages from other threads for a thread that sleeps in a poll."""

import queue
import socket
from collections.abc import Iterator
from typing import Any


class Mailbox:
    """`put` from any thread; the owner polls `fd` and then calls `take`."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._awake, self._bell = socket.socketpair()
        self._awake.setblocking(False)
        self._bell.setblocking(False)

    @property
    def fd(self) -> int:
        """Becomes readable when there is something to take."""
        return self._awake.fileno()

    def put(self, item: Any) -> None:
        """Leave an item and wake the owner."""
        self._items.put(item)
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            pass  # it is awake already
        except OSError:
            pass  # it is closed: nobody waits any more

    def take(self) -> Iterator[Any]:
        """Everything that is there."""
        try:
            while self._awake.recv(4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                yield self._items.get_nowait()
            except queue.Empty:
                return

    def close(self) -> None:
        """Close the bell."""
        self._awake.close()
        self._bell.close()
