"""A fleet's first day in the simulator of wakes, and the policies that play it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.observation import COLUMN, DAY_S, HOUR_S
from circadia.physics import learnt
from circadia.policy.artifact import shipped_policy
from circadia_lab.data.day.plan import PERIOD_S
from circadia_lab.data.day.world import DRIFT_S
from circadia_lab.policy.env.problem import Problem, WakeLaw, find_problem
from circadia_lab.policy.env.wakes import EVEN, WakeFleet
from circadia_lab.policy.evaluation.deciding import decider_of_file, decider_of_rule
from circadia_lab.policy.evaluation.first_day import Federations, Woke, begun, live

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.wakes import Living
    from circadia_lab.policy.evaluation.deciding import Decided, Decider

THIRDS = (1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True)
class Watched:
    """What another decides, seen."""

    decider: Decider
    see: Callable[..., Decided]

    @property
    def sleeps(self) -> Any:
        return self.decider.sleeps

    @property
    def prior(self) -> Any:
        return self.decider.prior

    def __call__(self, *told: Any) -> Decided:
        return self.see(*told)


def fleet_of(*kinds: str) -> Problem:
    whole = find_problem("wake-demonstration")
    known = {device.profile.name: device for device in whole.devices}
    return replace(whole, devices=tuple(known[kind] for kind in kinds))


def test_a_federation_makes_versions_as_its_aggregator_does() -> None:
    made = Federations(2, WakeLaw(buffer=4, timeout_s=1800))
    pushed = np.array([[1.0, 1.0], [1.0, 0.0]])
    made.take(pushed, 100 * pushed, np.array([[50.0, 60.0], [70.0, 0.0]]))
    assert made.number.tolist() == [1, 1]
    made.take(pushed, 200 * pushed, np.array([[150.0, 160.0], [170.0, 0.0]]))
    assert made.number.tolist() == [2, 1]
    assert made.published_s.tolist() == [170, 0]
    assert made.known.tolist() == pytest.approx([learnt.VERSION_GAIN * 150, 0])
    made.go_on(1859.0)
    assert made.number.tolist() == [2, 1]
    made.go_on(1860.0)
    assert made.number.tolist() == [2, 2]
    assert made.published_s.tolist() == [170, 1860]
    made.go_on(DRIFT_S + 1)
    assert made.present.tolist() == pytest.approx([learnt.KEPT * x for x in made.known])


def test_devices_begin_at_midnight_with_nothing_learnt() -> None:
    fleet = WakeFleet(fleet_of("pixel-3", "pi-boot"), 50)
    living = begun(fleet, np.random.default_rng(0))
    bodies = living.bodies
    for field in ("time_s", "practice", "known", "newest_present", "versions_behind", "unsent_examples"):
        assert not getattr(bodies, field).any()
    assert (bodies.fresh_examples == bodies.stored_examples).all()
    assert (bodies.fresh_examples >= 60).all()
    soc = fleet.look(living, EVEN)[..., COLUMN["battery_soc"]]
    assert np.unique(soc.round(6)).tolist() == [0.5, 0.7]


def test_the_first_label_is_the_error_and_not_one_of_many() -> None:
    """As on a device, whose mean has as many labels as there were."""
    rule = decider_of_rule("drift-plus-penalty", PERIOD_S)
    told: dict[tuple[int, ...], tuple[float, float]] = {}
    was: list[Any] = []

    def watched(fleet: WakeFleet, living: Living, values: Any, u: Any) -> Decided:
        error = values[..., COLUMN["recent_error"]]
        for place in zip(*np.nonzero(np.isfinite(error)), strict=True):
            told.setdefault(place, (error[place], was[-1][place]))
        wrong = 1 - fleet.right(living.bodies)
        was.append(wrong if not was else np.where(np.isfinite(error), was[-1], wrong))
        return rule(fleet, living, values, u)

    live(fleet_of("pixel-3", "pi-solar"), Watched(rule, watched), THIRDS, copies=8, day_s=DAY_S / 4)
    assert len(told) >= 8
    found, wrong = np.array(list(told.values())).T
    assert found == pytest.approx(wrong, abs=1e-5)


@pytest.mark.slow
def test_a_rule_that_says_nothing_of_sleep_is_paced_by_its_period() -> None:
    none = (0.0,) * 24
    problem = fleet_of("pixel-3", "pi-solar")
    silent = replace(
        problem,
        devices=tuple(
            replace(d, scenario=replace(d.scenario, requests_per_hour=none, examples_per_hour=none))
            for d in problem.devices
        ),
    )
    wakes: list[float] = []

    def watch(woke: Woke) -> None:
        wakes.extend(woke.t_s[0, 0] for _ in range(int(woke.due[0, 0])))

    rule = decider_of_rule("threshold", PERIOD_S)
    lived = live(silent, rule, THIRDS, copies=1, day_s=2 * HOUR_S, watch=watch)
    assert np.diff(wakes) == pytest.approx(PERIOD_S, abs=40)
    assert lived.wakes.tolist() == [[24], [24]]
    assert not lived.served.any()


@pytest.mark.slow
def test_a_day_of_what_is_due() -> None:
    problem, rule = fleet_of("pixel-3", "pi-boot", "pixel-3", "pi-boot"), decider_of_rule("due", PERIOD_S)
    day, again = (live(problem, rule, THIRDS, copies=2, seed=1, day_s=DAY_S / 4) for _ in range(2))
    assert (day.accuracy == again.accuracy).all()
    assert (day.battery_agent_j <= day.agent_j).all()
    assert (day.agent_j < day.energy_j).all()
    assert day.latencies.sum(-1) == pytest.approx(day.served)
    assert day.expired.sum() <= 0.02 * day.served.sum()
    model = problem.served_accuracy
    first = model.best - model.total_loss
    assert ((day.accuracy > first) & (day.accuracy < day.last_accuracy)).all()
    # 22.5 J a boot
    assert (day.agent_j[1] >= 22.5 * day.wakes[1] * 0.99).all()


@pytest.mark.slow
def test_files_are_played() -> None:
    file = decider_of_file(shipped_policy(), PERIOD_S)
    lived = live(fleet_of("fairphone-4"), file, THIRDS, copies=1, day_s=HOUR_S)
    assert lived.wakes.sum() >= 10
