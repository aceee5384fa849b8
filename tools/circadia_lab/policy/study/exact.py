"""Trainings in exact chains: what each reached against the certified optimum and against the searched rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from circadia_lab.policy.cmoppo.train import train
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.worlds.report import day_night_lead, harvest_lead
from circadia_lab.policy.study.chains import ChainEnvironment, WorldEnvironment, play_in_chain, play_in_world
from circadia_lab.policy.study.export import drawing, rounded
from circadia_lab.policy.study.ground import wake_config
from circadia_lab.policy.study.taught import taught_by
from circadia_lab.policy.study.teacher import RuleTeacher

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import WakeEnvironment
    from circadia_lab.policy.regimes.regime import Regime
    from circadia_lab.policy.regimes.worlds.daynight import DayNight
    from circadia_lab.policy.regimes.worlds.harvest import Harvest
    from circadia_lab.policy.regimes.worlds.report import Lead

    Told = Callable[[str, float], None]

BATCH = 504


def exact_config(steps: int) -> Config:
    """A slot is the unit of time here; what a work leads to is known at once, so that many tries tell much."""
    return replace(
        wake_config(),
        steps=steps,
        extension_share=0.0,
        free_share=0.0,
        least_energy=0.0,
        critic_width=64,
        actor_rate=2e-3,
        multiplier_rate=0.02,
        multiplier_rate_last=0.5,
        proportional=5.0,
        target=0.93,
    )


def in_regime(regime: Regime, *, steps: int, seed: int, tell: Told) -> dict[str, Any]:
    """One training in a regime, in 8 bits: joules over the optimum's, limits, and what its teacher brings."""
    chain = make_chain(regime)
    least = optimum(chain)
    environment = ChainEnvironment(chain, BATCH)
    ours, taught = _trained(environment, steps, seed, tell)
    found, before = play_in_chain(chain, ours), play_in_chain(chain, taught)
    return {
        "name": regime.name,
        "optimum_j": least.joules,
        "policy_j": found.joules,
        "over_optimum": found.joules / least.joules - 1,
        "worst_cost_over_limit": float(found.over_limit.max()),
        "taught_over_optimum": before.joules / least.joules - 1,
        "taught_worst_cost_over_limit": float(before.over_limit.max()),
        "steps": steps,
    }


def in_harvest(given: Harvest, *, steps: int, seed: int, tell: Told) -> dict[str, Any]:
    """Where the sun limits what can be done."""
    tell(f"{given.name}: optimum and rule", 0.0)
    return _in_world(harvest_lead(given), steps, seed, tell)


def in_day_night(given: DayNight, *, steps: int, seed: int, tell: Told) -> dict[str, Any]:
    """Where requests come by day."""
    tell(f"{given.name}: optimum and rule", 0.0)
    return _in_world(day_night_lead(given), steps, seed, tell)


def _in_world(lead: Lead, steps: int, seed: int, tell: Told) -> dict[str, Any]:
    environment = WorldEnvironment(lead.world, BATCH)
    ours, taught = _trained(environment, steps, seed, tell)
    found, before = play_in_world(lead.world, ours), play_in_world(lead.world, taught)
    due = lead.due.played.cost
    return {
        "name": lead.world.name,
        "optimum": lead.best.upper,
        "due": due,
        "policy": found.cost,
        "over_due": 1 - found.cost / due,
        "optimum_over_due": lead.over_due[0],
        "share_of_lead": (1 - found.cost / due) / max(lead.over_due[0], 1e-9),
        "taught": before.cost,
        "steps": steps,
    }


def _trained(
    environment: ChainEnvironment | WorldEnvironment, steps: int, seed: int, tell: Told
) -> tuple[DrawFrom, DrawFrom]:
    """The trained network and the one that it started from, both in 8 bits."""
    config, name = exact_config(steps), environment.name
    taught = taught_by(
        RuleTeacher(), environment, config, seed=seed, progress=lambda share: tell(f"{name}: taught", share)
    )
    found = train(
        environment,
        config,
        seed,
        taught=taught,
        on_progress=lambda now: tell(f"{name}: trained", now.steps / now.of),
    )
    ours, before = (
        _in_8_bits(environment, config, parameters, seed)
        for parameters in (found.parameters, taught.parameters)
    )
    return ours, before


def _in_8_bits(environment: WakeEnvironment, config: Config, parameters: Any, seed: int) -> DrawFrom:
    from circadia_lab.policy.cmoppo.actor import actor_like

    layers = actor_like(config, parameters).layers(parameters)
    found = rounded(layers["actor"], environment, seed, layers["sleep"])
    return drawing(found.layers, found.sleep_layers, int8_scores, jnp)
