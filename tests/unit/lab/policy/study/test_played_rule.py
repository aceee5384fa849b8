"""The rule that a policy of wakes learns from, and the file of format 2 that comes of a network with two heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.due import DUE
from circadia.policy.due_rule import DueRule, DueSettings
from circadia.policy.patience import PatienceLaw
from circadia.policy.sleeps import SLEEPS
from circadia_lab.policy.cmoppo.actor import actor_of
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.env.wakes import WakeEnvironment
from circadia_lab.policy.files.policy_file import read_heads
from circadia_lab.policy.study.export import export
from circadia_lab.policy.study.played_rule import PlayedRule

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]


def test_the_rule_sleeps_until_something_is_due_and_does_what_is_admitted() -> None:
    environment = WakeEnvironment(find_problem("wake-board"), 256)
    even = jnp.full((256, 3), 1 / 3)
    state = environment.initial(jax.random.PRNGKey(0))
    seen = environment.see(state, even)
    values = environment.fleet.look(state, even.reshape(*environment.fleet.shape, -1)).reshape(256, -1)
    law = PatienceLaw(usual_j=0.0)
    found = PlayedRule(DueRule(DueSettings(limits=DUE, patience=law))).choice(values, seen)
    rows = np.arange(256)
    assert np.asarray(seen.mask)[rows, found.work].all()
    assert np.asarray(seen.sleeps)[rows, found.sleep].all()
    assert (np.asarray(found.sleep) % SLEEPS.group == SLEEPS.bins).mean() > 0.9


def test_a_network_of_two_heads_becomes_a_file_of_format_2_that_draws_alike(tmp_path: Path) -> None:
    environment = WakeEnvironment(find_problem("wake-board"), 42)
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
