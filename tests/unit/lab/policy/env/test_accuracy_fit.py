"""The estimate of the accuracy model, on tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.env.accuracy_estimate import (
    ALL,
    FIXED_SCALE,
    STEADY,
    Fit,
    Parameters,
    Table,
    estimate,
    fit,
    habit_effects,
    judge,
)
from circadia_lab.policy.env.accuracy_fit import collect, document
from circadia_lab.policy.env.federated_run import FIELDS

pytestmark = pytest.mark.slow

UNSENT_SCALE = FIXED_SCALE["unsent_examples"]
TRUTH = Parameters(
    ALL, 0.93, np.array([0.1, 0.15, 0.4, 0.03]), np.array([20_000.0, 40_000.0, 400.0, UNSENT_SCALE])
)
RUNS, LOOKS = 150, 40


def planted(seed: int, praise: float = 0.0) -> Table:
    """Fleets that follow `TRUTH`, publications apart; `praise`: how far a hidden diligence lifts accuracy.

    The diligent have more unsent examples, too: what misleads a plain regression.
    """
    random = np.random.default_rng(seed)
    logs = random.uniform(np.log(1800), np.log(100_000), (RUNS, 3))
    large_share = random.random((RUNS, 1))
    habits = np.hstack([logs, large_share])
    train_s, push_s, pull_s = np.exp(logs).T[..., None]
    days = np.linspace(0, 4, LOOKS)
    rows_a_day = (64 + 448 * large_share) * 86_400 / train_s
    diligence = random.normal(size=(RUNS, 1))
    x = np.zeros((RUNS, LOOKS, len(FIELDS)))
    x[..., FIELDS.index("newest_age_s")] = 600.0
    x[..., FIELDS.index("model_age_s")] = 600.0 + random.random((RUNS, LOOKS)) * pull_s
    x[..., FIELDS.index("fresh_age_s")] = random.random((RUNS, LOOKS)) * train_s
    x[..., FIELDS.index("unsent_examples")] = random.random((RUNS, LOOKS)) * push_s / 50 * np.exp(diligence)
    x[..., FIELDS.index("practice")] = 2 * rows_a_day * (1 - np.exp(-days / 2))
    table = Table(habits, x, np.zeros((RUNS, LOOKS)))
    noise = random.normal(0, 0.1, (RUNS, LOOKS)) + praise * diligence
    return table._replace(accuracy=TRUTH.predict(table) + noise)


def test_the_truth_is_found() -> None:
    found = estimate(planted(0))
    assert found.best == pytest.approx(TRUTH.best, abs=0.02)
    assert found.losses == pytest.approx(TRUTH.losses, abs=0.02)
    assert found.scales == pytest.approx(TRUTH.scales, rel=0.4)


def test_without_practice_the_age_of_fresh_data_stands_for_it() -> None:
    steady = estimate(planted(0).after(LOOKS // 4), STEADY)
    assert steady.names == STEADY
    assert steady.losses[1] > TRUTH.losses[1] + 0.02


def test_diligence_does_not_hide_what_unsent_examples_cost() -> None:
    losses = np.array([estimate(planted(seed, praise=0.03)).losses for seed in range(4)])
    assert losses.mean(0) == pytest.approx(TRUTH.losses, abs=0.025)


@pytest.fixture(scope="module")
def found() -> Fit:
    return fit(planted(1), np.random.default_rng(0))


def test_a_fit_judges_itself_on_runs_that_it_did_not_see(found: Fit) -> None:
    assert found.held_out.runs == RUNS // 3
    assert found.held_out.run_r2 > 0.9
    assert found.held_out.single_rmse == pytest.approx(0.1, abs=0.01)
    assert abs(found.held_out.bias) < 0.01
    assert (found.errors.losses > 0).all()
    assert found.errors.losses.max() < 0.05
    assert found.errors.scales[-1] == 0
    predicted = np.array(found.held_out.deciles)[:, 0]
    assert (np.diff(predicted) > 0).all()


def test_a_model_that_predicts_the_opposite_is_judged_so() -> None:
    table = planted(2)
    wrong = TRUTH._replace(losses=-TRUTH.losses)
    found = judge(wrong, table)
    assert found.run_r2 < 0
    assert found.slope < 0
    assert found.bias > 0.1


def test_long_intervals_of_a_planted_fleet_cost_accuracy_and_large_trainings_lift_it() -> None:
    slopes, errors = habit_effects(planted(3))
    train, _, pull, large = slopes / errors
    assert train < -3
    assert pull < -3
    assert large > 3


def test_the_document_holds_what_the_loader_wants(found: Fit) -> None:
    data = document(found, {"seed": 4})
    assert [row["field"] for row in data["effects"]] == list(ALL)
    assert data["effects"][-1]["scale"] == {"value": UNSENT_SCALE, "error": None}
    assert [row["missed"] for row in data["effects"]] == [False, False, True, False]
    assert data["fitted"]
    assert found.parameters.model().effects[1].loss == found.parameters.losses[1]


@pytest.mark.parametrize(("seed", "runs"), [(-1, 6), (0, 5)])
def test_too_little_to_fit_is_refused(seed: int, runs: int) -> None:
    with pytest.raises(ConfigError, match="accuracy fit"):
        collect(seed, runs, 2, lambda: None)
