"""One update: what it reports, and what it centres on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pytest

from circadia_lab.policy.cmoppo.update import _entropy, _likeness, trainer_of
from circadia_lab.policy.env.interface import OBJECTIVES, Outcome

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config

pytestmark = pytest.mark.usefixtures("quick")
BATCH = 168


class Apart:
    """A chain on devices of two kinds, of which the second earns 10 more at every tick."""

    def __init__(self, inner: Any) -> None:
        self.name, self.batch, self.limits = "apart", inner.batch, inner.limits
        self.kinds = np.arange(inner.batch) // (inner.batch // 2)
        self.initial, self.see, self.promise = inner.initial, inner.see, inner.promise
        self._inner = inner

    def step(self, state: Any, action: Any, key: Any) -> Any:
        after, outcome = self._inner.step(state, action, key)
        return after, Outcome(outcome.reward + 10.0 * self.kinds[:, None], outcome.cost, outcome.weight)


def updated(environment: Any, config: Config) -> tuple[Any, Any]:
    trainer = trainer_of(environment, config)
    learner, figures = jax.jit(trainer.update)(trainer.initial(jax.random.PRNGKey(0)))
    return learner, figures


@pytest.mark.slow
def test_each_kind_of_device_is_centred_on_its_own_averages(chain: Any, tiny: Config) -> None:
    learner, _ = updated(Apart(chain(BATCH)), tiny)
    plain, richer = np.asarray(learner.centre)[:, :, : len(OBJECTIVES)]
    # ticks are one or two periods long
    assert (richer - plain).min() > 3
    assert (richer - plain).max() < 12


class Dear(Apart):
    """The second kind's costs are ten times as high."""

    def step(self, state: Any, action: Any, key: Any) -> Any:
        after, outcome = self._inner.step(state, action, key)
        return after, outcome._replace(cost=outcome.cost * (1 + 9.0 * self.kinds[:, None]))


@pytest.mark.slow
def test_each_kind_of_device_is_held_to_the_limits_for_itself(chain: Any, tiny: Config) -> None:
    learner, figures = updated(Dear(chain(BATCH)), tiny)
    cheap, dear = np.asarray(learner.multipliers.violation)
    assert cheap.shape == dear.shape == (21, 3)
    assert dear.mean() > 3 * cheap.mean()
    told = np.asarray(figures.gains)[:, len(OBJECTIVES) :]
    for_all, _ = updated(Dear(chain(BATCH)), replace(tiny, by_kind=False))
    assert for_all.multipliers.violation.shape == (1, 21, 3)
    both = (cheap + dear) / 2
    assert np.asarray(for_all.multipliers.violation)[0].mean() == pytest.approx(both.mean(), rel=0.1)
    # the first update is steered to `target_first`; of the smoothed violation a share counts
    worst = np.maximum(cheap, dear) / (1 - tiny.smoothing) + tiny.target_first
    assert told == pytest.approx(worst, rel=1e-3)


@pytest.mark.slow
def test_what_is_promised_is_no_part_of_what_is_reported(chain: Any, tiny: Config) -> None:
    """Rewards lie between −1 and 1 a tick, promises far beyond."""
    environment = chain(BATCH)
    environment.potential = environment.potential * 1000
    learner, figures = updated(environment, tiny)
    assert np.abs(np.asarray(figures.gains)[:, : len(OBJECTIVES)]).max() < 1
    assert np.abs(np.asarray(learner.centre)).max() > 10


def test_entropy_relative_to_a_rule_is_the_divergence_from_it() -> None:
    random = np.random.default_rng(0)
    mask = random.random((50, 7)) < 0.6
    mask[:, 0] = True
    prior, scores = (np.where(mask, random.normal(0, 2, (50, 7)), -1e9) for _ in range(2))
    log_p, log_rule = (np.asarray(jax.nn.log_softmax(x)) for x in (scores, prior))
    divergence = np.where(mask, np.exp(log_p) * (log_p - log_rule), 0).sum(-1).mean()
    norm = np.asarray(jax.nn.logsumexp(prior, axis=-1)).mean()
    relative = float(_entropy(log_p, mask) + _likeness(log_p, mask, prior))
    assert relative == pytest.approx(norm - divergence, rel=1e-4)
    assert _likeness(log_p, mask, None) == 0
