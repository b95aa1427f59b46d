"""How much memory a call may take, held by the system and told in one kind of error."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reenact_bridge.errors import ProtocolError

_WORDS = ("insufficient memory", "allocate memory", "out of memory", "bad_alloc")
"""How C++ libraries say it, who know no MemoryError."""


def held_bytes(process: int | str, name: str) -> int:
    """A size in the status of a process, as `VmRSS`; 0 where the system does not tell it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def bounded_memory(most: int, helper: int | None = None) -> Iterator[None]:
    """Within, this process, and a helper of its, can take so many bytes more each (Linux).

    An allocation beyond fails.

    RLIMIT_DATA, which counts what can be written and is this process's alone: the address space
    that torch, its threads and drivers reserve without using it does not count.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    processes = [os.getpid(), *([] if helper is None else [helper])]
    before = {process: resource.prlimit(process, resource.RLIMIT_DATA) for process in processes}
    for process, bounds in before.items():
        wanted = held_bytes(process, "VmData") + most
        known = [bound for bound in bounds if bound != resource.RLIM_INFINITY]
        resource.prlimit(process, resource.RLIMIT_DATA, (min([wanted, *known]), bounds[1]))
    try:
        yield
    finally:
        for process, bounds in before.items():
            with suppress(ProcessLookupError):  # the helper may have died of the call
                resource.prlimit(process, resource.RLIMIT_DATA, bounds)


def lacked_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that an allocation failed."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if any(words in str(error).lower() for words in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def too_large(name: str, most: int) -> ProtocolError:
    """What a call is told that takes more memory than one may."""
    return ProtocolError(
        "E_LIMIT",
        f"`{name}` of this needs more than {most} bytes of memory, which is what a call may take",
        limit="work_bytes",
        max=most,
    )
