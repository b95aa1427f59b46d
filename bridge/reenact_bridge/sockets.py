"""The server's sockets: how they are set up, and how they answer."""

from typing import Any

import zmq

from reenact_bridge.connection import bind
from reenact_bridge.keys import KeyPair
from reenact_bridge.zap import DOMAIN

_HEARTBEAT_MS, _DEAD_MS, _HANDSHAKE_MS = 2000, 10000, 5000


def open_socket(
    context: zmq.Context[Any],
    kind: int,
    endpoint: str,
    keys: KeyPair | None,
    *,
    most_bytes: int,
    high_water: int,
) -> tuple[Any, str]:
    """A bound socket, and the endpoint that clients connect to.

    Raises:
        SettingsError: the endpoint cannot be bound.
    """
    socket: Any = context.socket(kind)
    options = [
        (zmq.LINGER, 1000),
        (zmq.SNDHWM, high_water),
        (zmq.RCVHWM, high_water),
        (zmq.MAXMSGSIZE, most_bytes),
        (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, _DEAD_MS),
        (zmq.HANDSHAKE_IVL, _HANDSHAKE_MS),
        (zmq.TCP_KEEPALIVE, 1),
        (zmq.BACKLOG, 1024),
        (zmq.IPV6, 1),
    ]
    if kind == zmq.ROUTER:
        # Who is gone is known; a client that comes back under its name takes its place.
        options += [(zmq.ROUTER_MANDATORY, 1), (zmq.ROUTER_HANDOVER, 1)]
    if kind == zmq.XPUB:
        options.append((zmq.XPUB_MANUAL, 1))  # who may hear of which job is decided one by one
    for option, value in options:
        socket.setsockopt(option, value)
    if keys is not None:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    try:
        return socket, bind(socket, endpoint)
    except BaseException:
        socket.close(0)
        raise


def send(socket: Any, frames: list[Any]) -> None:
    """Send without waiting; to who does not read, or is gone, nothing is sent.

    A client asks again after a while: what it asked for is done once, and told as often as asked.
    """
    try:
        socket.send_multipart(frames, zmq.NOBLOCK)
    except zmq.ZMQError as error:
        if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
            raise
