"""The events socket: who may hear of which job, and what is told; for the server's main thread."""

import time
from collections.abc import Callable
from typing import Any

import zmq

from reenact_bridge.callers import Caller, visitor_of
from reenact_bridge.errors import ProtocolError
from reenact_bridge.keys import AllowList
from reenact_bridge.sockets import send
from reenact_bridge.store import Store
from reenact_bridge.wire import pack
from reenact_core.errors import SettingsError

REOPEN_SECONDS = 5.0
"""So long the system may take to let go of an endpoint."""
LONGEST_TOPIC = 64
BURST = 64
"""Subscriptions that are judged before other sockets are looked at."""

Open = Callable[[str], tuple[Any, str]]
"""Binds an XPUB socket; gives it and the endpoint that clients connect to."""


class Publisher:
    """Tells events to those who may hear them.

    A subscription is judged when it comes. ZeroMQ keeps it for as long as its connection lasts, so
    when a client is taken off the list all connections are closed: clients connect again by
    themselves, and are judged anew. What they miss meanwhile `events.since` tells.
    """

    def __init__(self, open_at: Open, endpoint: str, allowed: AllowList | None) -> None:
        """Raises SettingsError: the endpoint cannot be bound."""
        self._open, self._allowed = open_at, allowed
        self._losses = 0 if allowed is None else allowed.losses
        self.socket, self.endpoint = open_at(endpoint)

    def publish(self, event: dict[str, Any]) -> None:
        """Tell an event to all who have subscribed to its job and may hear of it still."""
        self.judge_anew()
        topic = f"job.{event['job']}.".encode()
        send(self.socket, [topic, *pack("event", None, event)])

    def judge_anew(self) -> None:
        """Where somebody was taken off the list, close all connections and begin again."""
        losses = 0 if self._allowed is None else self._allowed.losses
        if losses == self._losses:
            return
        self._losses = losses
        self.socket.close(0)  # what waits in it is not told any more
        until = time.monotonic() + REOPEN_SECONDS
        while True:
            try:
                self.socket, _ = self._open(self.endpoint)
                return
            except SettingsError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)

    def receive(self, store: Store) -> None:
        """Let clients hear of jobs that are theirs, and of no others."""
        for _ in range(BURST):
            try:
                frame = self.socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            wish, topic = frame.bytes[:1], frame.bytes[1:]
            if wish == b"\x01" and self._may_hear(frame, topic, store):
                self.socket.setsockopt(zmq.SUBSCRIBE, topic)
            elif wish == b"\x00":
                self.socket.setsockopt(zmq.UNSUBSCRIBE, topic)

    def close(self, linger_ms: int) -> None:
        """Close the socket; what was said may still go out for so long."""
        self.socket.close(linger_ms)

    def _may_hear(self, frame: Any, topic: bytes, store: Store) -> bool:
        try:
            visitor = visitor_of(frame, self._allowed)
        except ProtocolError:
            return False
        if visitor.role == "admin":
            return len(topic) <= LONGEST_TOPIC
        parts = topic.decode("ascii", "replace").split(".")
        if len(parts) != 3 or parts[0] != "job" or parts[2] or visitor.role == "viewer":
            return False
        job = store.job(parts[1])
        return job is not None and Caller(b"", visitor).owns(job)
