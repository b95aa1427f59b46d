"""The client file by itself, as an editor's script folder has it."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import reenact_bridge.client

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


def test_the_server_itself_loads_no_torch() -> None:
    code = "import sys, reenact_bridge.server; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n", done.stdout + done.stderr
