"""The certified optimum against a plain linear programme over occupations, which is built here from single slots."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.optimize import linprog

from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE
from circadia.types import WakeOn
from circadia_lab.policy.oracle.columns import InfeasibleProblem
from circadia_lab.policy.regimes.chain import Part, make_chain
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.planning import averages_of, plan
from circadia_lab.policy.regimes.playing import Decided, observe, play
from circadia_lab.policy.regimes.regime import MeanAge, Regime, Stale
from circadia_lab.policy.regimes.rule import Due, best_due, policy_of
from circadia_lab.policy.regimes.shipped import BARRED, REGIMES, regime_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DUE = frozenset({WakeOn.DUE})
EXACT = 1e-6


class Plain:
    """The same problem, slot by slot: waiting requests by their age, clocks by theirs."""

    def __init__(self, regime: Regime) -> None:
        self.regime = regime
        self.deadline, self.longest = regime.slots(regime.deadline_s), regime.slots(regime.longest_s)
        self.queue_cap = self.deadline + self.longest
        if isinstance(regime.age, Stale):
            bound = regime.slots(regime.age.after_s)
            self.age_cap = bound + max(bound, 6)
        else:
            self.age_cap = 2 * regime.slots(2 * regime.age.at_most_s)
        self.clocks = 2 if regime.apart else 1
        self.rate = regime.requests_a_day / 86400 * regime.slot_s

    def states(self) -> list[tuple[int, ...]]:
        ages = [range(self.age_cap + 1)] * self.clocks
        return list(itertools.product(range(self.queue_cap + 1), *ages))

    def choices(self, state: tuple[int, ...]) -> Iterator[dict[str, Any]]:
        """Work and sleep, with what they cost and lead to."""
        for serves in (False, True):
            for reset in itertools.product((False, True), repeat=self.clocks):
                queue = 0 if serves else state[0]
                ages = [0 if r else a for r, a in zip(reset, state[1:], strict=True)]
                mean = not isinstance(self.regime.age, Stale)
                if queue >= self.queue_cap or (mean and max(ages) >= self.age_cap):
                    continue
                for slots in range(1, self.longest + 1):
                    if mean and max(ages) + slots > self.age_cap:
                        continue
                    for kind in self.regime.wakes_on:
                        told = self.regime.remote or queue > 0
                        if told and (kind is not WakeOn.DUE or queue + slots > self.queue_cap):
                            continue
                        yield self.outcome(state, serves, reset, queue, ages, slots, kind)

    def outcome(
        self, state: Any, serves: bool, reset: Any, queue: int, ages: Any, slots: int, kind: WakeOn
    ) -> dict[str, Any]:
        body, regime = self.regime.body, self.regime
        busy = serves and (state[0] > 0 or regime.remote)
        joules = body.wake_j.value + busy * body.serve_j.value
        joules += reset[0] * body.train_j.value + reset[-1] * body.exchange_j.value
        joules += (reset[-1] or (busy and regime.answers_by_radio)) * body.radio_j.value
        found: dict[str, Any] = {"joules": joules, "late": self.late(state[0]) if serves else 0.0}
        found |= {"slots": 0.0, "next": {}, "aged": [0.0] * self.clocks}
        alive = {(queue, tuple(ages)): 1.0}
        for slot in range(1, slots + 1):
            alive = self.slot(alive, found, last=slot == slots, kind=kind)
        return found

    def slot(self, alive: Any, found: Any, *, last: bool, kind: WakeOn) -> dict[Any, float]:
        after: dict[Any, float] = {}
        for (queue, ages), share in alive.items():
            found["slots"] += share
            for i, age in enumerate(ages):
                found["aged"][i] += share * self.counted(age)
            older = tuple(age + 1 for age in ages)
            empty = queue == 0 and not self.regime.remote
            comes = 1 - math.exp(-self.rate) if empty else 0.0
            for waiting, part in ((queue + 1 if not empty else 1, comes if empty else 1.0), (0, 1 - comes)):
                if part == 0 or (waiting == 0 and not empty):
                    continue
                woken = (kind is WakeOn.REQUEST and waiting >= 1) or (
                    kind is WakeOn.DEADLINE and waiting >= self.deadline
                )
                if last or woken:
                    capped = (min(waiting, self.queue_cap), *(min(age, self.age_cap) for age in older))
                    found["next"][capped] = found["next"].get(capped, 0.0) + share * part
                else:
                    after[waiting, older] = after.get((waiting, older), 0.0) + share * part
        return after

    def counted(self, age: int) -> float:
        if isinstance(self.regime.age, Stale):
            return float(age >= self.regime.slots(self.regime.age.after_s))
        return age + 0.5

    def late(self, queue: int) -> float:
        """Each slot's arrivals by their own age; the oldest slot has one at least."""
        counts = [self.rate] * queue
        if counts and not self.regime.remote:
            counts[-1] = self.rate / (1 - math.exp(-self.rate))
        return sum(count for age, count in enumerate(counts, start=1) if age > self.deadline)

    def best(self) -> float:
        """Joules a day."""
        states = self.states()
        place = {state: i for i, state in enumerate(states)}
        pairs = [(i, choice) for i, state in enumerate(states) for choice in self.choices(state)]
        flows = np.zeros((len(states) + 1, len(pairs)))
        for k, (i, choice) in enumerate(pairs):
            flows[i, k] += 1
            for after, share in choice["next"].items():
                flows[place[after], k] -= share
            flows[-1, k] = choice["slots"]
        limit = (
            self.regime.age.share
            if isinstance(self.regime.age, Stale)
            else self.regime.age.at_most_s / self.regime.slot_s
        )
        table = np.array([[c["late"], *c["aged"]] for _, c in pairs]).T
        answer = linprog(
            np.array([c["joules"] for _, c in pairs]),
            A_ub=table,
            b_ub=[self.regime.late * self.rate, *[limit] * self.clocks],
            A_eq=flows,
            b_eq=np.append(np.zeros(len(states)), 1.0),
            method="highs",
        )
        assert answer.status == 0, answer.message
        return float(answer.fun) * 86400 / self.regime.slot_s


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"wakes_on": DUE},
        {"wakes_on": DUE, "remote": True, "answers_by_radio": True},
        {"age": MeanAge(at_most_s=3600.0), "answers_by_radio": True},
        {
            "wakes_on": DUE,
            "apart": True,
            "age": MeanAge(at_most_s=2000.0),
            "longest_s": 3600.0,
            "deadline_s": 1800.0,
        },
    ],
    ids=["woken", "polled", "remote", "mean age", "clocks apart"],
)
def test_it_is_that_of_a_linear_programme(small: Regime, changes: dict[str, Any]) -> None:
    regime = replace(small, **changes)
    found = optimum(make_chain(regime), EXACT)
    assert found.lower <= found.joules
    assert found.gap <= EXACT
    assert found.joules == pytest.approx(Plain(regime).best(), rel=1e-5)


def test_the_optimum_keeps_its_limits_and_no_column_is_below_the_bound(small: Regime) -> None:
    chain = make_chain(small)
    found = optimum(chain)
    assert (found.costs <= chain.limits * (1 + 1e-9)).all()
    for column in found.columns:
        again = averages_of(chain, column.policy)
        assert again.joules == pytest.approx(column.averages.joules, rel=1e-6)
        priced = again.joules + found.prices @ (again.costs - chain.limits)
        assert priced * small.slots_a_day >= found.lower * (1 - 1e-9)


def test_a_plan_s_bound_is_below_every_policy(small: Regime) -> None:
    chain = make_chain(small)
    prices = np.array([5.0, 3.0])
    found = plan(chain, prices)
    assert found.lower <= found.averages.joules + prices @ found.averages.costs
    random = np.random.default_rng(1)
    for _ in range(20):
        works = np.stack([work.admitted for work in chain.works])
        policy = found.policy._replace(
            work=(works * random.random(works.shape)).argmax(0),
            sleep=(chain.admitted * random.random(chain.admitted.shape)).argmax(0),
        )
        other = averages_of(chain, policy)
        assert other.joules + prices @ other.costs >= found.lower


@pytest.mark.parametrize("changes", [{}, {"wakes_on": DUE}, {"age": MeanAge(at_most_s=3600.0)}])
def test_together_is_no_worse_than_the_rule_and_than_apart(small: Regime, changes: dict[str, Any]) -> None:
    regime = replace(small, **changes)
    chain = make_chain(regime)
    joint = optimum(chain)
    apart = sum(optimum(make_chain(regime, part)).joules for part in (Part.SERVING, Part.LEARNING))
    rule = best_due(chain, (0.0, 3600.0, 7200.0))
    assert rule is not None
    assert joint.lower <= rule.joules
    assert joint.lower <= apart


def test_a_shorter_menu_of_sleeps_costs_no_less(small: Regime) -> None:
    free = optimum(make_chain(small))
    menu = optimum(make_chain(replace(small, sleeps_s=(1800.0, 7200.0))))
    assert menu.joules >= free.lower


def test_limits_that_nobody_keeps_are_named(small: Regime) -> None:
    regime = replace(small, age=Stale(share=0.2, after_s=60.0))
    with pytest.raises(InfeasibleProblem, match=r"regime small, both: no policy keeps every limit"):
        optimum(make_chain(regime))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"requests_a_day": 0.0}, "requests_a_day is 0"),
        ({"late": 1.0}, "late is 1"),
        ({"deadline_s": 100.0}, "deadline_s is shorter than half a slot"),
        ({"sleeps_s": (3600.0,)}, "the shortest of sleeps_s must be one slot"),
        ({"remote": True}, "a request that waits elsewhere wakes nobody"),
        ({"wakes_on": frozenset({WakeOn.REQUEST})}, "every body can sleep until something is due"),
        ({"age": MeanAge(at_most_s=60.0)}, "a mean age of 60 s is below a slot"),
    ],
)
def test_what_cannot_be_is_named(small: Regime, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        replace(small, **changes)


def test_every_number_says_where_it_is_from() -> None:
    for regime in REGIMES:
        for name in regime.body.__slots__[1:]:
            assert getattr(regime.body, name).source.startswith(
                ("profile ", "assumed: ", "vendor ", "measured ")
            )


def test_names_are_apart_and_those_with_bars_are_there() -> None:
    assert len({regime.name for regime in REGIMES}) == len(REGIMES)
    assert [regime_named(name).name for name in BARRED] == list(BARRED)


def test_a_policy_that_is_asked_about_every_state_spends_what_its_tables_do(small: Regime) -> None:
    chain = make_chain(small)
    rule = policy_of(chain, Due(serve_after=2, learn_after=4, window=1, look_after=2))
    work = np.eye(len(chain.works))[rule.work]
    after = np.stack([w.after for w in chain.works], axis=1)
    found = play(chain, lambda _: Decided(work, np.eye(len(chain.sleeps))[rule.sleep[after]]))
    exact = averages_of(chain, rule)
    assert found.joules == pytest.approx(exact.joules * small.slots_a_day)
    assert found.over_limit == pytest.approx(exact.costs / chain.limits)
    assert found.wakes == pytest.approx(exact.wakes * small.slots_a_day)


def test_a_network_s_draws_are_masked_and_no_draw_beats_the_bound(small: Regime) -> None:
    chain = make_chain(small)
    prices = np.array([5.0, 3.0])
    bound = plan(chain, prices).lower
    random = np.random.default_rng(3)

    def decide(observed: NDArray[np.float32]) -> Decided:
        assert observed.shape == (chain.states, len(TABLE))
        n = len(observed)
        return Decided(random.random((n, len(chain.works))), random.random((n, len(chain.sleeps))))

    found = play(chain, decide)
    priced = found.joules / small.slots_a_day + prices @ (found.over_limit * chain.limits)
    assert priced >= bound
    values = observe(chain)
    assert values[chain.queue == 1, COLUMN["queue_age_s"]] == pytest.approx(small.slot_s)
    assert np.isnan(values[:, COLUMN["battery_soc"]]).all()
    with pytest.raises(ConfigError, match="works must be"):
        play(chain, lambda _: Decided(np.ones((2, 2)), np.ones((2, 2))))
