"""The accuracy model: what it promises of its shape, and which files it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.physics.state import State
from circadia_lab.policy.env.accuracy import SHIPPED, AccuracyModel, Effect, load_accuracy, shipped_accuracy

if TYPE_CHECKING:
    from pathlib import Path

MODEL = AccuracyModel(
    best=0.9,
    effects=(
        Effect(field="model_age_s", loss=0.3, scale=3600.0),
        Effect(field="unsent_examples", loss=0.1, scale=100.0),
    ),
)


def state(**fields: Any) -> State:
    """Everything fresh but these fields."""
    return State(**(dict.fromkeys(State._fields, np.zeros(())) | fields))


def test_everything_fresh_is_best() -> None:
    assert MODEL.accuracy(state()) == pytest.approx(0.9)
    assert MODEL.freshness(state()) == pytest.approx(1.0)


def test_nothing_fresh_is_worst() -> None:
    old = state(model_age_s=np.array(1e9), unsent_examples=np.array(1e9))
    assert MODEL.accuracy(old) == pytest.approx(0.5)
    assert MODEL.freshness(old) == pytest.approx(0.0)


def test_the_scale_is_where_63_percent_are_lost() -> None:
    assert MODEL.accuracy(state(model_age_s=np.array(3600.0))) == pytest.approx(0.9 - 0.3 * (1 - np.exp(-1)))


def test_what_is_missing_costs_most_at_0() -> None:
    practised = AccuracyModel(
        best=0.9, effects=(Effect(field="practice", loss=0.4, scale=300.0, missed=True),)
    )
    accuracy = practised.accuracy(state(practice=np.array([0.0, 300.0, 1e15])))
    assert accuracy == pytest.approx([0.5, 0.9 - 0.4 / np.sqrt(2), 0.9])


@pytest.mark.parametrize("effect", shipped_accuracy().effects)
def test_the_shipped_model_falls_with_each_field(effect: Effect) -> None:
    x = np.linspace(0, 5 * effect.scale, 50)
    accuracy = shipped_accuracy().accuracy(state(**{effect.field: x}))
    assert (np.diff(accuracy) * (1 if effect.missed else -1) > 0).all()
    assert ((accuracy > 0) & (accuracy <= 1)).all()


def test_the_shipped_model_is_a_fit() -> None:
    data = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert data["fitted"]
    assert data["held_out"]["run_r2"] > 0.6


def test_numpy_and_jax_compute_the_same() -> None:
    import jax
    import jax.numpy as jnp

    model, random = shipped_accuracy(), np.random.default_rng(0)
    rows = state(**{e.field: random.exponential(e.scale, (4, 8)) for e in model.effects})
    for function in (model.accuracy, model.freshness):
        compiled = jax.jit(lambda s, f=function: f(s, jnp))
        np.testing.assert_allclose(compiled(rows), function(rows), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"field": "label"}, "not a field of State"),
        ({"loss": -0.1}, "loss -0.1"),
        ({"loss": float("nan")}, "loss nan"),
        ({"scale": 0.0}, "scale 0"),
        ({"scale": float("inf")}, "scale inf"),
    ],
)
def test_an_effect_checks_itself(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        replace(MODEL.effects[0], **changes)


@pytest.mark.parametrize(
    ("best", "fields", "wrong"),
    [
        (1.1, ("model_age_s",), "≤ 1"),
        (0.2, ("model_age_s",), "sum ≤ best"),
        (0.9, (), "0 < sum"),
        (0.9, ("model_age_s", "model_age_s"), "two effects"),
    ],
)
def test_a_model_checks_itself(best: float, fields: tuple[str, ...], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        AccuracyModel(best=best, effects=tuple(Effect(field=f, loss=0.3, scale=1.0) for f in fields))


GOOD: dict[str, Any] = json.loads(SHIPPED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "cannot be read"),
        ("[]", "not a file of format"),
        ('{"format": "circadia-accuracy/0"}', "not a file of format"),
        (json.dumps(GOOD | {"effects": 3}), "effects must be a list"),
        (json.dumps(GOOD | {"effects": [{}]}), "lacks the name"),
        (json.dumps(GOOD | {"best": 0.9}), "best must be a table"),
        (json.dumps(GOOD | {"best": {"value": "0.9"}}), "best must be a table"),
        (json.dumps(GOOD | {"best": {"value": 7}}), "best is 7"),
        (json.dumps(GOOD | {"effects": [GOOD["effects"][0] | {"field": "colour"}]}), "'colour'"),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=wrong) as caught:
        load_accuracy(path)
    assert "mine.json" in str(caught.value)
    assert "accuracy_fit" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json"):
        load_accuracy(tmp_path / "none.json")
