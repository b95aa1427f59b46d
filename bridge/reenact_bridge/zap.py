"""Who may connect: ZeroMQ asks here about every CURVE handshake (ZAP, rfc.zeromq.org/spec:27)."""

import threading
from typing import Any

import zmq
from zmq.utils import z85

from reenact_bridge.keys import AllowList

ENDPOINT = "inproc://zeromq.zap.01"
DOMAIN = b"reenact"
_STOP = b"stop"


class Doorkeeper:
    """Answers ZeroMQ's questions in a thread of its own; one a context, before sockets bind."""

    def __init__(self, context: zmq.Context[Any], allowed: AllowList) -> None:
        self._context, self._allowed = context, allowed
        self._socket: Any = context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.bind(ENDPOINT)
        self._thread = threading.Thread(target=self._answer, name="zap", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._context.socket(zmq.DEALER) as bell:
            bell.linger = 0
            bell.connect(ENDPOINT)
            bell.send_multipart([b"", _STOP])
            self._thread.join()

    def _answer(self) -> None:
        with self._socket as socket:
            while True:
                peer, _, *question = socket.recv_multipart()
                if question == [_STOP]:
                    return
                socket.send_multipart([peer, b"", *self._reply(question)])

    def _reply(self, question: list[bytes]) -> list[bytes]:
        """version, request id, domain, address, identity, mechanism, credentials."""
        if len(question) < 7 or question[0] != b"1.0":
            number = question[1] if len(question) > 1 else b""
            return [b"1.0", number, b"500", b"unknown version", b"", b""]
        domain, mechanism, secret = question[2], question[5], question[6]
        public = z85.encode(secret).decode() if len(secret) == 32 else ""
        known = mechanism == b"CURVE" and domain == DOMAIN and self._allowed.find(public)
        if not known:
            return [b"1.0", question[1], b"400", b"not on the list", b"", b""]
        return [b"1.0", question[1], b"200", b"OK", public.encode(), b""]
