"""The conversations with a server: connect, find faces, show a frame, render.

Each is a generator for `link.py`. They know nothing of Blender; what is found goes to the functions
that they are given.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .link import Conversation

if TYPE_CHECKING:
    from reenact_bridge.client import BridgeError, PreviewState, Request
else:
    from .client import BridgeError, PreviewState, Request

LOOK_SECONDS = 0.25
"""So often a job is asked how far it is."""
AWAY_SECONDS = 2.0
"""So long is waited after a server gave no answer; its jobs go on when it is back."""

Body = dict[str, Any]
Found = Callable[[Body], None]


@dataclass(frozen=True)
class Shown:
    """A frame with the new face."""

    width: int
    height: int
    rgba: bytes
    """float32 R'G'B'A, the top row first."""
    said: Body
    """What the server says of it: `faces`, `ms` and so on."""


def connect(name: str, told: Callable[[Body, Body], None]) -> Conversation:
    """Greet, and ask what the server can do; `told` gets both answers."""
    greeting = {"client": name, "client_version": "1", "protocols": [1], "pid": os.getpid()}
    hello = (yield Request("hello", greeting)).body
    told(hello, (yield Request("capabilities", {})).body)


def faces(path: str, frame: int, found: Found) -> Conversation:
    """The faces in a frame of a file."""
    found((yield Request("detect", {"path": path, "frame": frame})).body)


def preview(path: str, frame: int, opened: Body, shown: Callable[[Shown], None]) -> Conversation:
    """One frame of a file with the new face, that `opened` describes as `session.open` has it."""
    size = (yield Request("detect", {"path": path, "frame": frame})).body
    width, height = int(size["width"]), int(size["height"])
    pixels = {"width": width, "height": height, "channels": 4, "dtype": "f4"}
    asked = {**opened, "pixels": pixels, "clip": path, "slots": 1}
    reply = yield Request("session.open", asked)
    try:
        state = PreviewState(reply.body, pixels)
    except OSError:  # the memory is another machine's, or another user's
        yield Request("session.close", {"session": reply.body["session"]})
        reply = yield Request("session.open", {**asked, "transport": "inline"})
        state = PreviewState(reply.body, pixels)
    try:
        request, slot = state.reading(frame, {})
        rgba, said = state.result((yield request), slot)
    finally:
        state.close()
    yield Request("session.close", {"session": state.session})
    shown(Shown(width, height, rgba, said))


def render(
    body: Body, begun: Callable[[str], None], looked: Found, ended: Callable[[Body, Body], None]
) -> Conversation:
    """Submit a job and stay with it to its end; `begun` gets its id, the others as in `watch`."""
    job = str((yield Request("submit", body)).body["job"])
    begun(job)
    yield from watch(job, looked, ended)


def watch(job: str, looked: Found, ended: Callable[[Body, Body], None]) -> Conversation:
    """Stay with a job: `looked` gets its record at times, `ended` the last one and the result."""
    while True:
        try:
            record = (yield Request("status", {"job": job})).body
        except BridgeError as error:
            if not error.retryable:
                raise
            looked({"state": "away", "progress": None, "error": {"message": str(error)}})
            yield AWAY_SECONDS
            continue
        looked(record)
        if record["final"]:
            break
        yield LOOK_SECONDS
    result: Body = {"shots": [], "refused": [], "notes": []}
    if record["state"] == "done":
        result = (yield Request("result", {"job": job})).body
    ended(record, result)


def cancel(job: str, mode: str, done: Found) -> Conversation:
    """Stop a job."""
    done((yield Request("cancel", {"job": job, "mode": mode})).body)
