"""The requests that need a worker or lend memory; used by the server's main thread alone."""

import time
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.live_desk import Call, LiveDesk
from reenact_bridge.pixels import PixelFormat
from reenact_bridge.previews import Preview, Previews
from reenact_bridge.regions import Region, map_region, new_region
from reenact_bridge.roots import Roots
from reenact_bridge.wire import Message
from reenact_bridge.work import resolved_options, resolved_work

Body = dict[str, Any]

HERE = frozenset({"capabilities", "validate", "detect", "frame", "session.open", "session.close"})
"""Types that are answered here, and so on the request socket alone."""


class FrontDesk:
    """Takes such requests in; calls are answered later, by what `desk` calls."""

    def __init__(self, desk: LiveDesk, previews: Previews, roots: Roots, limits: Limits) -> None:
        self._desk, self._previews = desk, previews
        self._roots, self._limits = roots, limits

    def take(self, caller: Caller, message: Message) -> Body | None:
        """The body of the reply; None where it comes later.

        Raises:
            ProtocolError: it is answered with an error.
        """
        kind, body = message.header.type, message.body
        self._previews.hear(caller)
        if kind == "session.open":
            return self._open(caller, body)
        if kind == "session.close":
            preview = self._previews.find(caller, body["session"])
            self._close(preview)
            return {"session": preview.id}
        if kind == "frame":
            self._frame(caller, message)
        elif kind == "detect":
            self._detect(caller, message)
        elif kind == "validate":
            self._call(caller, message, {"work": resolved_work(body, self._roots)})
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

    def _open(self, caller: Caller, body: Body) -> Body:
        if body.get("engine", "reenact") == "reenact" and "source" not in body:
            raise ProtocolError(
                "E_SCHEMA", "a preview needs a source, the new face", pointer="/source"
            )
        preview = self._previews.open(caller, resolved_options(body, self._roots))
        region = preview.region
        shm = None if region is None else {"path": str(region.path), "bytes": region.size}
        return {
            "session": preview.id,
            "lease_s": self._limits.lease_s,
            "slots": preview.slots,
            "slot_bytes": preview.slot_bytes,
            "shm": shm,
        }

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
            path = str(self._roots.find(body["path"], "path"))
            self._call(caller, message, {**body, "path": path})
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
        seconds = self._limits.call_s
        if header.deadline_ms is not None:
            seconds = header.deadline_ms / 1000
        call = Call(caller, header, header.type, body, time.monotonic() + seconds, session, region)
        taken = False
        try:
            taken = self._desk.add(call)
        finally:
            if region is not None and not taken:
                region.remove()


def _alone(region: Region, form: PixelFormat) -> Body:
    """The place of the only frame of a region."""
    return {"path": str(region.path), "size": region.size, "offset": 0, "bytes": form.nbytes}
