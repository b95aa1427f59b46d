"""Downloads, from a server on this machine's loopback."""

import errno
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from reenact_core.errors import CheckpointError
from reenact_core.models.catalogue import Download
from reenact_core.models.fetching import Fetched, FetchProgress, address, fetch

CONTENT = bytes(range(256)) * 9000  # more than two chunks


@dataclass
class Upstream:
    """A server, what it gives, and what it was asked."""

    files: dict[str, bytes]
    tag: str | None = '"first"'
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the next answers break off."""
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and range of every request."""
    port: int = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


def handler_of(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            upstream.asked.append((self.path, wanted))
            content = upstream.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404, "Not Found")
                return
            start = self._start(wanted, len(content))
            if start is None:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                last = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send_header("Content-Range", last)
            if upstream.tag:
                self.send_header("ETag", upstream.tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + upstream.cuts.pop(0) if upstream.cuts else len(content)
            self.wfile.write(content[start:end])

        def _start(self, wanted: str | None, length: int) -> int | None:
            same = self.headers.get("If-Range") == upstream.tag
            if not (wanted and upstream.ranges and same):
                return 0
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            return start if start < length else None

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    served = Upstream({"folder/weights.pth": CONTENT})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(served))
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


FILE = Download("folder/weights.pth")


def fetched(upstream: Upstream, folder: Path, file: Download = FILE) -> Fetched:
    *_, last = fetch(file, upstream.url(file.name), folder)
    assert isinstance(last, Fetched)
    return last


def test_a_file_arrives_whole_with_its_hash(upstream: Upstream, tmp_path: Path) -> None:
    events = list(fetch(FILE, upstream.url(FILE.name), tmp_path))
    last = events.pop()
    digest = hashlib.sha256(CONTENT).hexdigest()
    path = tmp_path / "folder" / "weights.pth"
    assert last == Fetched(path, len(CONTENT), digest, compared=False, was_here=False)
    assert path.read_bytes() == CONTENT
    assert events[-1] == FetchProgress(FILE.name, len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["weights.pth"]


def test_a_known_hash_is_compared(upstream: Upstream, tmp_path: Path) -> None:
    known = Download(FILE.name, None, len(CONTENT), hashlib.sha256(CONTENT).hexdigest().upper())
    assert fetched(upstream, tmp_path, known).compared


def test_a_file_that_is_here_is_not_fetched(upstream: Upstream, tmp_path: Path) -> None:
    fetched(upstream, tmp_path)
    upstream.asked.clear()
    assert fetched(upstream, tmp_path).was_here
    assert not upstream.asked


def test_a_broken_connection_is_taken_up_where_it_broke(upstream: Upstream, tmp_path: Path) -> None:
    upstream.cuts = [1_500_000, 100_000]
    assert fetched(upstream, tmp_path).path.read_bytes() == CONTENT
    assert [wanted for _, wanted in upstream.asked] == [None, "bytes=1500000-", "bytes=1600000-"]


def test_a_download_that_was_stopped_goes_on_next_time(upstream: Upstream, tmp_path: Path) -> None:
    run = fetch(FILE, upstream.url(FILE.name), tmp_path)
    next(run)
    run.close()
    begun = (tmp_path / "folder" / "weights.pth.part").stat().st_size
    assert 0 < begun < len(CONTENT)
    assert fetched(upstream, tmp_path).path.read_bytes() == CONTENT
    assert upstream.asked[-1][1] == f"bytes={begun}-"


@pytest.mark.parametrize("change", ["tag", "no tag", "weak tag", "no ranges"])
def test_a_file_that_may_have_changed_is_fetched_anew(
    upstream: Upstream, tmp_path: Path, change: str
) -> None:
    if change in ("no tag", "weak tag"):
        upstream.tag = None if change == "no tag" else 'W/"first"'
    run = fetch(FILE, upstream.url(FILE.name), tmp_path)
    next(run)
    run.close()
    upstream.files[FILE.name] = CONTENT[::-1]
    if change == "tag":
        upstream.tag = '"second"'
    upstream.ranges = change != "no ranges"
    assert fetched(upstream, tmp_path).path.read_bytes() == CONTENT[::-1]


def test_a_part_that_is_whole_already_needs_no_more(upstream: Upstream, tmp_path: Path) -> None:
    run = fetch(FILE, upstream.url(FILE.name), tmp_path)
    for event in run:
        if isinstance(event, FetchProgress) and event.done == event.total:
            break
    run.close()
    assert fetched(upstream, tmp_path).path.read_bytes() == CONTENT


# What is refused.


def refused(upstream: Upstream, folder: Path, words: str, file: Download = FILE) -> None:
    with pytest.raises(CheckpointError, match=words):
        list(fetch(file, upstream.url(file.name), folder))


def test_another_hash_is_refused_and_forgotten(upstream: Upstream, tmp_path: Path) -> None:
    refused(upstream, tmp_path, "but upstream's file has", Download(FILE.name, sha256="0" * 64))
    assert not list((tmp_path / "folder").iterdir())


def test_another_size_is_refused_before_it_is_fetched(upstream: Upstream, tmp_path: Path) -> None:
    refused(upstream, tmp_path, "2304000 bytes, but .* has 7", Download(FILE.name, size=7))


def test_a_full_disk_is_told_before_it_is_filled(upstream: Upstream, tmp_path: Path) -> None:
    file, url = Download("folder/weights.pth"), upstream.url("folder/weights.pth")
    refused = fetch(file, url, tmp_path, free=lambda _: len(CONTENT))
    with pytest.raises(CheckpointError, match=r"has no room for it .* free some space"):
        list(refused)
    assert not list(tmp_path.rglob("weights.pth*"))
    assert isinstance(list(fetch(file, url, tmp_path))[-1], Fetched)


def test_a_disk_that_fills_up_meanwhile_is_told_at_once(upstream: Upstream, tmp_path: Path) -> None:
    def filled(_: Path) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    url = upstream.url("folder/weights.pth")
    with pytest.raises(CheckpointError, match="the disk is full"):
        list(fetch(Download("folder/weights.pth"), url, tmp_path, free=filled))
    assert len(upstream.asked) == 1


def test_a_web_page_is_no_file(upstream: Upstream, tmp_path: Path) -> None:
    upstream.files[FILE.name] = b"\n<!DOCTYPE html><title>Sign in</title>"
    refused(upstream, tmp_path, "gives a web page and no weights")
    assert not list((tmp_path / "folder").iterdir())


def test_nothing_is_no_file(upstream: Upstream, tmp_path: Path) -> None:
    upstream.files[FILE.name] = b""
    refused(upstream, tmp_path, "gives nothing and no weights")


def test_a_missing_file_is_told_as_the_server_tells_it(upstream: Upstream, tmp_path: Path) -> None:
    refused(upstream, tmp_path, "the server says 404", Download("gone.pth"))


def test_a_server_that_is_not_there_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="run the same command again"):
        list(fetch(FILE, "http://127.0.0.1:9/weights.pth", tmp_path))


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/a", "weights.pth"])
def test_only_the_web_is_fetched_from(url: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="only http and https"):
        list(fetch(FILE, url, tmp_path))


def test_a_mirror_has_the_files_under_their_names() -> None:
    assert address(FILE, "http://mirror/models/") == "http://mirror/models/folder/weights.pth"
    assert address(FILE, None) is None
