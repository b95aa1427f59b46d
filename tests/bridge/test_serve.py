"""A server with real sockets, workers and networks, spoken to by hand and by the client."""

import asyncio
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from reenact_bridge.client import AsyncClient, BridgeError, ServerAwayError
from reenact_core.media.probe import probe
from tests.bridge.footage import LENGTH, options, write_edit
from tests.bridge.raw_client import Raw
from tests.bridge.serving import Served, served, workers_of
from tests.chance import write_chance

NO_JOB = "0" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture(scope="module")
def checkpoint(server: Served) -> Path:
    return write_chance(server.root / "chance.safetensors")


@pytest.fixture(scope="module")
def edit(server: Served) -> Path:
    return write_edit(server.root / "edit")


def work(edit: Path, checkpoint: Path, out: str, **more: Any) -> dict[str, Any]:
    """The body of a `submit`."""
    return {
        "idempotency_key": out,
        "timeline": {"path": str(edit)},
        "out": {"dir": str(edit.parent.parent / out)},
        "options": options(edit, checkpoint),
        **more,
    }


def test_the_connection_file_is_for_its_owner_and_says_where_the_server_is(server: Served) -> None:
    assert stat.S_IMODE(server.connection_file.stat().st_mode) == 0o600
    with Raw(server.connection_file) as raw:
        hello = raw.ok("hello", {"protocols": [1, 2], "client": "test"})
        assert hello["instance"] == raw.at["instance"]
        assert server.process is not None and raw.at["pid"] == server.process.pid
        assert raw.ok("hello", control=True)["role"] == "admin"
        assert raw.ok("ping", control=True)["jobs"] == {"queued": 0, "running": 0}
    assert server.log.read_text().count("\n") == 1


def test_a_render_from_submit_to_result(server: Served, edit: Path, checkpoint: Path) -> None:
    body = work(edit, checkpoint, "rendered")
    with Raw(server.connection_file) as raw:
        plan = raw.ok("validate", {key: body[key] for key in ("timeline", "out", "options")})
        assert [shot["shot"] for shot in plan["shots"]] == ["sh0"]
        answer = raw.ok("submit", body)
        job = answer["job"]
        assert _any_state(raw, job) != "done"  # answered before the work is done
        raw.events.subscribe(f"job.{job}.".encode())
        assert raw.ok("submit", body) == {**answer, "known": True, "state": _any_state(raw, job)}
        changed = {**body, "priority": 9}
        assert raw.refused("submit", changed)["code"] == "E_CONFLICT"
        states = _wait(raw, job)
        result = raw.ok("result", {"job": job}, control=True)
        progress = raw.ok("status", {"job": job})["progress"]
    assert (progress["state"], progress["fraction"], progress["eta_s"]) == ("done", 1.0, 0.0)
    assert states[-1] == "done" and result["complete"]
    assert [shot["status"] for shot in result["shots"]] == ["rendered"]
    assert probe(Path(result["shots"][0]["file"])).frame_count == LENGTH - 2
    clip = next(iter(otio.adapters.read_from_file(result["timeline"]).find_clips()))
    assert clip.active_media_reference_key == "reenact"


def _any_state(raw: Raw, job: str) -> str:
    state: str = raw.ok("status", {"job": job})["state"]
    return state


def _wait(raw: Raw, job: str) -> list[str]:
    """The states of a job by its events, of which some may have come before we listened."""
    states: list[str] = []
    seq = 0
    while not states or states[-1] not in ("done", "failed", "cancelled"):
        raw.hear(1.0)
        for event in raw.ok("events.since", {"job": job, "seq": seq})["events"]:
            assert event["seq"] > seq
            seq = event["seq"]
            if event["kind"] == "state":
                states.append(event["state"])
    return states


@pytest.fixture(scope="module")
def rendered(server: Served, edit: Path, checkpoint: Path) -> dict[str, Any]:
    """Work that was done once: jobs with the same output folder keep its shots, and are quick."""
    body = work(edit, checkpoint, "rendered")
    with server.client() as client:
        job = client.submit(edit, body["out"]["dir"], body["options"])
        assert client.wait(job, timeout=240)["state"] == "done"
    return body


def test_the_client_watches_every_event_once(
    server: Served, edit: Path, rendered: dict[str, Any]
) -> None:
    body = rendered
    with server.client() as client:
        job = client.submit(edit, body["out"]["dir"], body["options"], key="watched")
        events = list(client.watch(job, timeout=240))
        assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
        states = [event["state"] for event in events if event["kind"] == "state"]
        assert states == ["queued", "planning", "running", "finalising", "done"]
        assert client.status(job)["final"] and client.result(job)["complete"]
        assert job in [record["job"] for record in client.jobs("done")["jobs"]]
        client.forget(job)
        with pytest.raises(BridgeError) as error:
            client.status(job)
        assert error.value.code == "E_NOT_FOUND"


def test_the_same_in_asyncio_side_by_side(
    server: Served, edit: Path, rendered: dict[str, Any]
) -> None:
    async def both() -> None:
        async with AsyncClient(server.connection_file, timeout=120) as client:
            body = rendered
            job = await client.submit(edit, body["out"]["dir"], body["options"])
            watching = asyncio.ensure_future(client.wait(job, timeout=240))
            answers = await asyncio.gather(*(client.status(job) for _ in range(50)))
            assert all(answer["job"] == job for answer in answers)
            assert (await watching)["state"] == "done"
            async with await client.open_preview(64, 32, engine="identity") as preview:
                pixels = os.urandom(64 * 32 * 3)
                assert (await preview.frame(pixels, 0))[0] == pixels

    asyncio.run(both())


@pytest.mark.parametrize("mode", ["graceful", "now"])
def test_a_cancel_takes_less_than_a_second(
    server: Served, edit: Path, checkpoint: Path, mode: str
) -> None:
    long = write_edit(server.root / f"long-{mode}", shots=2, length=40)
    body = work(long, checkpoint, f"cancelled-{mode}")
    with server.client() as client:
        job = client.submit(long, body["out"]["dir"], body["options"])
        for event in client.watch(job, timeout=240):
            if event["kind"] == "progress":
                break
        began = time.monotonic()
        client.cancel(job, mode)
        assert client.wait(job, timeout=60)["state"] == "cancelled"
        assert time.monotonic() - began < 2.5  # the machine is busy; the server takes 0.8 at most
        assert client.cancel(job)["state"] == "cancelled"
        with pytest.raises(BridgeError) as error:
            client.result(job)
        assert error.value.code == "E_CANCELLED"
    left = [path.name for path in Path(body["out"]["dir"]).rglob("*") if path.is_file()]
    assert not [name for name in left if "partial" in name or name in ("cut.otio", "run.json")]


def test_a_failed_job_says_why_in_one_sentence(server: Served, checkpoint: Path) -> None:
    edit = write_edit(server.root / "broken")
    (edit.parent / "clip0.mkv").write_bytes(b"no video")
    body = work(edit, checkpoint, "failed")
    with server.client() as client:
        job = client.submit(edit, body["out"]["dir"], body["options"])
        record = client.wait(job, timeout=240)
        assert record["state"] == "failed" and record["error"]["code"] == "E_MEDIA"
        assert "clip0.mkv" in record["error"]["message"]
        assert "Traceback" not in json.dumps(record)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_a_retry_and_no_job(
    server: Served, edit: Path, checkpoint: Path
) -> None:
    body = work(edit, checkpoint, "killed")
    with server.client() as client:
        job = client.submit(edit, body["out"]["dir"], body["options"])
        states, killed = [], False
        for event in client.watch(job, timeout=240):
            states.append(event["state"])
            if event["kind"] == "progress" and not killed:  # later ones may be of before its death
                killed = True
                for worker in workers_of(_pid(server)):
                    os.kill(worker, signal.SIGKILL)
        assert killed and states.count("done") == 1 and states[-1] == "done"
        assert client.status(job)["attempts"] == 1
        for worker in workers_of(_pid(server)):
            os.kill(worker, signal.SIGKILL)  # idle; the job that comes now cannot have done it
        again = client.submit(edit, f"{body['out']['dir']}-again", body["options"])
        record = client.wait(again, timeout=240)
        assert record["state"] == "done" and record["attempts"] == 0


@pytest.mark.slow
def test_a_job_that_hangs_fails_and_the_next_one_is_done(tmp_path: Path) -> None:
    with served(tmp_path, "--job-silence", "25") as server:
        checkpoint = write_chance(server.root / "chance.safetensors")
        edit = write_edit(server.root / "edit")
        body = work(edit, checkpoint, "hangs")
        with server.client() as client:
            job = client.submit(edit, body["out"]["dir"], body["options"])
            stopped = list[int]()
            for event in client.watch(job, timeout=240):
                if event["kind"] == "progress" and not stopped:
                    stopped = workers_of(_pid(server))
                    for worker in stopped:
                        os.kill(worker, signal.SIGSTOP)
            record = client.status(job)
            assert stopped and record["state"] == "failed" and record["attempts"] == 0
            error = record["error"]
            assert (error["code"], error["detail"]["limit"]) == ("E_LIMIT", "silence_s")
            again = client.submit(edit, f"{body['out']['dir']}-again", body["options"])
            assert client.wait(again, timeout=240)["state"] == "done"


def test_frames_come_back_as_they_were_with_the_identity_engine(server: Served) -> None:
    pixels = os.urandom(320 * 180 * 4 * 2)
    with server.client() as client:
        for transport in ("shm", "inline"):
            kind: dict[str, Any] = {"channels": 4, "dtype": "u2", "transport": transport}
            with client.open_preview(320, 180, engine="identity", **kind) as preview:
                for number in range(3):
                    back, told = preview.frame(pixels, number)
                    assert back == pixels and told["frame"] == number
    assert not list(Path("/dev/shm").glob(f"reenact-{_pid(server)}-*"))


def _pid(server: Served) -> int:
    assert server.process is not None
    return server.process.pid


def test_a_newer_frame_takes_the_place_of_an_older_one(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        raw.ok("capabilities")  # the worker is awake
        form = {"width": 16, "height": 16, "channels": 3, "dtype": "u1"}
        opened = raw.ok("session.open", {"pixels": form, "engine": "identity", "slots": 2})
        session = opened["session"]
        for number in range(40):
            head = {"v": 1, "id": f"frame-{number}", "type": "frame"}
            body = {"session": session, "frame": number, "slot": number % 2}
            raw.request.send_multipart(
                [b"RNC1", json.dumps(head).encode(), json.dumps(body).encode()]
            )
        answers: dict[str, str] = {}
        while len(answers) < 40:
            assert raw.request.poll(20_000)
            _, said, told, *_ = raw.request.recv_multipart()
            header, found = json.loads(said), json.loads(told)
            assert header["parent"] not in answers
            answers[header["parent"]] = found.get("code", "ok")
        assert set(answers.values()) == {"ok", "E_SUPERSEDED"}
        assert answers["frame-39"] == "ok"


@pytest.mark.parametrize(
    ("kind", "body", "code", "pointer"),
    [
        ("submit", {}, "E_SCHEMA", ""),
        ("status", {"job": "x"}, "E_SCHEMA", "/job"),
        ("status", {"job": NO_JOB}, "E_NOT_FOUND", None),
        ("cancel", {"job": NO_JOB}, "E_NOT_FOUND", None),
        ("result", {"job": NO_JOB}, "E_NOT_FOUND", None),
        ("events.since", {"job": NO_JOB, "seq": 0}, "E_NOT_FOUND", None),
        ("nothing", {}, "E_SCHEMA", "/type"),
        ("frame", {"session": NO_JOB, "frame": 0}, "E_NOT_FOUND", None),
        ("detect", {"path": "/etc/hostname"}, "E_PATH", None),
        ("detect", {}, "E_SCHEMA", "/path"),
        ("hello", {"protocols": [2]}, "E_PROTO", None),
    ],
)
def test_what_cannot_be_done_is_an_error_with_its_code(
    server: Served, kind: str, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    with Raw(server.connection_file) as raw:
        error = raw.refused(kind, body)
        assert error["code"] == code, error
        assert pointer is None or error["detail"]["pointer"] == pointer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"timeline": {"path": "/etc/passwd"}}, "E_PATH"),
        ({"timeline": {"path": "relative.otio"}}, "E_PATH"),
        ({"timeline": {"path": "https://host/cut.otio"}}, "E_PATH"),
        ({"out": {"dir": "/tmp"}}, "E_PATH"),
        ({"options": {"source": "/etc/passwd"}}, "E_PATH"),
        ({"options": {"tracks": ["/etc/passwd"]}}, "E_PATH"),
        ({"options": {"face": {"reference": "/etc/passwd"}}}, "E_PATH"),
        ({"options": {"checkpoint": "/etc/passwd"}}, "E_PATH"),
        ({"options": {"integrator": "fomm:/etc/passwd"}}, "E_PATH"),
        ({"options": {"colour": "red"}}, "E_SCHEMA"),
        ({"options": {"handles": -1}}, "E_SCHEMA"),
        ({"priority": 10}, "E_SCHEMA"),
    ],
)
def test_a_submission_that_is_wrong_is_refused_at_once(
    server: Served, edit: Path, checkpoint: Path, change: dict[str, Any], code: str
) -> None:
    body = {**work(edit, checkpoint, "wrong"), **change}
    with Raw(server.connection_file) as raw:
        assert raw.refused("submit", body)["code"] == code


def test_links_do_not_lead_out_of_the_roots(server: Served, edit: Path, checkpoint: Path) -> None:
    outside = server.folder / "outside"
    outside.mkdir()
    (server.root / "link").symlink_to(outside)
    body = {**work(edit, checkpoint, "linked"), "out": {"dir": str(server.root / "link" / "out")}}
    with Raw(server.connection_file) as raw:
        assert raw.refused("submit", body)["code"] == "E_PATH"


def test_media_outside_the_roots_are_not_read(server: Served, checkpoint: Path) -> None:
    stranger = write_edit(server.folder / "elsewhere")
    inside = server.root / "pointing.otio"
    inside.write_text(stranger.read_text())
    with server.client() as client:
        job = client.submit(inside, server.root / "pointed", {"checkpoint": str(checkpoint)})
        record = client.wait(job, timeout=240)
    assert record["state"] == "failed"
    assert "outside the folders" in record["error"]["message"]


def test_two_servers_cannot_share_a_connection_file_or_a_store(
    server: Served, tmp_path: Path
) -> None:
    other = Served(tmp_path, ("--store", str(server.folder / "s")))
    with pytest.raises(AssertionError, match="another server uses this job store"):
        other.start()
    other = Served(tmp_path, ("--connection-file", str(server.connection_file)))
    with pytest.raises(AssertionError, match="another server uses this connection file"):
        other.start()


def test_other_machines_are_not_served_without_keys(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="it needs keys"):
        Served(tmp_path, ("--bind", "tcp://0.0.0.0:0")).start()


def test_a_server_that_is_away_is_said_in_time(server: Served, tmp_path: Path) -> None:
    table = json.loads(server.connection_file.read_text())
    place = tmp_path / "nobody.json"
    place.write_text(json.dumps({**table, "control": f"ipc://{tmp_path}/nobody"}))
    from reenact_bridge.client import Client

    began = time.monotonic()
    with Client(place, timeout=1.0) as client, pytest.raises(ServerAwayError):
        client.ping()
    assert time.monotonic() - began < 3


def test_garbage_is_answered_and_harms_nobody(server: Served) -> None:
    with Raw(server.connection_file) as raw:
        for parts in ([b"?"], [b"RNC1", b"{", b"{}"], [b"RNC1"] * 20, [b"", b"", b""]):
            raw.control.send_multipart(parts)
            assert raw.control.poll(5000)
            assert json.loads(raw.control.recv_multipart()[2])["code"] in ("E_PROTO", "E_SCHEMA")
        assert raw.ok("ping", control=True)["load"] == 0


@pytest.mark.slow
def test_sigterm_ends_it_cleanly_and_jobs_go_on_after_the_next_start(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as server:
        checkpoint = write_chance(server.root / "chance.safetensors")
        edit = write_edit(server.root / "edit", shots=2, length=8)
        with server.client() as client:
            job = client.submit(edit, server.root / "out", options(edit, checkpoint), key="one")
            for event in client.watch(job, timeout=240):
                if event["kind"] == "progress":
                    break
            assert server.stop() == 0
            assert not server.connection_file.exists()
            starter = threading.Timer(0.5, server.start)
            starter.start()
            record = client.wait(job, timeout=240)  # the same client, across the restart
            starter.join()
            assert record["state"] == "done" and record["attempts"] == 0
            states = [event["state"] for event in client.events_since(job)]
            assert states.count("done") == 1
        assert server.stop(signal.SIGINT) == 0
