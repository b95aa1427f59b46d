"""The process that looks at files first: requests on stdin, answers on stdout, pickled.

    python -m reenact_core.media.look_process

Both ends are this program. Whatever happens to the one who asks, the end of stdin ends the process,
even in the middle of a look.
"""

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from typing import IO, Any

from PIL import Image

from reenact_core.errors import ReenactError
from reenact_core.media.probe import examine


def answer(request: tuple[Any, ...]) -> tuple[str, Any]:
    """`found` and a MediaInfo; or what went wrong.

    `refused`: a ReenactError with the number and the words of its cause; `memory`: there was not
    enough; `failed`: a traceback.
    """
    folder, path, first_number, number_step = request
    try:
        os.chdir(folder)  # relative paths are the asker's
        return "found", examine(path, first_number=first_number, number_step=number_step)
    except ReenactError as error:
        number = getattr(error.__cause__, "errno", None)
        return "refused", (error, number, str(error.__cause__ or ""))
    except MemoryError:
        return "memory", None
    except Exception:
        return "failed", traceback.format_exc()


def _work(requests: "queue.SimpleQueue[tuple[Any, ...]]", out: IO[bytes]) -> None:
    while True:
        said = answer(requests.get())
        pickle.dump(said, out)
        out.flush()


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    Image.MAX_IMAGE_PIXELS = None  # only headers are read
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    requests: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
    threading.Thread(target=_work, args=(requests, out), daemon=True).start()
    try:
        while True:
            requests.put(pickle.load(sys.stdin.buffer))
    except EOFError:
        os._exit(0)


if __name__ == "__main__":
    main()
