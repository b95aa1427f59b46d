"""All integrators through one suite, and the worked example of the how-to."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reenact_core.errors import CheckpointError
from reenact_core.models.load import load_integrator
from reenact_core.motion.compact_integrator import CompactIntegrator
from tests.chance import chance_networks
from tests.core.models.integrators.contract import CHECKS, Check, Subject
from tests.tiny import tiny_dagan, tiny_fomm, tiny_tpsmm
from tests.tiny_volumes import tiny_liveportrait, tiny_osfv


def compact() -> CompactIntegrator:
    return CompactIntegrator(chance_networks(1))


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "fomm": lambda: Subject(tiny_fomm(), 32),
    "tpsmm": lambda: Subject(tiny_tpsmm(), 64),
    "dagan": lambda: Subject(tiny_dagan(), 64),
    "osfv": lambda: Subject(tiny_osfv(), 32),
    "liveportrait": lambda: Subject(tiny_liveportrait(), 32, upscale=2),
}


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_ours_keep_the_contract(subject: Subject, check: Check) -> None:
    check(subject)


@pytest.mark.parametrize("check", CHECKS[2:4] + CHECKS[8:], ids=lambda check: check.__name__)
def test_the_default_checkpoints_keeps_it(check: Check) -> None:
    check(Subject(compact(), 64))


# The worked example.


@pytest.fixture
def shift(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The distribution of docs/how-to/add-an-integrator.md, installed."""
    page = (repository / "docs" / "how-to" / "add-an-integrator.md").read_text("utf-8")
    module = re.search(r"`shift_method\.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
    entry = re.search(r'"reenact\.integrators"\]\n(shift = .*)\n', page)
    assert module is not None and entry is not None
    (tmp_path / "shift_method.py").write_text(module.group(1))
    folder = tmp_path / "shift_method-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: shift-method\nVersion: 1.0\n")
    points = f"[reenact.integrators]\n{entry.group(1).replace(chr(34), '')}\n"
    (folder / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    yield


def test_the_worked_example_keeps_the_contract(shift: None) -> None:
    integrator = load_integrator("shift", config={"sharpness": 4.0})
    for check in CHECKS:
        check(Subject(integrator, 64))
    with pytest.raises(CheckpointError, match="shift has no weights"):
        load_integrator("shift", "weights.bin")
