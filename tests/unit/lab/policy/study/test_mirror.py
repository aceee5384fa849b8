"""What a policy is judged by while it learns in an exact world is what playing it there exactly says; and it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.due import DueLimits
from circadia.types import WakeOn
from circadia_lab.policy.regimes import playing
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.planning import Policy, averages_of, plan
from circadia_lab.policy.regimes.shipped import regime_named
from circadia_lab.policy.regimes.worlds.best import best
from circadia_lab.policy.regimes.worlds.daynight import DayNight, day_night_world
from circadia_lab.policy.regimes.worlds.play import Tables as Played
from circadia_lab.policy.regimes.worlds.play import play_tables
from circadia_lab.policy.study.exact_chain import ExactChain
from circadia_lab.policy.study.exact_world import ExactWorld
from circadia_lab.policy.study.mirror import Course, Tables, learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.worlds.world import World

pytestmark = pytest.mark.slow
COARSE = replace(regime_named("board"), slot_s=1800.0)
LIMITS = DueLimits(fresh_limit_s=4 * 3600, contact_limit_s=4 * 3600, margin_s=0.0, margin_share=0.0)


@pytest.fixture(scope="module")
def world() -> World:
    return day_night_world(DayNight(by_day=60.0, by_night=6.0))


def drawn(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Chances with a few that matter."""
    found = random.random(shape) ** 8
    return np.asarray(found / found.sum(-1, keepdims=True))


@pytest.mark.parametrize("name", ["board", "board-woken"])
def test_a_policy_of_a_regime_is_judged_as_it_is_played(name: str) -> None:
    chain = make_chain(regime_named(name))
    exact = ExactChain(chain, LIMITS)
    policy = plan(chain, np.array([200.0, 20.0])).policy
    tables, time = exact.tables(np.ones(1), [policy])
    known = averages_of(chain, policy)
    judged = exact.judge(tables, np.zeros(2))
    assert judged.cost == pytest.approx(known.joules * chain.regime.slots_a_day, rel=1e-6)
    assert judged.over_limit * chain.limits == pytest.approx(known.costs, rel=1e-5, abs=1e-9)
    assert exact.exactly(tables)[0] == pytest.approx(judged.cost, rel=1e-6)
    assert time.sum() == pytest.approx(1)


def test_a_policy_that_draws_is_played_by_slots_as_the_regime_s_own_play_has_it() -> None:
    chain = make_chain(COARSE)
    exact = ExactChain(chain, LIMITS)
    assert exact.sleep_options.wake_on == (WakeOn.DUE,)
    random = np.random.default_rng(0)
    work = drawn((chain.states, 4), random) * exact.admitted
    sleep = drawn((chain.states, exact.options), random)
    sleep[:, exact.sleep_options.bins] = 0  # as long as it takes: lengths of slots alone
    sleep /= sleep.sum(-1, keepdims=True)
    tables = Tables(work / work.sum(-1, keepdims=True), sleep)
    joules, over = exact.exactly(tables)
    plain = np.zeros((chain.states, len(chain.works), len(chain.sleeps)))
    for i in range(len(chain.works)):
        for option in range(exact.sleep_options.bins):
            plain[np.arange(chain.states), i, exact._place[:, i, option]] += sleep[:, option]
    found = playing.play(chain, lambda _: playing.Decided(tables.work, plain))
    assert joules == pytest.approx(found.joules, rel=1e-5)
    assert over == pytest.approx(found.over_limit, rel=1e-5)


def test_a_policy_of_a_world_is_judged_as_it_is_played(world: World) -> None:
    exact = ExactWorld(world, LIMITS)
    random = np.random.default_rng(1)
    optimum = best(world)
    tables = optimum.tables()
    assert tables.sleep is not None
    mixed = Played(
        0.7 * tables.work + 0.3 * np.moveaxis(drawn((*tables.work.shape[::2], 4), random), -1, 1),
        tables.sleep,
    )
    for policy in (tables, mixed):
        known = play_tables(world, policy)
        exactly = exact.tables(policy)[0]
        if policy is tables:
            assert exact.exactly(exactly) == pytest.approx(known.cost, rel=1e-5)
            assert known.cost == pytest.approx(optimum.upper, rel=2e-3)
        else:
            assert exact.exactly(exactly) > optimum.lower


def test_nothing_is_worth_more_than_what_the_optimum_does(world: World) -> None:
    exact = ExactWorld(world, LIMITS)
    tables, visits = exact.tables(best(world, 1e-5).tables())
    for _ in range(3):
        judged = exact.judge(tables, np.zeros(0))
    own = (judged.work * tables.work).sum(-1)
    least = np.where(exact.admitted, judged.work, np.inf).min(-1)
    assert (visits * (own - least)).sum() < 1e-3 * judged.wake_cost


def test_a_network_learns_to_spend_less_than_whom_it_started_from_and_keeps_the_limits() -> None:
    chain = make_chain(COARSE)
    exact = ExactChain(chain, LIMITS)
    always = Policy(np.full(chain.states, len(chain.works) - 1), chain.admitted.argmax(axis=0))
    teacher, time = exact.tables(np.ones(1), [always])
    course = Course(lessons=60, rounds=16, steps=20, rows=300, width=16, pull=4.0)
    found = learn(exact, teacher, time, np.array([0.02, 0.02]), seed=0, course=course)
    joules, over = exact.exactly(found.tables)
    assert joules < 0.7 * found.taught.cost
    assert over.max() < 1
    assert joules > optimum(chain).lower
