"""A simulated job ends, in a time between the ideal and what one worker needs."""

import pytest

from reenact_core.farm.plan import FarmPlan, Unit
from reenact_core.farm.records import Done
from reenact_core.farm.simulate import Crowd, seconds_by_kind, simulate
from tests.core.farm.jobs import make_job
from tests.core.farm.test_plan import blank_shots


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> FarmPlan:
    folder = tmp_path_factory.mktemp("simulated")
    return make_job(folder / "job", *blank_shots(folder, 200), frames_per_unit=30)


def expected(unit: Unit) -> float:
    return unit.cost


def test_one_worker_without_failures_needs_the_whole_work(plan: FarmPlan) -> None:
    alone = simulate(plan, Crowd(1), expected)
    assert alone.makespan == pytest.approx(alone.work, rel=0.01)
    assert alone.ideal == pytest.approx(alone.work)
    assert (alone.attempts, alone.failed, alone.given_up) == (800, 0, 0)


@pytest.mark.parametrize("workers", [4, 20])
def test_many_workers_come_near_the_ideal(plan: FarmPlan, workers: int) -> None:
    crowd = simulate(plan, Crowd(workers), expected)
    assert crowd.ideal <= crowd.makespan < 1.2 * crowd.ideal + 30
    assert crowd.given_up == 0


def test_failures_cost_time_and_nothing_else(plan: FarmPlan) -> None:
    unlucky = simulate(plan, Crowd(20, failures=0.1), expected)
    assert unlucky.failed > 20
    assert unlucky.attempts == 800 + unlucky.failed - unlucky.given_up
    assert unlucky.given_up <= 2
    assert unlucky.lost > 0
    assert unlucky == simulate(plan, Crowd(20, failures=0.1), expected)


def test_more_workers_than_units_are_no_harm(plan: FarmPlan) -> None:
    crowd = simulate(plan, Crowd(500), expected)
    assert crowd.ideal == pytest.approx(max(expected(u) for u in plan.units if u.kind == "move")
                                        + 60 * 0.06 + 30 * 0.15, rel=0.2)  # fmt: skip
    assert crowd.makespan < 3 * crowd.ideal


def test_lengths_go_by_what_is_done(plan: FarmPlan) -> None:
    track, move = plan.by_id["s0.track"], plan.by_id["s0.move"]
    done = {track.id: Done(track.id, track.key, "w", "", "", 3 * track.cost, "cpu", ())}
    seconds_of = seconds_by_kind(plan, done)
    assert seconds_of(plan.by_id["s1.track"]) == pytest.approx(3 * track.cost)
    assert seconds_of(move) == pytest.approx(3 * move.cost)
    assert seconds_by_kind(plan, {})(move) == move.cost
