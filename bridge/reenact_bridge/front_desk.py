"""The requests that need a worker or lend memory; used by the server's main thread alone."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.live_desk import Call, LiveDesk
from reenact_bridge.lookups import Lookups
from reenact_bridge.pixels import PixelFormat
from reenact_bridge.previews import Preview, Previews
from reenact_bridge.regions import Region, map_region, new_region
from reenact_bridge.roots import Roots
from reenact_bridge.wire import Message
from reenact_bridge.work import resolved_options, resolved_path, resolved_work

Body = dict[str, Any]
Reply = Callable[[Caller, Message, Body | ProtocolError], None]

HERE = frozenset({"capabilities", "validate", "detect", "frame", "session.open", "session.close"})
"""Types that are answered here, and so on the request socket alone."""


class FrontDesk:
    """Takes such requests in; calls are answered later, by what `desk` calls."""

    def __init__(
        self,
        desk: LiveDesk,
        previews: Previews,
        roots: Roots,
        lookups: Lookups,
        post: Callable[[Callable[[], None]], None],
        reply: Reply,
        limits: Limits,
    ) -> None:
        """`post` has something done in the main thread; `reply` answers a request there."""
        self._desk, self._previews = desk, previews
        self._roots, self._lookups, self._limits = roots, lookups, limits
        self._post, self._reply = post, reply

    def take(self, caller: Caller, message: Message) -> Body | None:
        """The body of the reply; None where it comes later.

        Raises:
            ProtocolError: it is answered with an error.
        """
        kind, body = message.header.type, message.body
        self._previews.hear(caller)
        if kind == "session.open":
            self._resolve(caller, message, resolved_options, partial(self._open, caller, message))
            return None
        if kind == "session.close":
            preview = self._previews.find(caller, body["session"])
            self._close(preview)
            return {"session": preview.id}
        if kind == "frame":
            self._frame(caller, message)
        elif kind == "detect":
            self._detect(caller, message)
        elif kind == "validate":
            self._resolve(
                caller,
                message,
                resolved_work,
                lambda work: self._call(caller, message, {"work": work}),
            )
        else:
            self._call(caller, message, {})
        return None

    def hear(self, caller: Caller) -> None:
        """A client is there."""
        self._previews.hear(caller)

    def tick(self) -> None:
        """Close the previews of clients that are gone."""
        for preview in self._previews.silent():
            self._close(preview)

    def close(self) -> None:
        """Take all memory back."""
        self._previews.close_all()

    def _resolve(
        self,
        caller: Caller,
        message: Message,
        resolved: Callable[[Body, Roots], Body],
        then: Callable[[Body], None],
    ) -> None:
        """Go on with a request when its paths are resolved, which other threads do."""

        def go_on(found: Body | ProtocolError) -> None:
            try:
                if isinstance(found, ProtocolError):
                    raise found
                then(found)
            except ProtocolError as error:
                self._reply(caller, message, error)

        self._lookups.begin(
            caller,
            message.header.type,
            lambda: resolved(message.body, self._roots),
            lambda found: self._post(lambda: go_on(found)),
        )

    def _open(self, caller: Caller, message: Message, opened: Body) -> None:
        if opened.get("engine", "reenact") == "reenact" and "source" not in opened:
            raise ProtocolError(
                "E_SCHEMA", "a preview needs a source, the new face", pointer="/source"
            )
        preview = self._previews.open(caller, opened)
        region = preview.region
        shm = None if region is None else {"path": str(region.path), "bytes": region.size}
        told = {
            "session": preview.id,
            "lease_s": self._limits.lease_s,
            "slots": preview.slots,
            "slot_bytes": preview.slot_bytes,
            "shm": shm,
        }
        self._reply(caller, message, told)

    def _close(self, preview: Preview) -> None:
        self._previews.close(preview)
        self._desk.drop(preview.id)

    def _frame(self, caller: Caller, message: Message) -> None:
        body = message.body
        preview = self._previews.find(caller, body["session"])
        if body.get("read"):
            place, region = self._room(message, preview)
        else:
            place, region = self._pixels(message, preview, preview.form)
        told = {**body, "opened": preview.opened, "place": place}
        self._call(caller, message, told, session=preview.id, region=region)

    def _room(self, message: Message, preview: Preview) -> tuple[Body, Region | None]:
        """Where the pixels of a frame go that the server reads by itself."""
        if "clip" not in preview.opened:
            raise ProtocolError(
                "E_SCHEMA", "to read a frame its session needs a clip", pointer="/read"
            )
        if "slot" in message.body:
            return preview.place(int(message.body["slot"])), None
        region = new_region(preview.form.nbytes)
        return _alone(region, preview.form), region

    def _detect(self, caller: Caller, message: Message) -> None:
        body = message.body
        if "path" in body:
            self._resolve(
                caller, message, resolved_path, lambda found: self._call(caller, message, found)
            )
            return
        preview = None
        if "session" in body:
            preview = self._previews.find(caller, body["session"])
            body = {**body, "pixels": preview.opened["pixels"]}
        if "pixels" not in body:
            raise ProtocolError(
                "E_SCHEMA", "detect needs a path, a session's slot, or pixels", pointer="/path"
            )
        place, region = self._pixels(message, preview, PixelFormat.of(body["pixels"]))
        self._call(caller, message, {**body, "place": place}, region=region)

    def _pixels(
        self, message: Message, preview: Preview | None, form: PixelFormat
    ) -> tuple[Body, Region | None]:
        """Where a request's pixels lie, and the memory that is its alone."""
        if preview is not None and "slot" in message.body:
            return preview.place(int(message.body["slot"])), None
        if len(message.buffers) != 1 or len(message.buffers[0]) != form.nbytes:
            found = [len(buffer) for buffer in message.buffers]
            raise ProtocolError(
                "E_SCHEMA",
                f"one buffer of {form.nbytes} bytes is needed, got {found}",
                pointer="",
                bytes=form.nbytes,
            )
        region = new_region(form.nbytes)
        mapped = map_region(region.path, region.size)
        mapped.view[:] = message.buffers[0]
        mapped.close()
        return _alone(region, form), region

    def _call(
        self,
        caller: Caller,
        message: Message,
        body: Body,
        *,
        session: str | None = None,
        region: Region | None = None,
    ) -> None:
        header = message.header
        deadline = None
        if header.deadline_ms is not None:
            deadline = time.monotonic() + header.deadline_ms / 1000
        call = Call(caller, header, header.type, body, deadline, session, region)
        taken = False
        try:
            taken = self._desk.add(call)
        finally:
            if region is not None and not taken:
                region.remove()


def _alone(region: Region, form: PixelFormat) -> Body:
    """The place of the only frame of a region."""
    return {"path": str(region.path), "size": region.size, "offset": 0, "bytes": form.nbytes}
