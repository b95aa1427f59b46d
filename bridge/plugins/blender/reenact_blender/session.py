"""The connection of this Blender, and the timer that drives it; jobs and what became of them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy  # pyright: ignore[reportMissingImports]

from . import placing, talks
from .controls import Controls
from .link import Conversation, Link, Task

if TYPE_CHECKING:
    from reenact_bridge.client import BridgeError, Client, PathMap
else:
    from .client import BridgeError, Client, PathMap

TICK_SECONDS = 0.05


@dataclass
class Job:
    """A render that was asked for, as this session knows it; undo does not change it."""

    key: str
    """Idempotency key, and the name of its row in the scene."""
    scene: str
    strips: str
    """JSON: name and token of each strip."""
    job: str = ""
    state: str = "submitting"
    fraction: float = 0.0
    message: str = ""
    placed: bool = False


class Session:
    """What there is one of: the connection, its controls and its jobs."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.controls: Controls | None = None
        self.paths = PathMap()
        self.said = "Not connected"
        """The last news, for the panel."""
        self.failure = ""
        """Why the last conversation ended too early."""
        self.jobs: dict[str, Job] = {}
        self.drawn: list[object] = []
        """What the panels show."""
        self.greeted = False
        """The server has just been connected to, and jobs of the file are to be taken up."""

    @property
    def connected(self) -> bool:
        """Whether the server has answered."""
        return self.controls is not None

    def connect(self, where: str, key: str, paths: PathMap) -> Task:
        """Begin to connect.

        Raises:
            BridgeError: there is no server to speak to.
        """
        self.close()
        name = f"Blender {bpy.app.version_string}"
        self.link, self.paths = Link(Client(where, key or None, name=name)), paths
        self.said = "Connecting"

        def told(hello: dict[str, Any], capabilities: dict[str, Any]) -> None:
            self.controls = Controls(capabilities)
            self.said = f"Connected to reenact {hello['server_version']} as {hello['role']}"
            self.greeted = True

        return self.go(talks.connect(name, told))

    def close(self) -> None:
        """Let the server go; its jobs go on."""
        if self.link is not None:
            self.link.close()
        if self.controls is not None:
            self.controls.close()
        self.link, self.controls, self.said = None, None, "Not connected"
        self.jobs = {}

    def go(self, talk: Conversation) -> Task:
        """Begin a conversation; in a Blender without windows, see it through."""
        assert self.link is not None
        self.failure = ""
        task = self.link.start(talk, self._failed)
        if bpy.app.background:
            while not task.ended:
                self.link.pump()
                time.sleep(TICK_SECONDS)
            self.take_up()
        elif not bpy.app.timers.is_registered(tick):
            bpy.app.timers.register(tick, first_interval=TICK_SECONDS, persistent=True)
        return task

    def render(self, scene: Any, body: dict[str, Any], strips: str) -> Task:
        """Submit a job for strips (JSON: their names and tokens) and stay with it."""
        job = Job(body["idempotency_key"], scene.name, strips)
        self.jobs[job.key] = job
        self._write(job)

        def begun(number: str) -> None:
            self._note(job, job=number, state="queued")

        return self.go(self._stay(job, talks.render(body, begun, *self._listeners(job))))

    def take_up(self) -> None:
        """Once after a connection: stay with the jobs of the file that have not been laid."""
        if not self.greeted:
            return
        self.greeted = False
        for scene in bpy.data.scenes:
            for row in scene.reenact.jobs:
                over = row.placed or row.state in ("failed", "cancelled")
                if row.job and not over and row.name not in self.jobs:
                    job = Job(row.name, scene.name, row.strips, row.job, row.state)
                    self.jobs[job.key] = job
                    self.go(self._stay(job, talks.watch(job.job, *self._listeners(job))))

    def cancel(self, job: str, mode: str) -> Task:
        """Stop a job."""
        return self.go(talks.cancel(job, mode, lambda reply: None))

    def news(self) -> list[object]:
        """What the panels would show now."""
        told = [(job.state, round(job.fraction, 3), job.message) for job in self.jobs.values()]
        return [self.connected, self.said, *told]

    def write_all(self) -> None:
        """Tell the scenes again of the jobs; undo takes back what they were told."""
        for job in self.jobs.values():
            self._write(job)

    def _listeners(self, job: Job) -> tuple[Any, Any]:
        def looked(record: dict[str, Any]) -> None:
            progress, error = record["progress"] or {}, record.get("error") or {}
            done = record["state"] == "done"
            self._note(
                job,
                state=record["state"],
                fraction=1.0 if done else float(progress.get("fraction") or 0.0),
                message=error.get("message") or _stage(progress),
            )

        def ended(record: dict[str, Any], result: dict[str, Any]) -> None:
            scene = bpy.data.scenes.get(job.scene)
            if scene is None:  # another file was opened; this one takes it up when it is back
                del self.jobs[job.key]
                return
            self._note(job, placed=True)
            if record["state"] == "done":
                said = placing.place(scene, json.loads(job.strips), result, self.paths)
                self._note(job, message=said)

        return looked, ended

    def _stay(self, job: Job, talk: Conversation) -> Conversation:
        """A conversation whose error is written into its job's row."""
        try:
            yield from talk
        except BridgeError as error:
            self._note(job, state="failed", message=str(error))
            raise

    def _note(self, job: Job, /, **values: Any) -> None:
        changed = {name: value for name, value in values.items() if getattr(job, name) != value}
        for name, value in changed.items():
            setattr(job, name, value)
        if changed:
            self._write(job)
        if changed.get("message"):
            self.said = job.message

    @staticmethod
    def _write(job: Job) -> None:
        """Bring a job's row in its scene up to date."""
        scene = bpy.data.scenes.get(job.scene)
        if scene is None:
            return
        row = scene.reenact.jobs.get(job.key)
        if row is None:
            row = scene.reenact.jobs.add()
            row.name = job.key
        for name in ("job", "strips", "state", "fraction", "message", "placed"):
            if getattr(row, name) != getattr(job, name):
                setattr(row, name, getattr(job, name))

    def _failed(self, error: BridgeError) -> None:
        self.failure = self.said = str(error)


def tick() -> float | None:
    """Go on with what was answered; None when nothing is under way."""
    link = SESSION.link
    if link is None:
        return None
    link.pump()
    SESSION.take_up()
    news = SESSION.news()
    if news != SESSION.drawn:
        SESSION.drawn = news
        _redraw()
    return TICK_SECONDS if link.busy else None


def _stage(progress: dict[str, Any]) -> str:
    if not progress.get("stage"):
        return ""
    where = f"{progress.get('frame', 0)}/{progress.get('frames', 0)}"
    return f"{progress.get('shot')}: {progress['stage']} {where}"


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "IMAGE_EDITOR"):
                area.tag_redraw()


SESSION = Session()
