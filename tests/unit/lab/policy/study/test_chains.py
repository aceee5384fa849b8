"""Exact chains as environments: what a policy brings there is what it brings when it is played exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.due import DUE
from circadia.policy.due_rule import DueRule, DueSettings
from circadia.policy.sleeps import SLEEPS
from circadia.types import WakeOn
from circadia_lab.policy.cmoppo.actor import actor_of
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.rollout import chosen
from circadia_lab.policy.files.policy_file import read_heads
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.shipped import regime_named
from circadia_lab.policy.regimes.worlds.daynight import DayNight, day_night_world
from circadia_lab.policy.study.chains import (
    ChainEnvironment,
    WorldEnvironment,
    play_in_chain,
    play_in_world,
)
from circadia_lab.policy.study.export import export
from circadia_lab.policy.study.teacher import RuleTeacher

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
BATCH, WAKES = 256, 400


def some(encoded: Any, mask: Any, sleeps: Any) -> Any:
    """Anything, but rather long sleeps that nothing ends, in a way that hangs on what is seen."""
    longer = jnp.arange(sleeps.shape[-1]) % SLEEPS.group * 0.1
    tilt = 0.01 * encoded[:, :1].astype(jnp.float32)
    return jnp.where(mask, tilt, -jnp.inf), jnp.where(sleeps, longer, -jnp.inf)


def sampled(environment: Any) -> Any:
    """(objectives + costs,) averages a slot."""

    def wake(state: Any, key: Any) -> Any:
        acting, chance = jax.random.split(key)
        seen = environment.see(state, None)
        state, outcome = environment.step(state, chosen(seen, some, acting), chance)
        return state, (jnp.concatenate([outcome.reward, outcome.cost], -1).mean(0), outcome.weight.mean())

    @jax.jit
    def run(key: Any) -> Any:
        start, *keys = jax.random.split(key, WAKES + 1)
        return jax.lax.scan(wake, environment.initial(start), jnp.stack(keys))[1]

    gains, weight = run(jax.random.PRNGKey(0))
    return np.asarray(gains)[100:].sum(0) / np.asarray(weight)[100:].sum()


@pytest.mark.parametrize("name", ["board", "lte"])
def test_a_regime_s_environment_brings_what_the_exact_play_says(name: str) -> None:
    chain = make_chain(regime_named(name))
    exact = play_in_chain(chain, some)
    environment = ChainEnvironment(chain, BATCH)
    found = sampled(environment)
    whole = max(float(work.joules.max()) for work in chain.works)
    assert -found[0] * whole * chain.regime.slots_a_day == pytest.approx(exact.joules, rel=0.03)
    costs = found[3 : 3 + len(chain.limits)] / chain.limits
    assert costs == pytest.approx(exact.over_limit, rel=0.05, abs=0.02)


def test_a_world_s_environment_brings_what_the_exact_play_says() -> None:
    world = day_night_world(DayNight(by_day=60.0, by_night=6.0))
    exact = play_in_world(world, some)
    costs = np.einsum("m,hwmn->hwn", world.weights, world.counted)
    found = sampled(WorldEnvironment(world, BATCH))
    assert -found[0] * costs.max() * world.slots == pytest.approx(exact.cost, rel=0.03)


def test_the_rule_that_teaches_sleeps_until_something_is_due_and_does_what_is_admitted() -> None:
    environment = ChainEnvironment(make_chain(regime_named("board")), BATCH)
    seen = environment.see(environment.initial(jax.random.PRNGKey(0)), None)
    lesson = RuleTeacher(DueRule(DueSettings(limits=DUE)))(seen)
    work, sleep = (np.asarray(part) for part in lesson)
    assert (work.sum(-1) == 1).all()
    assert (sleep.sum(-1) == 1).all()
    assert not work[~np.asarray(seen.mask)].any()
    kinds = sleep.argmax(-1) // SLEEPS.group
    assert (kinds == SLEEPS.wake_on.index(WakeOn.DUE)).all()
    assert (sleep.argmax(-1) % SLEEPS.group == SLEEPS.bins).mean() > 0.9


def test_a_network_of_two_heads_becomes_a_file_of_format_2_that_draws_alike(tmp_path: Path) -> None:
    environment = ChainEnvironment(make_chain(regime_named("board")), 42)
    actor = actor_of(Config(actor_width=16), environment.actions, environment.options)
    parameters = actor.parameters(jax.random.PRNGKey(3))
    parameters = (
        tuple(layer._replace(w=layer.w * (1 if i < 2 else 60)) for i, layer in enumerate(parameters[0])),
    )
    layers = actor.layers(parameters)
    found = export(
        layers["actor"], environment, tmp_path / "p.tflite", made={}, ticks=20, sleeps=layers["sleep"]
    )
    work, sleep = read_heads(found.artifact.model)
    assert found.artifact.manifest.sleeps is not None
    assert found.artifact.manifest.sleeps.options == SLEEPS
    assert [len(head[-1].weights) for head in (work, sleep)] == [environment.actions, environment.options]
    assert work[-1].output_scale != sleep[-1].output_scale
    assert 0 < found.fidelity.total_variation < 0.1
    assert abs(found.fidelity.int8_loss) < 0.05
