"""What a worker has at hand: the job, its settings, and networks that are loaded when needed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from reenact_core.engine.digest import Digests
from reenact_core.engine.performer import Performer
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import MediaError
from reenact_core.farm.job_folder import JobFolder, UnitFolder
from reenact_core.farm.path_map import PathMap, mapped_paths
from reenact_core.farm.plan import FarmPlan, Input, Unit
from reenact_core.journal import Journal
from reenact_core.media.codecs import Codec
from reenact_core.media.probe import probe
from reenact_core.settings import Settings, with_table
from reenact_core.timeline.clip_media import each_once
from reenact_core.timeline.plan import Shot
from reenact_core.tracking.detect import Detector


@dataclass(frozen=True, slots=True, eq=False)
class Tools:
    """What finds and moves faces, made when it is first asked for and then kept."""

    detector: Callable[[], Detector]
    performer: Callable[[], Performer]
    """Checks that the networks are those of the plan."""
    device: str = "cpu"
    installed: Path | None = None
    """Folder of the weights that the user has installed, for telling faces apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Desk:
    """One worker's place in a job."""

    folder: JobFolder
    plan: FarmPlan
    """With paths as they are on this machine."""
    tools: Tools
    worker: str
    settings: Settings
    digests: Digests

    def move_of(self, unit: Unit) -> Unit:
        """The `move` unit of a unit's shot."""
        return self.plan.by_id[f"{unit.shot}.move"]

    def check_inputs(self, shot: Shot) -> None:
        """See that the files of a shot hold what they held when the plan was made.

        Raises:
            MediaError: one is missing or has changed.
        """
        for entry in self.plan.inputs_of(shot.shot_id):
            self._check(entry, shot)
        self.digests.save()

    def check_clip(self, shot: Shot) -> None:
        """`check_inputs` of the shot's own media alone."""
        for entry in self.plan.inputs_of(shot.shot_id):
            if entry.path == shot.target.path:
                self._check(entry, shot)

    def _check(self, entry: Input, shot: Shot) -> None:
        if entry.path == shot.target.path:
            found = self.digests.of_source(shot.target)
        else:
            found = self.digests.of_file(entry.path)
        if found != entry.sha256:
            raise MediaError(
                f"{entry.path}: has changed since the plan was made; put the old file back, "
                "or plan the job again"
            )

    def workshop(self, scratch: Path, performer: Performer) -> Workshop:
        """The engine's workshop for one unit."""
        scratch.mkdir(parents=True, exist_ok=True)
        return Workshop(
            UnitFolder(scratch, self.digests, Journal(scratch, ""), self.folder),
            self.settings,
            cast(Codec, self.plan.options.codec),
            self.tools.detector(),
            self.plan.options.tracker,
            performer,
            self.plan.options.checkpoint_sha256,
            1,
            self.tools.installed,
            self.plan.options.tracks,
            look=each_once(probe),
        )


def open_desk(
    folder: JobFolder, plan: FarmPlan, tools: Tools, worker: str, rules: PathMap = ()
) -> Desk:
    """A place in a job.

    Raises:
        SettingsError: the plan's settings are not those of this version.
    """
    settings = with_table(Settings(), plan.options.settings, "plan.json")
    plan = mapped_paths(plan, rules)
    return Desk(folder, plan, tools, worker, settings, Digests(folder.hashes))
