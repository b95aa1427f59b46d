"""What a server is sent by mistake or malice: each is answered, and nobody else notices."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.bridge.raw_client import Raw
from tests.bridge.serving import Served, served
from tests.synthetic import ClipFormat, write_clip

FORM = {"width": 8, "height": 8, "channels": 3, "dtype": "u1"}
IN_TIME = 10.0
"""Seconds in which a server on a busy machine answers."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("bad")) as running:
        yield running


def code(raw: Raw, *parts: bytes, control: bool = True) -> str:
    """Send frames by hand; the error's code."""
    socket = raw.control if control else raw.request
    socket.send_multipart(parts)
    assert socket.poll(int(IN_TIME * 1000))
    answer: dict[str, Any] = json.loads(socket.recv_multipart()[2])
    return str(answer.get("code", "none"))


def head(**more: Any) -> bytes:
    return json.dumps({"v": 1, "id": "1", "type": "ping", **more}).encode()


def test_another_version_of_the_protocol_is_named(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        for version in (0, 2, "1", None, 1.5):
            assert code(raw, b"RNC1", head(v=version), b"{}") == "E_PROTO"
        assert code(raw, b"RNC2", head(), b"{}") == "E_PROTO"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 200_000,
        b'{"a": "\\ud800"}',
        b'{"a": 1e999}',
        b"\xff",
        b"",
    ],
)
def test_json_that_is_none_is_refused_in_header_and_body(server: Served, body: bytes) -> None:
    with Raw(server.connection_file) as raw:
        assert code(raw, b"RNC1", head(), body) == "E_SCHEMA"
        assert code(raw, b"RNC1", body[:4000], b"{}") == "E_SCHEMA"


def test_what_is_too_large_is_told_its_limit(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        assert code(raw, b"RNC1", head(session="x" * 5000), b"{}") == "E_LIMIT"
        assert code(raw, b"RNC1", head(), b'{"a": "' + b"x" * 300_000 + b'"}') == "E_LIMIT"
        assert code(raw, b"RNC1", head(), b"{}", *[b""] * 5) == "E_LIMIT"


def test_a_frame_beyond_all_limits_costs_its_sender_the_connection_alone(server: Served) -> None:
    with Raw(server.connection_file) as raw, Raw(server.connection_file) as other:
        raw.control.send_multipart([b"RNC1", head(), b"x" * (2 * 1024**2)])
        assert not raw.control.poll(500)
        assert other.ok("ping", control=True, seconds=IN_TIME)["load"] == 0
        assert raw.ok("ping", control=True, seconds=IN_TIME)["load"] == 0  # it came back


@pytest.mark.parametrize(
    ("pixels", "codes"),
    [
        ({"width": 2**31, "height": 2**31, "channels": 4, "dtype": "f4"}, {"E_SCHEMA", "E_LIMIT"}),
        ({"width": 2**64, "height": 1, "channels": 3, "dtype": "u1"}, {"E_SCHEMA", "E_LIMIT"}),
        ({"width": 60000, "height": 60000, "channels": 4, "dtype": "f4"}, {"E_SCHEMA", "E_LIMIT"}),
        ({"width": 0, "height": 8, "channels": 3, "dtype": "u1"}, {"E_SCHEMA"}),
        ({"width": -8, "height": 8, "channels": 3, "dtype": "u1"}, {"E_SCHEMA"}),
        ({"width": 8, "height": 8, "channels": 5, "dtype": "u1"}, {"E_SCHEMA"}),
        ({"width": 8, "height": 8, "channels": 3, "dtype": "O"}, {"E_SCHEMA"}),
    ],
)
def test_shapes_that_overflow_or_are_none_are_refused(
    server: Served, pixels: dict[str, Any], codes: set[str]
) -> None:
    with Raw(server.connection_file) as raw:
        for transport in ("shm", "inline"):
            body = {"pixels": pixels, "engine": "identity", "transport": transport}
            assert raw.refused("session.open", body)["code"] in codes
        assert raw.refused("detect", {"pixels": pixels})["code"] == "E_SCHEMA"


def test_buffers_and_slots_must_match(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        for buffers in ((), (bytes(191),), (bytes(193),), (bytes(192), b"")):
            said, found, _ = raw.ask("detect", {"pixels": FORM}, *buffers)
            assert said == "error" and found["code"] == "E_SCHEMA"
        opened = raw.ok("session.open", {"pixels": FORM, "engine": "identity", "slots": 2})
        session = opened["session"]
        for slot in (2, 15):
            body = {"session": session, "frame": 0, "slot": slot}
            assert raw.refused("frame", body)["code"] == "E_LIMIT"
        assert raw.refused("frame", {"session": session, "frame": 0})["code"] == "E_SCHEMA"
        body = {"session": session, "frame": 0, "slot": 0, "read": True}
        assert raw.refused("frame", body)["detail"]["pointer"] == "/read"  # it has no clip


def test_a_frame_is_read_by_the_server_for_clients_without_pixels(server: Served) -> None:
    clip = write_clip(server.root / "clip.mkv", 4, form=ClipFormat(rate=Fraction(25)))
    form = {**FORM, "width": 192, "height": 144}
    with Raw(server.connection_file) as raw:
        size = raw.ok("detect", {"path": str(clip), "frame": 2})
        assert (size["width"], size["height"]) == (192, 144)
        more = {"engine": "identity", "clip": str(clip), "transport": "inline"}
        session = raw.ok("session.open", {"pixels": form, **more})["session"]
        body = {"session": session, "frame": 2, "read": True}
        said, found, [pixels] = raw.ask("frame", body)
        assert said == "frame.ok", found
        assert len(pixels) == 192 * 144 * 3 and len(set(pixels)) > 20
        assert raw.refused("frame", {**body, "frame": 4})["code"] == "E_MEDIA"
        session = raw.ok("session.open", {"pixels": FORM, **more})["session"]
        told = raw.refused("frame", {"session": session, "frame": 0, "read": True})
        assert "192x144" in told["message"]
        outside = {"pixels": FORM, "engine": "identity", "clip": "/etc/hostname"}
        assert raw.refused("session.open", outside)["code"] == "E_PATH"


def test_media_and_timelines_that_are_missing_are_named(server: Served) -> None:
    body = {
        "idempotency_key": "none",
        "timeline": {"path": str(server.root / "none.otio")},
        "out": {"dir": str(server.root / "out")},
    }
    with Raw(server.connection_file) as raw:
        told = raw.refused("submit", body)
        assert told["code"] == "E_MEDIA" and "none.otio" in told["message"]
        told = raw.refused("detect", {"path": str(server.root / "none.mp4"), "frame": 0})
        assert told["code"] == "E_MEDIA" and "none.mp4" in told["message"]


def test_what_nobody_waits_for_any_more_is_not_done(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        opened = raw.ok("session.open", {"pixels": FORM, "engine": "identity"})
        answers = list[str]()
        for number in range(30):
            body = {"session": opened["session"], "frame": number, "slot": 0}
            said, found, _ = raw.ask("frame", body, deadline_ms=1)
            answers.append(found.get("code", said))
        assert set(answers) <= {"E_DEADLINE", "frame.ok"}
        assert raw.ok("ping", control=True)["load"] == 0


def test_a_client_whose_clock_is_wrong_is_served_as_others(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        for moment in (0, -1e9, 4e9):
            assert raw.ok("ping", control=True, ts=moment, deadline_ms=10_000)["load"] == 0


def test_clients_that_do_not_read_slow_nobody_else(server: Served) -> None:
    with Raw(server.connection_file) as lazy, Raw(server.connection_file) as other:
        lazy.events.setsockopt(zmq.SUBSCRIBE, b"job.")
        sent = 0
        for socket in (lazy.control, lazy.request):
            for number in range(4000):
                parts = [b"RNC1", head(id=str(number), type="list"), b'{"limit": 200}']
                try:
                    socket.send_multipart(parts, zmq.NOBLOCK)
                except zmq.Again:
                    break
                sent += 1
        assert sent > 1000
        for control in (True, False):
            began = time.monotonic()
            other.ok("ping", control=control, seconds=60)
            assert time.monotonic() - began < IN_TIME


def test_a_burst_of_mutated_messages_leaves_a_server_that_answers(repository: Path) -> None:
    bench = repository / "bridge" / "bench" / "fuzz.py"
    done = subprocess.run(
        [sys.executable, str(bench), "--messages", "1000"],
        cwd=repository,
        env={"PYTHONPATH": ":".join([str(repository), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
