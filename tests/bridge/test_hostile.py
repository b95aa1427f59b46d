"""Calls that would take a server for ever, or all its memory: their sender's fault alone."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reenact_bridge.bounds import bounded_memory, held_bytes, lacked_memory
from reenact_bridge.callers import LOCAL, Caller
from reenact_bridge.errors import ProtocolError
from reenact_bridge.limits import Limits
from reenact_bridge.lookups import Lookups
from tests.bridge.dead_mount import dead_mount
from tests.bridge.hostile import huge_header, huge_tiff, many_clips, numbered, piped_media
from tests.bridge.raw_client import Raw
from tests.bridge.serving import Served, served, workers_of

SMALL = {"width": 64, "height": 64, "channels": 3, "dtype": "u1"}
CALL_SECONDS = 4.0
CALL_MIB = 512
AT_ONCE = 2.5
"""Seconds in which another client is served on a busy machine, well below what a call may take."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    bounds = ["--call-seconds", str(CALL_SECONDS), "--call-memory", str(CALL_MIB)]
    with served(tmp_path_factory.mktemp("hostile"), *bounds) as running:
        (running.root / "face.png").write_bytes(b"none")
        yield running


def attacked(server: Served, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a hostile client is told; another one must be served meanwhile, and at once."""
    faces: dict[str, Any] = {"body": {"pixels": SMALL}, "buffers": (bytes(64 * 64 * 3),)}
    with Raw(server.connection_file) as attacker, Raw(server.connection_file) as other:
        until_ready(server, other)
        other.ok("detect", **faces)
        head = json.dumps({"v": 1, "id": "1", "type": kind}).encode()
        attacker.request.send_multipart([b"RNC1", head, json.dumps(body).encode()])
        time.sleep(0.1)
        began = time.monotonic()
        other.ok("detect", **faces)
        other.ok("ping")
        assert time.monotonic() - began < AT_ONCE
        assert attacker.request.poll(20_000)
        told: dict[str, Any] = json.loads(attacker.request.recv_multipart()[2])
        return told


def until_ready(server: Served, raw: Raw) -> None:
    """Wait until two workers stand ready, which on a busy machine takes a while."""
    raw.ok("detect", {"pixels": SMALL}, buffers=(bytes(64 * 64 * 3),))
    assert server.process is not None
    for _ in range(600):
        said = " ".join(path.read_text() for path in (server.folder / "s/logs").glob("live-*.log"))
        ready = [pid for pid in workers_of(server.process.pid) if f"worker {pid} is ready" in said]
        if len(ready) >= 2:
            time.sleep(0.1)
            return
        time.sleep(0.1)
    raise AssertionError("no two workers became ready")


@pytest.mark.parametrize("padding", [256, 2_000_000_000])
def test_a_padding_that_no_name_has_is_refused(server: Served, padding: int) -> None:
    request = numbered(server.root / f"padded-{padding}", padding, 2)
    told = attacked(server, *request)
    assert "padding" in told["refused"][0]["reason"]


def test_a_pattern_with_billions_of_digits_is_no_file(server: Served) -> None:
    told = attacked(server, "detect", {"path": str(server.root / "sh.%02000000000d.png")})
    assert told["code"] == "E_MEDIA"


def test_numbers_that_lie_billions_apart_are_no_sequence(server: Served) -> None:
    told = attacked(server, *numbered(server.root / "numbered", 4, 4_000_000_000))
    assert "4000000000" in told["refused"][0]["reason"]


@pytest.mark.parametrize("side", [25_000, 40_000])
def test_a_huge_picture_is_too_large(server: Served, side: int) -> None:
    told = attacked(server, *huge_tiff(server.root / f"huge-{side}.tif", side))
    assert told["code"] in ("E_LIMIT", "E_MEDIA") and not told["retryable"]


def test_a_small_file_that_says_that_it_is_huge_is_refused(server: Served) -> None:
    told = attacked(server, *huge_header(server.root / "huge.png"))
    assert told["code"] == "E_MEDIA" and not told["retryable"]


def test_pipes_are_no_files(server: Served) -> None:
    os.mkfifo(server.root / "pipe")
    place = str(server.root / "pipe")
    assert attacked(server, "detect", {"path": place})["code"] == "E_PATH"
    assert attacked(server, "validate", {"timeline": {"path": place}})["code"] == "E_PATH"
    told = attacked(server, *piped_media(server.root / "piped"))
    assert told.get("code") == "E_LIMIT" or len(told["refused"]) == 1


def test_a_dead_mount_costs_its_sender_its_call(server: Served) -> None:
    with dead_mount(server.root / "dead"):
        told = attacked(server, "detect", {"path": str(server.root / "dead" / "a.png")})
    assert told["code"] == "E_LIMIT" and told["detail"]["limit"] == "look_s"
    assert "does not" in told["message"] or "did not" in told["message"]
    assert not told["retryable"]


def test_a_plan_that_takes_too_long_is_ended_and_said_to_be_too_much(server: Served) -> None:
    told = attacked(server, *many_clips(server.root, 30_000))
    assert told["code"] == "E_LIMIT" and told["detail"]["limit"] == "work_s"
    assert "validate" in told["message"] and not told["retryable"]


def test_memory_beyond_the_bound_fails_and_is_known_by_its_error() -> None:
    with bounded_memory(64 * 1024**2), pytest.raises(MemoryError) as error:
        bytearray(256 * 1024**2)
    assert lacked_memory(error.value) and not lacked_memory(ValueError("no"))
    assert len(bytearray(256 * 1024**2)) and held_bytes("self", "VmRSS") > 0


def test_a_look_that_never_ends_is_answered_for_and_counts_until_it_ends() -> None:
    lookups = Lookups(Limits(look_s=0.1, calls_per_client=2))
    never, told = threading.Event(), list[Any]()
    hanging, other = Caller(b"1", LOCAL), Caller(b"2", LOCAL)
    for _ in range(2):
        lookups.begin(hanging, "detect", never.wait, told.append)
    with pytest.raises(ProtocolError) as error:
        lookups.begin(hanging, "detect", never.wait, told.append)
    assert error.value.code == "E_BUSY"
    lookups.begin(other, "detect", lambda: "found", told.append)
    while told != ["found"]:
        time.sleep(0.01)
    time.sleep(0.2)
    lookups.tick()
    lookups.tick()
    assert [error.code for error in told[1:]] == ["E_LIMIT", "E_LIMIT"]
    never.set()


def test_frames_of_a_preview_go_on_while_another_client_hangs(server: Served) -> None:
    form = {"width": 64, "height": 64, "channels": 3, "dtype": "u1"}
    with Raw(server.connection_file) as attacker, Raw(server.connection_file) as other:
        kind, body = many_clips(server.root, 30_000)  # on a busy machine longer than a lease lasts
        head = json.dumps({"v": 1, "id": "1", "type": kind}).encode()
        until_ready(server, other)
        opened = other.ok("session.open", {"pixels": form, "engine": "identity"})
        frame = {"session": opened["session"], "slot": 0}
        other.ok("frame", {**frame, "frame": 0})
        attacker.request.send_multipart([b"RNC1", head, json.dumps(body).encode()])
        began = time.monotonic()
        for number in range(1, 20):
            other.ok("frame", {**frame, "frame": number})
        assert time.monotonic() - began < AT_ONCE
        assert attacker.request.poll(20_000)


def test_every_limit_is_on_the_page(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "bridge-protocol.md").read_text("utf-8")
    for name in Limits().table():
        assert f"`{name}`" in page, name
