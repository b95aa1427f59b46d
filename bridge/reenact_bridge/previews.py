"""Preview sessions: memory lent to clients, and taken back when they are gone."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reenact_bridge.callers import Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.pixels import PixelFormat
from reenact_bridge.regions import Region, new_region

_PAGE = 4096


@dataclass(slots=True)
class Preview:
    """One session."""

    id: str
    owner: str
    client: str | None
    """The client's own name of itself (`session` of its headers), for its lease."""
    form: PixelFormat
    opened: dict[str, Any]
    """The body of `session.open`, paths resolved."""
    region: Region | None
    """None: pixels go inline."""
    slots: int
    slot_bytes: int
    heard: float
    """When its client was last heard, by the monotonic clock."""

    def place(self, slot: int) -> dict[str, Any]:
        """Where the pixels of a slot lie.

        Raises:
            ProtocolError: E_LIMIT: there is no such slot.
        """
        if self.region is None or not 0 <= slot < self.slots:
            raise ProtocolError(
                "E_LIMIT", f"there is no slot {slot}", limit="slots", value=slot, max=self.slots
            )
        return {
            "session": self.id,
            "path": str(self.region.path),
            "size": self.region.size,
            "offset": slot * self.slot_bytes,
            "bytes": self.form.nbytes,
        }


@dataclass(slots=True)
class Previews:
    """All sessions."""

    limits: Limits
    _all: dict[str, Preview] = field(default_factory=dict)

    def open(self, caller: Caller, opened: dict[str, Any]) -> Preview:
        """A new session.

        Raises:
            ProtocolError: E_BUSY or E_LIMIT: there are too many, or they are too large; E_SHM.
        """
        form = PixelFormat.of(opened["pixels"])
        if opened.get("transport", "shm") == "inline":
            self._check(caller, form, 0)
            preview = self._preview(caller, opened, form, None, 0)
        else:
            slots = int(opened.get("slots", 2))
            slot_bytes = -(-form.nbytes // _PAGE) * _PAGE
            self._check(caller, form, slots * slot_bytes)
            preview = self._preview(caller, opened, form, new_region(slots * slot_bytes), slots)
        self._all[preview.id] = preview
        return preview

    def find(self, caller: Caller, session: str) -> Preview:
        """A session of that client, now heard of.

        Raises:
            ProtocolError: E_NOT_FOUND: it was closed, or is another client's.
        """
        preview = self._all.get(session)
        if preview is None or preview.owner != caller.name:
            raise ProtocolError("E_NOT_FOUND", f"there is no preview {session}; open another")
        preview.heard = time.monotonic()
        return preview

    def close(self, preview: Preview) -> None:
        """Take a session's memory back."""
        del self._all[preview.id]
        if preview.region is not None:
            preview.region.remove()

    def hear(self, caller: Caller) -> None:
        """A client is there: its sessions live on."""
        for preview in self._all.values():
            if preview.owner == caller.name and preview.client == caller.session:
                preview.heard = time.monotonic()

    def silent(self) -> Iterator[Preview]:
        """Sessions whose clients have not been heard for as long as a lease lasts."""
        before = time.monotonic() - self.limits.lease_s
        yield from [preview for preview in self._all.values() if preview.heard < before]

    def close_all(self) -> None:
        """Take all memory back."""
        for preview in list(self._all.values()):
            self.close(preview)

    def _preview(
        self,
        caller: Caller,
        opened: dict[str, Any],
        form: PixelFormat,
        region: Region | None,
        slots: int,
    ) -> Preview:
        slot_bytes = region.size // slots if region is not None else form.nbytes
        return Preview(
            uuid.uuid4().hex,
            caller.name,
            caller.session,
            form,
            opened,
            region,
            slots,
            slot_bytes,
            time.monotonic(),
        )

    def _check(self, caller: Caller, form: PixelFormat, wanted: int) -> None:
        limits = self.limits
        if form.nbytes > limits.message_bytes and wanted == 0:
            raise ProtocolError(
                "E_LIMIT",
                f"a frame of {form.nbytes} bytes is too long to go inline",
                limit="message_bytes",
                value=form.nbytes,
                max=limits.message_bytes,
            )
        own = sum(preview.owner == caller.name for preview in self._all.values())
        if own >= limits.previews_per_client or len(self._all) >= limits.previews:
            raise ProtocolError(
                "E_BUSY", "too many previews are open; close one", retry_after_ms=1000
            )
        lent = sum(each.region.size for each in self._all.values() if each.region is not None)
        if lent + wanted > limits.shm_bytes:
            raise ProtocolError(
                "E_LIMIT",
                f"previews would take {lent + wanted} bytes of shared memory",
                limit="shm_bytes",
                value=lent + wanted,
                max=limits.shm_bytes,
            )
