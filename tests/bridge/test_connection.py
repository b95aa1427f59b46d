import json
from pathlib import Path

import pytest

from reenact_bridge.connection import alone, connection_file, read_bind
from reenact_bridge.keys import AllowList, make_keys, read_allow_list, read_keys, write_keys
from reenact_core.errors import OutputError, SettingsError


@pytest.mark.parametrize(
    ("endpoint", "request_at", "local"),
    [
        ("tcp://127.0.0.1", "tcp://127.0.0.1:*", True),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:*", True),
        ("tcp://localhost:5555", "tcp://localhost:5555", True),
        ("tcp://[::1]:5555", "tcp://[::1]:5555", True),
        ("tcp://0.0.0.0:5555", "tcp://0.0.0.0:5555", False),
        ("tcp://*:5555", "tcp://*:5555", False),
        ("tcp://render7", "tcp://render7:*", False),
        ("tcp://10.0.0.7:*", "tcp://10.0.0.7:*", False),
    ],
)
def test_an_endpoint_is_three(endpoint: str, request_at: str, local: bool) -> None:
    bound = read_bind(endpoint, Path())
    assert (bound.request, bound.local) == (request_at, local)
    assert len({bound.request, bound.control, bound.events}) == (
        1 if bound.events.endswith("*") else 3
    )


@pytest.mark.parametrize("endpoint", ["udp://x", "tcp://", "5555", "tcp://h:65535", "tcp://h:-1"])
def test_other_endpoints_are_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError):
        read_bind(endpoint, Path())


def test_sockets_lie_in_a_folder_that_others_cannot_enter(tmp_path: Path) -> None:
    assert read_bind(f"ipc://{tmp_path}/new", Path()).local
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(SettingsError, match="others can enter"):
        read_bind(f"ipc://{tmp_path}/open", Path())
    with pytest.raises(SettingsError, match="too long"):
        read_bind(f"ipc://{tmp_path}/{'x' * 100}", Path())


def test_a_connection_file_goes_with_its_server_and_no_other(tmp_path: Path) -> None:
    place = tmp_path / "bridge.json"
    with connection_file(place, {"request": "a"}, None, "first"):
        assert json.loads(place.read_text())["instance"] == "first"
        place.write_text(json.dumps({"instance": "second"}))
    assert place.exists()


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    place, said = tmp_path / "x", "another server uses this job store"
    with alone(place, "job store"), pytest.raises(OutputError, match=said):
        alone(place, "job store").__enter__()
    with alone(place, "job store"):
        pass


def test_keys_that_others_can_read_or_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    place, keys = tmp_path / "a.key", make_keys()
    write_keys(place, keys)
    assert read_keys(place) == keys
    place.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read"):
        read_keys(place)
    place.chmod(0o600)
    place.write_text(json.dumps({"public": make_keys().public, "secret": keys.secret}))
    with pytest.raises(SettingsError, match="do not belong together"):
        read_keys(place)
    with pytest.raises(OutputError):
        write_keys(place, keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[client]]\nname = 'a'\nrole = 'submit'", "name, key and role"),
        ("[[client]]\nname = 'a'\nkey = 'short'\nrole = 'submit'", "40 characters"),
        (f"[[client]]\nname = 'a'\nkey = '{'a' * 40}'\nrole = 'king'", "role must be one of"),
        ("[[user]]", "holds entries"),
        ("client = 1", "holds entries"),
        ("[[", "not a TOML file"),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, text: str, said: str) -> None:
    place = tmp_path / "allow.toml"
    place.write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_allow_list(place)


def test_a_list_that_breaks_lets_nobody_in(tmp_path: Path) -> None:
    place, key = tmp_path / "allow.toml", make_keys().public
    entry = f"[[client]]\nname = 'a'\nkey = {json.dumps(key)}\nrole = 'admin'\n"
    place.write_text(entry)
    allowed = AllowList(place)
    assert allowed.find(key) is not None and allowed.find(make_keys().public) is None
    place.write_text("[[")
    assert allowed.find(key) is None
    place.write_text(entry)
    assert allowed.find(key) is not None
