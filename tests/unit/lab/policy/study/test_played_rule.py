"""The rule among policies of wakes, and the file of format 2 that comes of a network with two heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.actions import NAMES
from circadia.due import DUE
from circadia.observation import INPUT_SCALE, encode
from circadia.policy.due_rule import DueRule, DueSettings
from circadia.policy.patience import PatienceLaw
from circadia.policy.sampling import probabilities
from circadia.policy.sleeps import SLEEPS
from circadia_lab.policy.cmoppo.actor import actor_of
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.interface import Seen
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.env.wakes import WakeEnvironment
from circadia_lab.policy.files.int8_network import float_scores, int8_scores
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_file import quantise_heads, read_heads
from circadia_lab.policy.study.export import LOWEST_SCORE, drawing, write
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
    actor = actor_of(Config(actor_width=16), len(NAMES), SLEEPS.count)
    parameters = actor.parameters(jax.random.PRNGKey(3))
    parameters = (
        tuple(layer._replace(w=layer.w * (1 if i < 2 else 60)) for i, layer in enumerate(parameters[0])),
    )
    layers = actor.layers(parameters)
    rows = sample_observations(2_000, np.random.default_rng(0))
    encoded = encode(rows)
    met = encoded * np.float32(INPUT_SCALE)
    found = quantise_heads(layers["actor"], layers["sleep"], met, lowest_score=LOWEST_SCORE)
    artifact = write(tmp_path / "p.tflite", found[0], observations=rows[:30], made={}, sleeps=found[1])
    work, sleep = read_heads(artifact.model)
    assert artifact.manifest.sleeps is not None
    assert artifact.manifest.sleeps.options == SLEEPS
    assert [len(head[-1].weights) for head in (work, sleep)] == [len(NAMES), SLEEPS.count]
    assert work[-1].output_scale != sleep[-1].output_scale
    masks = np.ones((len(rows), len(NAMES)), bool), np.ones((len(rows), SLEEPS.count), bool)
    floats = drawing(layers["actor"], layers["sleep"], float_scores, np)(Seen(encoded, *masks))
    small = drawing(*found, int8_scores, np)(Seen(encoded, *masks))
    for one, other, mask in zip(floats, small, masks, strict=True):
        apart = np.abs(probabilities(one, mask) - probabilities(other, mask)).sum(-1).mean() / 2
        assert 0 < apart < 0.1
