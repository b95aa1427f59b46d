"""What all tests share. Threads are set before any library that has them is imported."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cli.process import Demo, run_demo

# A second thread gains nothing on these tiny inputs and spins against the other tests' processes.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# Numbers of OpenCV's and torch's own pools follow OMP_NUM_THREADS only in part.
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

# Started in the background of a shell, a process ignores the interrupts that tests send to theirs.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW_SECONDS = 900

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """A worker for each core; none where only files or single tests are named: it would start later
    than they end."""
    named = [Path(argument.partition("::")[0]) for argument in config.args]
    return 0 if all(path.suffix == ".py" for path in named) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests may take longer than the others, whatever else the machine is at."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _settings_of_no_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test signs with, or makes, the identity of the user who runs the tests."""
    from reenact_core.provenance.mark import open_marking  # not before the threads are set

    folder = tmp_path_factory.mktemp("config")
    os.environ["REENACT_CONFIG"] = str(folder)
    open_marking(folder)  # the first use tells of itself; no test should depend on being first


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """Real footage and stored outputs, which lie beside the repository and never inside it."""
    folder = repository.parent / "shared"
    if not (folder / "clips" / "MANIFEST.json").is_file():
        pytest.skip("needs the shared footage beside the repository, which is not here")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("demo"))
