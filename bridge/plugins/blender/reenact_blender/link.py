"""Conversations with a server that never wait: generators that a timer drives.

A conversation yields a request and gets its reply, or yields a number of seconds and goes on when
they are over. All run in the thread that calls `pump`, so they may call Blender.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reenact_bridge.client import BridgeError, Client, Pending, Reply, Request
else:
    from .client import BridgeError, Client, Pending, Reply, Request

Step = Request | float
Conversation = Generator[Step, Reply, None]

USUAL_SECONDS = 20.0
"""So long an answer is waited for."""
_SECONDS: dict[str, float] = dict.fromkeys(("capabilities", "detect", "frame"), 180.0)
"""The same for what a worker answers, which may have to start on a busy machine first."""


@dataclass
class Task:
    """A conversation that is under way."""

    talk: Conversation
    failed: Callable[[BridgeError], None]
    answer: Pending | None = None
    until: float = 0.0
    """It goes on after this moment of the monotonic clock."""
    ended: bool = False


class Link:
    """All conversations of one client."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._tasks: list[Task] = []

    @property
    def busy(self) -> bool:
        """Whether a conversation is under way."""
        return bool(self._tasks)

    def start(self, talk: Conversation, failed: Callable[[BridgeError], None]) -> Task:
        """Begin a conversation; `failed` hears of an error that it does not handle itself."""
        task = Task(talk, failed)
        self._tasks.append(task)
        self._advance(task, None, None)
        return task

    def pump(self) -> None:
        """Go on with what has been answered."""
        for task in list(self._tasks):
            if task.ended or task.until > time.monotonic():
                continue
            if task.answer is None:
                self._advance(task, None, None)
                continue
            try:
                reply = task.answer.poll()
            except BridgeError as error:
                self._advance(task, None, error)
                continue
            if reply is not None:
                self._advance(task, reply, None)

    def close(self) -> None:
        """End all conversations and the connection; jobs go on at the server."""
        for task in self._tasks:
            task.ended = True
            task.talk.close()
        self._tasks = []
        self.client.close()

    def _advance(self, task: Task, reply: Reply | None, error: BridgeError | None) -> None:
        task.answer, task.until = None, 0.0
        try:
            step = task.talk.throw(error) if error is not None else task.talk.send(reply)  # type: ignore[arg-type]
        except StopIteration:
            self._end(task)
        except BridgeError as unhandled:
            self._end(task)
            task.failed(unhandled)
        except BaseException:
            self._end(task)
            raise
        else:
            if isinstance(step, Request):
                task.answer = self.client.begin(step, _SECONDS.get(step.type, USUAL_SECONDS))
            else:
                task.until = time.monotonic() + step

    def _end(self, task: Task) -> None:
        task.ended = True
        if task in self._tasks:
            self._tasks.remove(task)
