"""A job's state for people and for programs: what `reenact farm status` prints."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reenact_cli.plan_text import columns
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_core.farm.plan import FarmPlan
    from reenact_core.farm.simulate import Crowd, Outcome
    from reenact_core.farm.survey import UnitState

STATES = ("done", "running", "ready", "waiting", "failed")
ATTEMPTS = ("done", "running", "failed", "stopped", "killed")
MOST_SHOTS = 40
"""Shots that the table for people lists; those with something to tell come first."""


def status_table(plan: "FarmPlan", states: "Sequence[UnitState]") -> dict[str, Any]:
    """The state of a job as plain values, for JSON."""
    from reenact_core.farm.survey import costs, summarise

    total = summarise(list(states))
    counts = Counter[str](one.state for one in states)
    tries = Counter[str](one.outcome_of(attempt) for one in states for attempt in one.attempts)
    left = total.seconds_left
    return {
        "job": plan.job,
        "timeline": str(plan.timeline),
        "units": {state: counts[state] for state in STATES},
        "done_share": round(total.done_share, 4),
        "workers": total.workers,
        "seconds_spent": round(total.core_seconds, 1),
        "seconds_left": None if left is None else round(left, 1),
        "cost": {
            kind: {
                "units": cost.units,
                "seconds": round(cost.seconds, 1),
                "lost_seconds": round(cost.lost_seconds, 1),
            }
            for kind, cost in costs(states).items()
        },
        "attempts": {outcome: tries[outcome] for outcome in ATTEMPTS},
        "shots": _shots(plan, states),
        "running": [
            {"unit": one.unit.id, "worker": one.worker, **_tries(one)}
            for one in states
            if one.state == "running"
        ],
        "failed": [_failure(one) for one in states if one.state == "failed"],
        "killed": [
            {"unit": one.unit.id, "state": one.state, **_tries(one)} for one in states if one.killed
        ],
        "refused": [{"clip": item.clip_name, "reason": item.reason} for item in plan.refused],
    }


def _shots(plan: "FarmPlan", states: "Sequence[UnitState]") -> list[dict[str, Any]]:
    there = {one.unit.shot for one in states}
    rows: dict[str, dict[str, Any]] = {
        shot.shot_id: {"shot": shot.shot_id, "clip": shot.clip_name, **dict.fromkeys(STATES, 0)}
        for shot in plan.shots
        if shot.shot_id in there
    }
    for one in states:
        if one.unit.shot:
            rows[one.unit.shot][one.state] += 1
    return list(rows.values())


def _failure(one: "UnitState") -> dict[str, Any]:
    failure = one.failure
    assert failure is not None
    return {
        "unit": one.unit.id,
        "code": failure.code,
        "message": failure.message,
        "exit": failure.exit,
        "will_retry": one.may_retry,
        **_tries(one),
        "attempts": max(failure.attempts, len(one.attempts)),
    }


def _tries(one: "UnitState") -> dict[str, Any]:
    """How often a unit was tried, and what the last attempt has written down."""
    log = None if one.log is None else str(one.log.path)
    return {"attempts": len(one.attempts), "killed": one.killed, "log": log}


def status_lines(table: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    counts = ", ".join(f"{table['units'][state]} {state}" for state in STATES)
    yield f"{table['timeline']}: {100 * table['done_share']:.0f} % done; units: {counts}"
    yield f"spent {_duration(table['seconds_spent'])} of work{_lost(table)}{_left(table)}"
    shots = sorted(table["shots"], key=lambda row: (-row["failed"], -row["running"], row["shot"]))
    rows = [
        (row["shot"], *(str(row[state] or "-") for state in STATES)) for row in shots[:MOST_SHOTS]
    ]
    if rows:
        yield from columns([("shot", *STATES), *rows])
    if len(shots) > MOST_SHOTS:
        yield f"  and {amount(len(shots) - MOST_SHOTS, 'shot')} more; --json lists all"
    for one in table["running"]:
        yield f"running {one['unit']} on {one['worker']}"
        yield from _log_line(one)
    for one in table["failed"]:
        tries = amount(one["attempts"], "attempt")
        again = "; will be tried again" if one["will_retry"] else ""
        yield f"failed  {one['unit']} ({one['code']}, {tries}{again}): {one['message']}"
        yield from _log_line(one)
    for one in table["killed"]:
        if one["state"] != "done":
            yield f"killed  {one['unit']}: {one['killed']} of {amount(one['attempts'], 'attempt')}"
            yield from _log_line(one)
    yield from (f"refused {item['reason']}" for item in table["refused"])


def _log_line(one: dict[str, Any]) -> Iterator[str]:
    if one["log"] is not None:
        yield f"        log: {one['log']}"


def _lost(table: dict[str, Any]) -> str:
    """What came to nothing, where something did."""
    seconds = sum(cost["lost_seconds"] for cost in table["cost"].values())
    tries = [f"{table['attempts'][one]} {one}" for one in ATTEMPTS[2:] if table["attempts"][one]]
    if not tries:
        return ""
    return f", and {_duration(seconds)} on attempts that came to nothing ({', '.join(tries)})"


def simulated_table(
    outcomes: "Sequence[tuple[Crowd, Outcome]]", price: float | None = None
) -> dict[str, Any]:
    """Simulated jobs as plain values, for JSON; with the price of a worker's hour, their cost."""
    rows = [
        {
            "workers": crowd.workers,
            "seconds": round(one.makespan, 1),
            "ideal_seconds": round(one.ideal, 1),
            "worker_seconds": round(one.work + one.lost, 1),
            "attempts": one.attempts,
            "failed": one.failed,
            "given_up": one.given_up,
            "tries": one.tries,
            "cost": None if price is None else round((one.work + one.lost) / 3600 * price, 2),
        }
        for crowd, one in outcomes
    ]
    return {"crowds": rows}


def simulated_lines(table: dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"{amount(table['units'], 'unit')}; done, telling what units cost: {table['recorded']}"
    rows = [
        (
            str(row["workers"]),
            _duration(row["seconds"]),
            _duration(row["ideal_seconds"]),
            _duration(row["worker_seconds"]),
            str(row["failed"]),
            str(row["given_up"]),
            "" if row["cost"] is None else f"{row['cost']:.2f}",
        )
        for row in table["crowds"]
    ]
    head = ("workers", "time", "ideal", "work", "failed", "given up")
    yield from columns([(*head, "cost" if table["crowds"][0]["cost"] is not None else ""), *rows])


def _left(table: dict[str, Any]) -> str:
    if table["seconds_left"] is None:
        return "; how much is left shows when workers are at it"
    if table["seconds_left"] == 0:
        return ""
    return f"; about {_duration(table['seconds_left'])} left with {table['workers']} at work"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
