"""Figures of a policy's days, and putting days together."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia_lab.policy.env.fixed import INDEX
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.histogram import AGE_EDGES_S, LATENCY_EDGES_S, bin_of, quantile
from circadia_lab.policy.evaluation.played import MODES, Played, Sums, joined, merged

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = Callable[..., Played]


def wider(played: Played, change: Any) -> Played:
    """Two copies, the second one changed."""
    second = Sums(**{f.name: change(f.name, getattr(played.sums, f.name)) for f in fields(Sums)})
    return replace(played, sums=merged([played.sums, second], axis=2))


def test_averages_are_ratios_of_sums(made_up: Made) -> None:
    """1 in a unit of time and 3 · 2 in three units: 7 / 4, not (1 + 2) / 2."""
    played = wider(
        made_up([1, 0, 0], [1, 0, 0]), lambda name, x: 6 * x if name in {"reward", "cost"} else 3 * x
    )
    assert played.reward[:, 0] == pytest.approx(7 / 4)
    assert played.cost[:, 0] == pytest.approx(7 / 4)
    assert played.replicate_reward[0, :, 0] == pytest.approx([1, 2])


def test_a_limit_holds_for_each_kind_of_device(made_up: Made) -> None:
    """Twins are one kind; what another kind saves does not make up for it."""
    parts = [made_up([1, 0, 0], [0.01, cost, 0.1]).sums for cost in (0.1, 0.2, 0.5)]
    sums = merged(parts, axis=1)
    played = replace(made_up([1, 0, 0], [0, 0, 0]), sums=sums, devices=("phone", "phone", "board"))
    assert played.kinds == ("phone", "board")
    assert played.kind_cost[0, :, 1] == pytest.approx([0.15, 0.5])
    assert played.cost[0] == pytest.approx([0.01, 0.5, 0.1])
    assert played.kind_excess[0, :, 1] == pytest.approx([0.15 / 0.2 - 1, 0.5 / 0.2 - 1])
    assert played.excess[:, 1] == pytest.approx(1.5)


def test_figures_by_hand(made_up: Made) -> None:
    actions = np.zeros(len(INDEX))
    actions[INDEX["sleep"]], actions[INDEX["serve/low/small"]] = 3, 1
    played = made_up(
        [0.5, 0, 0],
        [0.01, 0.1, 0.4],
        days=2.0,
        agent_j=100.0,
        charges=0.5,
        total_charges=4.0,
        served=20.0,
        expired=5.0,
        latency_s=60.0,
        model_age_s=7200.0,
        ticks=4.0,
        actions=actions,
        crossings=2.0,
    )
    first = {
        "j_per_served": 5,
        "agent_drain": 0.25,
        "battery_life_h": 12,
        "expired_share": 0.2,
        "latency_mean_s": 3,
        "staleness_mean_s": 3600,
        "crossings": 2,
    }
    assert {name: getattr(played, name)[0] for name in first} == pytest.approx(first)
    assert played.excess[0] == pytest.approx([-0.5, -0.5, 1.0])
    assert dict(zip(MODES, played.mode_shares[0], strict=True)) == pytest.approx(
        {"sleep": 0.75, "serve": 0.25, "train": 0}
    )
    model = played.accuracy_model
    assert played.accuracy[0] == pytest.approx(model.best - 0.5 * model.total_loss)


def test_nothing_served_has_no_latency(made_up: Made) -> None:
    played = made_up([0, 0, 0], [0, 0, 0], served=0.0, latencies=0.0, expired=0.0)
    for figure in (played.j_per_served, played.latency_mean_s, played.latency_s(0.5), played.expired_share):
        assert np.isnan(figure).all()


def test_some_preferences_all_of_them_and_one_after_another(made_up: Made) -> None:
    rewards = np.random.default_rng(0).random((21, 3))
    played = made_up(rewards, [0, 0, 0])
    assert played.at(slice(3, 5)).reward == pytest.approx(rewards[3:5])
    back = joined([played.at(slice(0, 4)), played.at(slice(4, 21))])
    assert np.array_equal(back.preferences, ANCHORS)
    assert np.array_equal(back.sums.reward, played.sums.reward)
    once = made_up([1.0, 2.0, 3.0], [0, 0, 0], preferences=ANCHORS[:1]).for_all(ANCHORS)
    assert once.utilities == pytest.approx(ANCHORS @ [1.0, 2.0, 3.0])
    assert once.sums.latencies.shape[0] == 21


@given(st.floats(0, 1e9))
def test_every_value_has_a_bin(x: float) -> None:
    for edges in (LATENCY_EDGES_S, AGE_EDGES_S):
        i = int(bin_of(x, edges))
        assert 0 <= i < len(edges) - 1
        assert edges[i] <= x
        assert x < edges[i + 1] or i == len(edges) - 2


def test_a_quantile_is_right_to_a_bin() -> None:
    values = np.random.default_rng(1).lognormal(3, 1, 20_000)
    counts = np.bincount(bin_of(values, LATENCY_EDGES_S), minlength=len(LATENCY_EDGES_S) - 1)
    for q in (0.05, 0.5, 0.95):
        assert quantile(counts[None] * 1.0, LATENCY_EDGES_S, q)[0] == pytest.approx(
            np.quantile(values, q), rel=0.06
        )
    assert np.isnan(quantile(np.zeros((1, len(LATENCY_EDGES_S) - 1)), LATENCY_EDGES_S, 0.5)).all()
