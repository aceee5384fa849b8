"""A policy from before idle actions were masked draws what it drew: what it spent on them, it sleeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from circadia.actions import CATALOGUE, FACTS, INDEX, NAMES
from circadia.idle import STOCK, idle
from circadia.observation import COLUMN, Selection, encode
from circadia.policy.artifact import load_policy
from circadia.policy.folding import folding_of
from circadia.policy.network import NetworkPolicy
from circadia.policy.sampling import probabilities
from circadia_lab.policy.evaluation.scorers import of_file
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_export import export_policy
from circadia_lab.policy.files.policy_file import read_layers

Vector = NDArray[np.float32]
OLD = Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "policy.tflite"
"""Of format 1, trained before idle actions were masked."""
ROWS = sample_observations(200, np.random.default_rng(3))
EVERYTHING = np.ones(len(CATALOGUE), bool)
masks = st.lists(st.booleans(), min_size=len(CATALOGUE), max_size=len(CATALOGUE)).map(np.array)
stocks = st.lists(st.sampled_from([0.0, 2.0, float("nan")]), min_size=len(STOCK), max_size=len(STOCK))


def amounts_to(name: str, x: Vector) -> str:
    """By the words of the name."""
    *_, sync = name.split("/")
    nothing_to_send = bool(x[COLUMN["unsent_examples"]] + x[COLUMN["spooled_updates"]] <= 0)
    if sync == "sync-int8":
        return "sleep/sync-pull" if nothing_to_send else "sleep/sync-int8"
    return "sleep/sync-pull" if sync == "sync-pull" else "sleep"


@given(stocks, st.integers(0, 2**32 - 1))
def test_the_weight_of_each_idle_action_goes_to_the_sleep_that_it_amounts_to(
    stock: list[float], seed: int
) -> None:
    x, scores = np.ones(len(COLUMN), np.float32), np.random.default_rng(seed).normal(0, 5, len(CATALOGUE))
    x[STOCK] = stock
    idles = idle(x, FACTS)
    expected = np.where(idles, 0.0, probabilities(scores, EVERYTHING))
    for i in np.flatnonzero(idles):
        expected[INDEX[amounts_to(NAMES[i], x)]] += probabilities(scores, EVERYTHING)[i]
    folded = folding_of(FACTS, EVERYTHING).folded(scores[None], x[None])[0]
    assert probabilities(folded, ~idles) == pytest.approx(expected, abs=1e-12)


@given(stocks, masks)
def test_nothing_is_gathered_where_nothing_may_be_drawn(
    stock: list[float], offered: NDArray[np.bool_]
) -> None:
    x = np.ones(len(COLUMN), np.float32)
    x[STOCK] = stock
    folding = folding_of(FACTS, offered)
    scores = np.where(offered, 0.0, -np.inf)
    folded = folding.folded(scores[None], x[None])[0]
    np.testing.assert_array_equal(folded > -np.inf, offered)
    for target, members in folding.at(x):
        assert members[0] == target
        assert not idle(x, FACTS)[target]
        assert idle(x, FACTS)[members[1:]].all()
        assert offered[members].all()


def exported(folder: Path, **made: str) -> Path:
    path = folder / "mine.tflite"
    layers = read_layers(OLD.read_bytes())
    manifest = load_policy(OLD).manifest
    export_policy(
        path,
        layers,
        observations=Selection(manifest.table)(ROWS),
        made={"generator": "test", **made},
        actions=manifest.actions,
        table=manifest.table,
    )
    return path


def test_an_old_file_is_drawn_from_as_it_was_trained() -> None:
    """On the device one by one, in the lab all at once."""
    assert not load_policy(OLD).manifest.idle_masked
    policy = NetworkPolicy(load_policy(OLD))
    one_by_one = np.array([policy.scores(x) for x in ROWS])
    rows, useful = ROWS[None], ~idle(ROWS, FACTS)
    at_once = of_file(OLD)(rows, encode(rows), useful[None])[0]
    np.testing.assert_allclose(
        np.where(useful, one_by_one, 0), np.where(useful, at_once, 0), rtol=1e-5, atol=1e-5
    )


def test_a_file_that_says_that_it_was_trained_masked_is_taken_at_its_word(tmp_path: Path) -> None:
    before, after = (
        NetworkPolicy(load_policy(exported(tmp_path, **made))) for made in ({}, {"idle": "masked"})
    )
    x = ROWS[0].copy()
    x[STOCK] = 0.0
    bare, gathered = after.scores(x), before.scores(x)
    places = [INDEX["sleep"], INDEX["sleep/sync-pull"]]
    assert (gathered[places] > bare[places]).all()
    others = np.setdiff1d(np.arange(len(CATALOGUE)), places)
    np.testing.assert_array_equal(bare[others], gathered[others])
    x[STOCK] = 1.0
    np.testing.assert_array_equal(after.scores(x), before.scores(x))
