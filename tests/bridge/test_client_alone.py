"""The client file by itself, as an editor's script folder has it."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reenact_bridge.client
from tests.bridge.serving import Served, served

FILE = Path(reenact_bridge.client.__file__)
ALONE = """
import sys
for name in ("torch", "numpy", "cv2", "reenact_core", "reenact_bridge"):
    sys.modules[name] = None
import client
table = client.Endpoints("tcp://127.0.0.1:1", "tcp://127.0.0.1:1", "tcp://127.0.0.1:1", None, "x")
with client.Client(table, timeout=0.3) as bridge:
    try:
        bridge.ping()
    except client.ServerAwayError as error:
        print("away", error.retryable)
"""


def test_it_needs_nothing_of_reenact(tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path / "client.py")
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "away True\n", done.stderr


def test_it_is_python_of_3_9() -> None:
    tree = ast.parse(FILE.read_text("utf-8"), feature_version=(3, 9))
    keywords = [
        keyword.arg
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
    ]
    assert not {"slots", "kw_only", "strict"} & set(keywords)  # of 3.10
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"zmq"}


CONVERSATION = """
import asyncio, sys, time
import client

async def ask(where):
    async with client.AsyncClient(where, timeout=400) as bridge:
        told = await asyncio.gather(*(bridge.ping() for _ in range(20)))
        async with await bridge.open_preview(16, 8, engine="identity") as preview:
            return len(told), (await preview.frame(bytes(range(128)) * 3, 0))[0]

with client.Client(sys.argv[1], timeout=400) as bridge:
    role = bridge.hello()["role"]
    asked = [bridge.begin(client.Request("list", {})) for _ in range(20)]
    jobs = bridge.jobs()["jobs"]
    while asked:
        asked = [one for one in asked if one.poll() is None]
        time.sleep(0.005)
    try:
        bridge.status("0" * 32)
    except client.BridgeError as error:
        code = error.code
    with bridge.open_preview(16, 8, engine="identity") as preview:
        first = preview.frame(bytes(range(128)) * 3, 0)[0]
count, second = asyncio.run(ask(sys.argv[1]))
there = client.PathMap((("P:/show", "/show"),)).there("p:\\\\show\\\\a.mov")
print(role, jobs, code, count, first == second == bytes(range(128)) * 3, there)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("alone")) as running:
        yield running


@pytest.mark.timeout(900)  # a worker starts, which takes minutes on a machine that is very busy
@pytest.mark.parametrize("name", ["", "python3.9"])
def test_it_speaks_to_a_server_in_every_python(server: Served, tmp_path: Path, name: str) -> None:
    python = sys.executable if not name else shutil.which(name)
    if (
        python is None
        or subprocess.run([python, "-c", "import zmq"], capture_output=True).returncode
    ):
        pytest.skip(f"there is no {name} with pyzmq")
    (tmp_path / "scripts").mkdir()
    shutil.copy(FILE, tmp_path / "scripts" / "client.py")
    done = subprocess.run(
        [python, "-W", "error", "-c", CONVERSATION, str(server.connection_file)],
        cwd=tmp_path / "scripts",
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.stdout == "admin [] E_NOT_FOUND 20 True /show/a.mov\n", done.stderr


def test_the_server_itself_loads_no_torch() -> None:
    code = "import sys, reenact_bridge.server; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n", done.stdout + done.stderr
