"""A timeline's plan cut into units, with the hashes of all that they read."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from reenact_core.engine.digest import Digests, key_of
from reenact_core.farm.path_map import changed_paths
from reenact_core.farm.plan import ASSEMBLE, FarmPlan, Input, Options, Unit, UnitKind
from reenact_core.files import sha256
from reenact_core.models.load import Models
from reenact_core.timeline.plan import Plan, Shot
from reenact_core.timing import FrameRange
from reenact_core.version import __version__

FRAMES_PER_UNIT = 240
"""Frames of a render unit, where the user says nothing: ten seconds of film."""

COSTS = {"track": 0.06, "move": 0.45, "render": 0.15}
"""Seconds a frame of 1080p on one core, for `move` and `render` for every face."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The hashes that a shot's units go by."""

    track: str
    move: str
    render: str


def options_of(models: Models, given: Options) -> Options:
    """The options with the hash of the networks that they name."""
    return replace(given, checkpoint_sha256=networks_hash(models))


def networks_hash(models: Models) -> str:
    """One SHA-256 for a checkpoint, and another global integrator where one is used."""
    if models.integrator is None:
        return sha256(models.path)
    joined = hashlib.sha256(bytes.fromhex(sha256(models.path)))
    for file in models.integrator.files:
        joined.update(bytes.fromhex(sha256(file)))
    return joined.hexdigest()


def make_farm_plan(
    plan: Plan, out: Path, options: Options, digests: Digests, frames_per_unit: int
) -> FarmPlan:
    """The units of a job; those of all shots of one kind side by side.

    Raises:
        MediaError: a file that a shot reads is not there.
    """
    keys = {shot.shot_id: _keys(shot, options, digests) for shot in plan.shots}
    units = [
        *(_track(shot, keys[shot.shot_id], options) for shot in plan.shots),
        *(_move(shot, keys[shot.shot_id]) for shot in plan.shots),
        *(
            unit
            for shot in plan.shots
            for unit in _renders(shot, keys[shot.shot_id], frames_per_unit)
        ),
    ]
    joined = hashlib.sha256("\n".join(unit.key for unit in units).encode())
    marked = "" if options.provenance else " unmarked"
    joined.update(f"{options.relink} {options.codec}{marked}".encode())
    job = joined.hexdigest()
    last = Unit(ASSEMBLE, "assemble", "", 0, 0, (), 0.1 * len(plan.shots), False, job)
    return FarmPlan(
        job,
        __version__,
        plan.timeline.absolute(),
        digests.of_file(plan.timeline) if plan.timeline.is_file() else None,
        out,
        options,
        tuple(_inputs(plan.shots, options.tracks, digests)),
        tuple(map(_absolute, plan.shots)),
        (*units, last),
        plan.refused,
        plan.notes,
    )


def recut(plan: FarmPlan, shot_id: str, edges: Sequence[int]) -> FarmPlan:
    """The same job with the render units of a shot cut before these frames instead.

    Args:
        edges: rising, inside the shot's frames
    """
    old = plan.renders(shot_id)
    parts = list(pairwise([old[0].start, *edges, old[-1].stop]))
    shot = plan.shot(shot_id)
    base = plan.by_id[f"{shot_id}.move"].key
    new = [_render(shot, f"{base} {plan.options.codec}", range(*part)) for part in parts]
    before = plan.units.index(old[0])
    units = (*plan.units[:before], *new, *plan.units[before + len(old) :])
    return replace(plan, units=units)


def even_ranges(start: int, stop: int, most: int) -> list[range]:
    """A range cut into the fewest parts of at most so many, all nearly equal."""
    count = max(1, -(-(stop - start) // most))
    edges = [start + (stop - start) * part // count for part in range(count + 1)]
    return [range(*pair) for pair in pairwise(edges)]


def _keys(shot: Shot, options: Options, digests: Digests) -> _Keys:
    drivers = [cast.driving for cast in shot.casts if cast.driving is not None]
    finding = [__version__, options.tracker, options.settings["track"], list(options.tracks)]
    track = key_of(["track", finding, shot.target, drivers], digests)
    moving = [options.settings, options.checkpoint_sha256, options.precision]
    # What editors call the clip, and where it is in the edit, changes no pixel of it.
    placeless = replace(shot, clip_path=(), clip_name="", track_name="")
    move = key_of(["move", track, placeless, moving], digests)
    return _Keys(track, move, key_of(["render", move, options.codec], digests))


def _track(shot: Shot, keys: _Keys, options: Options) -> Unit:
    frames = shot.target.frames
    gpu = options.tracker != "embedded"
    cost = round(COSTS["track"] * len(frames), 2)
    return _unit(shot, "track", frames, (), cost, gpu, keys.track)


def _move(shot: Shot, keys: _Keys) -> Unit:
    frames = shot.target.frames
    cost = round(COSTS["move"] * len(frames) * len(shot.casts), 2)
    return _unit(shot, "move", frames, (f"{shot.shot_id}.track",), cost, True, keys.move)


def _renders(shot: Shot, keys: _Keys, most: int) -> Iterator[Unit]:
    whole = shot.target.frames
    for part in even_ranges(whole.start, whole.stop, most):
        yield _render(shot, keys.render, part)


def _render(shot: Shot, key: str, part: range) -> Unit:
    frames = FrameRange(part.start, part.stop, shot.target.frames.rate)
    own = hashlib.sha256(f"{key} {part.start} {part.stop}".encode()).hexdigest()
    cost = round(COSTS["render"] * len(part) * len(shot.casts), 2)
    return _unit(shot, "render", frames, (f"{shot.shot_id}.move",), cost, False, own)


def _unit(
    shot: Shot,
    kind: UnitKind,
    frames: FrameRange,
    needs: tuple[str, ...],
    cost: float,
    gpu: bool,
    key: str,
) -> Unit:
    part = f".{frames.start:06d}-{frames.stop - 1:06d}" if kind == "render" else ""
    name = f"{shot.shot_id}.{kind}{part}"
    return Unit(name, kind, shot.shot_id, frames.start, frames.stop, needs, cost, gpu, key)


def _absolute(shot: Shot) -> Shot:
    """A shot whose paths lead there from everywhere."""
    return changed_paths(shot, Path.absolute)


def _inputs(shots: Sequence[Shot], tracks: Sequence[Path], digests: Digests) -> Iterator[Input]:
    readers: dict[Path, tuple[str, list[str]]] = {}
    for shot in shots:
        for path, digest in _read_by(shot, tracks, digests).items():
            readers.setdefault(path, (digest, []))[1].append(shot.shot_id)
    for path, (digest, ids) in readers.items():
        yield Input(path.absolute(), digest, tuple(ids))


def _read_by(shot: Shot, tracks: Sequence[Path], digests: Digests) -> Mapping[Path, str]:
    found = {shot.target.path: digests.of_source(shot.target)}
    named = [path for cast in shot.casts for path in cast.files]
    for path in (*named, *tracks):
        found[path] = digests.of_file(path)
    return found
