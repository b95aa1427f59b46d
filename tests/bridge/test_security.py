"""Keys, roles, and what clients may know of each other."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from reenact_bridge.client import BridgeError, Key, ServerAwayError
from reenact_bridge.keys import make_keys, write_keys
from reenact_cli.main import run
from tests.bridge.raw_client import Raw
from tests.bridge.serving import Served, served

CLIENTS = {"anna": "submit", "bob": "submit", "eve": "viewer", "root": "admin"}


@pytest.fixture(scope="module")
def keys() -> dict[str, Key]:
    pairs = {name: make_keys() for name in [*CLIENTS, "stranger"]}
    return {name: Key(pair.public, pair.secret) for name, pair in pairs.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Key]) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("curve")
    write_keys(folder / "server.key", make_keys())
    write_list(folder / "allow.toml", keys)
    places = ["--server-key", str(folder / "server.key"), "--allow", str(folder / "allow.toml")]
    with served(folder, *places, "--bind", "tcp://127.0.0.1") as running:
        (running.root / "cut.otio").write_text("no timeline")
        yield running


def write_list(path: Path, keys: dict[str, Key], without: str = "") -> None:
    entries = [
        f"[[client]]\nname = {json.dumps(name)}\nkey = {json.dumps(keys[name].public)}\n"
        f'role = "{role}"\n'
        for name, role in CLIENTS.items()
        if name != without
    ]
    path.write_text("\n".join(entries))


def submitted(server: Served, key: Key) -> str:
    with server.client(key) as client:
        return client.submit(server.root / "cut.otio", server.root / "out")


def raw_keys(key: Key) -> tuple[bytes, bytes]:
    return key.public.encode(), key.secret.encode()


def test_everybody_has_the_role_of_the_list(server: Served, keys: dict[str, Key]) -> None:
    for name, role in CLIENTS.items():
        with server.client(keys[name]) as client:
            assert client.hello()["role"] == role


def test_a_stranger_gets_no_answer(server: Served, keys: dict[str, Key]) -> None:
    with server.client(keys["stranger"], timeout=1.5) as client, pytest.raises(ServerAwayError):
        client.ping()
    with pytest.raises(ServerAwayError, match="asks for a key"):
        server.client(None)


def test_a_client_without_encryption_or_with_the_wrong_server_key_gets_none(
    server: Served, keys: dict[str, Key], tmp_path: Path
) -> None:
    table = json.loads(server.connection_file.read_text())
    for public in (None, make_keys().public):
        place = tmp_path / "wrong.json"
        place.write_text(json.dumps({**table, "server_public": public}))
        given = None if public is None else raw_keys(keys["anna"])
        with Raw(place, given) as raw, pytest.raises(AssertionError, match="no answer"):
            raw.ask("ping", seconds=1.0)


def test_a_job_is_its_owners_alone(server: Served, keys: dict[str, Key]) -> None:
    job = submitted(server, keys["anna"])
    with server.client(keys["bob"]) as bob:
        for ask in (bob.status, bob.result, bob.cancel, bob.events_since, bob.forget):
            with pytest.raises(BridgeError) as error:
                ask(job)
            assert error.value.code == "E_NOT_FOUND"
        assert job not in [record["job"] for record in bob.jobs()["jobs"]]
    with server.client(keys["root"]) as admin:
        assert admin.status(job)["client"] == "anna"
    with server.client(keys["anna"]) as anna:
        assert anna.wait(job, timeout=240)["error"]["code"] == "E_MEDIA"


def test_a_viewer_sees_states_and_no_paths(server: Served, keys: dict[str, Key]) -> None:
    job = submitted(server, keys["anna"])
    with server.client(keys["eve"]) as eve:
        record = eve.status(job)
        assert record["state"] and str(server.root) not in json.dumps(record)
        assert "anna" not in json.dumps(eve.jobs()) and "roots" not in eve.hello()
        for ask in (eve.result, eve.cancel, eve.events_since):
            with pytest.raises(BridgeError) as error:
                ask(job)
            assert error.value.code == "E_FORBIDDEN"
        with pytest.raises(BridgeError) as error:
            eve.submit(server.root / "cut.otio", server.root / "out")
        assert error.value.code == "E_FORBIDDEN"
        with pytest.raises(BridgeError) as error:
            eve.shutdown()
        assert error.value.code == "E_FORBIDDEN"


def test_events_reach_their_owner_and_nobody_else(server: Served, keys: dict[str, Key]) -> None:
    with (
        Raw(server.connection_file, raw_keys(keys["anna"])) as anna,
        Raw(server.connection_file, raw_keys(keys["bob"])) as bob,
        Raw(server.connection_file, raw_keys(keys["root"])) as admin,
    ):
        for topic in (b"", b"job."):
            bob.events.setsockopt(zmq.SUBSCRIBE, topic)
        admin.events.setsockopt(zmq.SUBSCRIBE, b"job.")
        heard = set[str]()
        for number in range(60):  # until both have been heard by the server, and then no more
            job = _submit_and_subscribe(server, anna, bob, number)
            for raw, name in ((admin, "admin"), (anna, "anna")):
                while (event := raw.hear(0.5)) is not None:
                    heard |= {name}
                    assert name == "admin" or event["job"] == job
            if heard == {"admin", "anna"}:
                break
        assert heard == {"admin", "anna"}
        assert bob.hear(0.5) is None


def _submit_and_subscribe(server: Served, anna: Raw, bob: Raw, number: int) -> str:
    """A job whose events both wish to hear, and which takes a while to fail."""
    body = {
        "idempotency_key": f"watched-{number}",
        "timeline": {"path": str(server.root / "cut.otio")},
        "out": {"dir": str(server.root / "watched")},
    }
    job: str = anna.ok("submit", body)["job"]
    for raw in (anna, bob):
        raw.events.setsockopt(zmq.SUBSCRIBE, f"job.{job}.".encode())
    return job


def test_a_preview_is_its_owners_alone(server: Served, keys: dict[str, Key]) -> None:
    form = {"width": 8, "height": 8, "channels": 3, "dtype": "u1"}
    with (
        Raw(server.connection_file, raw_keys(keys["anna"])) as anna,
        Raw(server.connection_file, raw_keys(keys["bob"])) as bob,
    ):
        opened = anna.ok("session.open", {"pixels": form, "engine": "identity"})
        for kind in ("frame", "session.close"):
            body = {"session": opened["session"], "frame": 0, "slot": 0}
            assert bob.refused(kind, body)["code"] == "E_NOT_FOUND"
        anna.ok("session.close", {"session": opened["session"]})


def test_who_is_taken_off_the_list_is_out_at_once(server: Served, keys: dict[str, Key]) -> None:
    place = server.folder / "allow.toml"
    try:
        with server.client(keys["bob"], timeout=10) as bob:
            bob.ping()
            write_list(place, keys, without="bob")
            time.sleep(0.05)
            with pytest.raises(BridgeError) as error:
                bob.ping()
            assert error.value.code == "E_AUTH"
    finally:
        write_list(place, keys)


def test_keygen_writes_a_private_file_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "anna.key"
    assert run(["keygen", "-o", str(place), "--name", "anna", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["public"] == json.loads(place.read_text())["public"]
    assert "secret" not in told and place.stat().st_mode & 0o077 == 0
    assert run(["keygen", "-o", str(place)]) == 4
    assert "locked out" in capsys.readouterr().err


def test_who_is_taken_off_the_list_hears_no_more_events(
    server: Served, keys: dict[str, Key]
) -> None:
    place = server.folder / "allow.toml"
    try:
        with (
            Raw(server.connection_file, raw_keys(keys["root"])) as admin,
            Raw(server.connection_file, raw_keys(keys["eve"])) as eve,
            Raw(server.connection_file, raw_keys(keys["anna"])) as anna,
        ):
            admin.events.setsockopt(zmq.SUBSCRIBE, b"job.")
            _until_heard(server, anna, [admin])
            write_list(place, keys, without="root")
            _submit_and_subscribe(server, anna, eve, 1000)
            assert admin.hear(2.0) is None
            _until_heard(server, anna, [anna])  # who stays hears on
            assert admin.hear(0.5) is None
    finally:
        write_list(place, keys)


def _until_heard(server: Served, anna: Raw, listeners: list[Raw]) -> None:
    """Have jobs fail until all listeners have heard of one, and everything was heard."""
    for number in range(60):
        _submit_and_subscribe(server, anna, anna, 2000 + number + time.monotonic_ns())
        heard = [_drained(listener) for listener in listeners]
        if all(heard):
            return
    raise AssertionError("not heard")


def _drained(listener: Raw) -> bool:
    heard = False
    while listener.hear(0.5) is not None:
        heard = True
    return heard
