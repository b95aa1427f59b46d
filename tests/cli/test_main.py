"""The command line as a process: exit codes, purity of --json, quick help."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reenact_cli.main import COMMANDS, run
from reenact_cli.reference import cli_page, settings_page, training_page
from reenact_core.errors import DeviceError, FaceError, MediaError
from tests.cli.process import reenact

GROUPS = {
    "models": ("list", "verify", "import", "fetch"),
    "farm": ("plan", "run-unit", "assemble", "submit", "status"),
}
LEAVES = [
    " ".join(words)
    for command in COMMANDS
    for words in ([command, inner] if inner else [command] for inner in GROUPS.get(command, ("",)))
]


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from reenact_cli.main import run; run(['--help']);"
        "heavy = {'torch', 'cv2', 'av', 'numpy', 'opentimelineio', 'tqdm'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text and f"reenact {command}" in text
    for option in ("--json", "--progress", "--debug"):
        assert option in text


def test_an_unknown_command_is_a_usage_error() -> None:
    done = reenact("rendr")
    assert done.returncode == 2
    assert "No such command 'rendr'" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_option_with_json_is_an_object_on_stdout() -> None:
    done = reenact("doctor", "--json", "--colour")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "usage" and "--colour" in error["message"]


def test_json_of_doctor_is_one_object() -> None:
    done = reenact("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["healthy"] else 4)
    assert {"ffmpeg", "device cpu", "codec ffv1"} <= {check["name"] for check in report["checks"]}


def test_a_reader_that_leaves_is_no_error() -> None:
    command = (
        f"'{sys.executable}' -m reenact_cli doctor | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() in ("0", "4")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MediaError("a.mp4: is damaged"), 4, "media"),
        (FaceError("sh010: no face"), 3, "face"),
        (DeviceError("cuda:7 is not there"), 5, "device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 5, "device"),
        (PermissionError(13, "Permission denied", "/tmp/x"), 4, "file"),
        (ZeroDivisionError("division by zero"), 1, "bug"),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_status(
    error: BaseException, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from reenact_cli.main import status_of

    assert status_of(error, as_json=True) == status
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == code
    assert told.err.startswith("Error: ") and told.err.count("\n") == 1


def test_debug_shows_the_traceback_and_keeps_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(tmp_path / "none.mp4"), "--debug"]) == 4
    told = capsys.readouterr().err
    assert "Traceback" in told and told.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("cli.md", cli_page),
        ("settings.md", settings_page),
        ("training-config.md", training_page),
    ],
)
def test_the_reference_pages_are_what_the_code_says(
    repository: Path, page: str, made: Callable[[], str]
) -> None:
    written = (repository / "docs" / "reference" / page).read_text("utf-8")
    assert written == made(), "run python -m reenact_cli.reference"
