"""A run that is killed, or runs into a full disk, at a given moment: run as a program by tests.

python -m tests.core.engine.doomed_run OUT CLIP PORTRAIT STAGE DONE [SIGNAL]
python -m tests.core.engine.doomed_run OUT CLIP PORTRAIT limit BYTES
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from reenact_core.engine.events import Progress, ShotDone, ShotFailed
from reenact_core.engine.render import render_shots
from tests.core.engine.shots import plan_of, recast, shot_of, workshop_in


def main(out: Path, clip: Path, portrait: Path, stage: str, count: int, number: int) -> None:
    if stage == "limit":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, count))
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    shots = [
        shot_of(clip, start, start + 15, recast(portrait), name=f"s{start}") for start in (0, 15)
    ]
    with workshop_in(out) as workshop:
        for event in render_shots(plan_of(*shots), workshop):
            if isinstance(event, Progress):
                if event.shot_id == "s15" and event.stage == stage and event.done >= count:
                    os.kill(os.getpid(), number)
            elif isinstance(event, ShotDone):
                print(json.dumps({"done": event.rendered.shot.shot_id}))
            elif isinstance(event, ShotFailed):
                print(json.dumps({"failed": event.shot.shot_id, "error": str(event.error)}))


if __name__ == "__main__":
    given = [*sys.argv[1:], str(int(signal.SIGKILL))]
    out, clip, portrait = (Path(name) for name in given[:3])
    main(out, clip, portrait, given[3], int(given[4]), int(given[5]))
