"""A second client, written from docs/reference/bridge-protocol.md alone: bare sockets by hand.

It shares no code with `reenact_bridge.client`, and checks every answer against the schemas of the
protocol.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import zmq

from reenact_bridge.schemas import check


class Raw:
    """Two DEALERs and a SUB, by hand."""

    def __init__(self, connection_file: Path, keys: tuple[bytes, bytes] | None = None) -> None:
        """`keys`: public and secret."""
        self.at = json.loads(connection_file.read_text())
        check("connection", self.at)
        self.context: zmq.Context[Any] = zmq.Context()
        self.keys = keys
        self.request = self._connect(zmq.DEALER, self.at["request"])
        self.control = self._connect(zmq.DEALER, self.at["control"])
        self.events = self._connect(zmq.SUB, self.at["events"])

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.destroy(linger=0)

    def ask(
        self,
        kind: str,
        body: dict[str, Any] | None = None,
        *buffers: bytes,
        control: bool = False,
        seconds: float = 60.0,
        **header: Any,
    ) -> tuple[str, dict[str, Any], list[bytes]]:
        """Type, body and buffers of the answer."""
        socket = self.control if control else self.request
        number = uuid.uuid4().hex
        head = {"v": 1, "id": number, "type": kind, **header}
        parts = [b"RNC1", json.dumps(head).encode(), json.dumps(body or {}).encode(), *buffers]
        socket.send_multipart(parts)
        while socket.poll(int(seconds * 1000)):
            magic, said, answer, *rest = socket.recv_multipart()
            assert magic == b"RNC1"
            told = json.loads(said)
            check("header", told)
            if told["parent"] != number:
                continue
            found = json.loads(answer)
            name = "error" if told["type"] == "error" else f"{kind}.reply"
            assert told["type"] in ("error", f"{kind}.ok")
            check(name, found)
            return told["type"], found, rest
        raise AssertionError(f"no answer to {kind}")

    def ok(
        self,
        kind: str,
        body: dict[str, Any] | None = None,
        *,
        buffers: tuple[bytes, ...] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """The body of an answer that is no error."""
        said, found, _ = self.ask(kind, body, *buffers, **more)
        assert said != "error", found
        return found

    def refused(self, kind: str, body: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The body of an answer that is an error."""
        said, found, _ = self.ask(kind, body, **more)
        assert said == "error", found
        return found

    def hear(self, seconds: float = 60.0) -> dict[str, Any] | None:
        """The next event; None where none comes."""
        if not self.events.poll(int(seconds * 1000)):
            return None
        topic, magic, _, body = self.events.recv_multipart()
        event: dict[str, Any] = json.loads(body)
        check("event", event)
        assert magic == b"RNC1" and topic == f"job.{event['job']}.".encode()
        return event

    def _connect(self, kind: int, endpoint: str) -> Any:
        socket: Any = self.context.socket(kind)
        socket.linger = 0
        if self.keys is not None:
            socket.curve_serverkey = self.at["server_public"].encode()
            socket.curve_publickey, socket.curve_secretkey = self.keys
        socket.connect(endpoint)
        return socket
