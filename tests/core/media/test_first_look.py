import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from reenact_core.errors import MediaError
from reenact_core.media.first_look import Looker
from tests.core.media.clips import Clip, write_clip

DIES = "import os, pickle, sys; pickle.load(sys.stdin.buffer); os.kill(os.getpid(), {signal})"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("media") / "a.mp4", Clip(count=5))


@pytest.mark.skipif(os.name == "nt", reason="signals are not told there")
def test_a_decoder_that_crashes_is_an_error_that_names_the_file(clip: Path) -> None:
    looker = Looker((sys.executable, "-c", DIES.format(signal=int(signal.SIGSEGV))))
    for _ in range(2):
        with pytest.raises(MediaError, match=r"a\.mp4: its decoder crashed \(Segmentation fault\)"):
            looker.look(clip, None, 1)


@pytest.mark.parametrize(
    "named",
    ["posix.system", "reenact_core.media.first_look.subprocess", "builtins.eval", "numpy.load"],
)
def test_an_answer_runs_no_code(clip: Path, tmp_path: Path, named: str) -> None:
    module, _, name = named.rpartition(".")
    touched = tmp_path / "touched"
    answer = f"c{module}\n{name}\n(Vtouch {touched}\ntR."  # a call, as protocol 0 writes it
    code = "import pickle, sys, time; pickle.load(sys.stdin.buffer); "
    code += f"sys.stdout.write({answer!r}); sys.stdout.flush(); time.sleep(60)"
    looker = Looker((sys.executable, "-c", code))
    with pytest.raises(MediaError, match=r"gave no answer that can be read"):
        looker.look(clip, None, 1)
    assert looker.process_id is None
    assert not touched.exists()


def test_one_process_serves_all_looks(clip: Path, tmp_path: Path) -> None:
    looker = Looker()
    try:
        assert looker.look(clip, None, 1).frame_count == 5
        first = looker.process_id
        with pytest.raises(MediaError, match="there is no such file"):
            looker.look(tmp_path / "none.mp4", None, 1)
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(looker.look(clip, None, 1).frame_count))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [5] * 4 and looker.process_id == first
    finally:
        looker.close()


@pytest.mark.skipif(os.name == "nt", reason="processes are ended otherwise there")
def test_a_process_that_was_ended_is_replaced(clip: Path) -> None:
    looker = Looker()
    try:
        looker.look(clip, None, 1)
        old = looker.process_id
        assert old is not None
        os.kill(old, signal.SIGKILL)
        while looker.process_id is not None:
            time.sleep(0.01)
        assert looker.look(clip, None, 1).frame_count == 5
    finally:
        looker.close()


def test_relative_paths_are_those_of_the_one_who_asks(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = Looker()
    try:
        looker.look(clip, None, 1)
        monkeypatch.chdir(clip.parent)
        assert looker.look(Path("a.mp4"), None, 1).path == Path("a.mp4")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(MediaError, match=r"^a\.mp4: there is no such file"):
            looker.look(Path("a.mp4"), None, 1)
    finally:
        looker.close()
