"""What a user calls units and shots, as those of a plan."""

import re
from collections.abc import Sequence

from reenact_core.errors import ReenactError
from reenact_core.farm.plan import ASSEMBLE, FarmPlan, Unit


class NoSuchUnitError(ReenactError):
    """A name of no unit that a worker can do, or of no shot."""

    code = "usage"
    exit_status = 2


def named_units(plan: FarmPlan, names: Sequence[str]) -> list[Unit]:
    """The units that ids, numbers and ranges of numbers name, in that order, each once.

    Raises:
        NoSuchUnitError: there is no such unit, or it is the assembly.
    """
    found = {unit.id: unit for name in names for unit in _named(name, plan)}
    if ASSEMBLE in found:
        raise NoSuchUnitError(f"the unit {ASSEMBLE} is done by reenact farm assemble")
    return list(found.values())


def _named(name: str, plan: FarmPlan) -> Sequence[Unit]:
    units = plan.units
    if name in plan.by_id:
        return [plan.by_id[name]]
    numbers = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", name)
    if numbers:
        first, last = int(numbers[1]), int(numbers[2] or numbers[1])
        if first <= last < len(units):
            return units[first : last + 1]
    raise NoSuchUnitError(
        f"{name} names no unit of the plan: give an id as {units[0].id}, or a number "
        f"from 0 to {len(units) - 2}, or FIRST-LAST"
    )


def units_of_shots(plan: FarmPlan, names: Sequence[str]) -> list[Unit]:
    """All units of the shots that ids or names of clips name, in the order of the plan.

    Raises:
        NoSuchUnitError: there is no such shot.
    """
    wanted: set[str] = set()
    for name in names:
        found = {shot.shot_id for shot in plan.shots if name in (shot.shot_id, shot.clip_name)}
        if not found:
            known = [shot.shot_id for shot in plan.shots]
            some = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if known[8:] else "")
            raise NoSuchUnitError(f"{name} names no shot of the plan; it has {some}")
        wanted |= found
    return [unit for unit in plan.units if unit.shot in wanted]
