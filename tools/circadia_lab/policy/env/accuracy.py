"""How accurate the model in service is, by how fresh model and data are: closed form, fitted to real federated runs.

    accuracy = best − Σ_i loss_i · (1 − exp(−x_i / scale_i)) − Σ_j loss_j / √(1 + y_j / scale_j),   loss ≥ 0, scale > 0

x_i cost accuracy as they grow, y_j where they are missing, less and less by the power law of learning curves (Hestness
et al., 2017, "Deep learning scaling is predictable, empirically", arXiv 1712.00409). Each is a field of
`circadia.physics.state.State`. `accuracy_fit` makes the numbers; nothing branches on a value, so NumPy and JAX compute
the same.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.physics.state import State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FORMAT = "circadia-accuracy/1"
SHIPPED = Path(__file__).parent / "data" / "accuracy.json"
STEADY_SHIPPED = SHIPPED.with_name("accuracy_steady.json")
LIVES_SHIPPED = SHIPPED.with_name("accuracy_lives.json")


def share(x: Any, scale: Any, *, missed: bool, xp: Any = np) -> Any:
    """(…,) how much of a loss is lost at x ≥ 0, in [0, 1]: 1 − exp(−x / scale), or 1 / √(1 + x / scale) if `missed`."""
    z = x / scale
    return 1 / xp.sqrt(1 + z) if missed else 1 - xp.exp(-z)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a field of the state costs."""

    field: str
    """Of `State`; 0 or more."""
    loss: float
    """Accuracy lost at the worst end."""
    scale: float
    """In the field's unit: where 63 % of the way from 0 is gone, or 29 % of what is missed is made good."""
    missed: bool = False
    """Whether 0 is the worst end: it costs where it is missing, not where it grows."""

    def __post_init__(self) -> None:
        if self.field not in State._fields:
            raise ConfigError(f"accuracy effect of {self.field!r}: not a field of State")
        if not (math.isfinite(self.loss) and self.loss >= 0):
            raise ConfigError(f"accuracy effect of {self.field}: loss {self.loss:g} must be 0 or more")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ConfigError(f"accuracy effect of {self.field}: scale {self.scale:g} must be positive")

    def lost(self, state: State, xp: Any = np) -> Any:
        """(…,) its `share` of the loss."""
        x = getattr(state, self.field)
        return self.loss * share(x, self.scale, missed=self.missed, xp=xp)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyModel:
    """The fitted parameters. Hashable: a compiled function may take it as a static argument."""

    best: float
    """Everything fresh; in (0, 1]."""
    effects: tuple[Effect, ...]

    def __post_init__(self) -> None:
        if len({effect.field for effect in self.effects}) < len(self.effects):
            raise ConfigError("accuracy model: two effects of one field; leave one out")
        if not 0 < self.total_loss <= self.best <= 1:
            raise ConfigError(
                f"accuracy model: losses sum to {self.total_loss:g} and best is {self.best:g}; "
                "they must be 0 < sum ≤ best ≤ 1"
            )

    @property
    def total_loss(self) -> float:
        """Accuracy lost when nothing is fresh."""
        return sum(effect.loss for effect in self.effects)

    def lost(self, state: State, xp: Any = np) -> Any:
        """(…,) how far accuracy is below `best`, in [0, total_loss]."""
        return sum(effect.lost(state, xp) for effect in self.effects)

    def lost_by(self, fields: Collection[str], state: State, xp: Any = np) -> Any:
        """(…,) by some fields; 0 where none is part of the model."""
        effects = [effect for effect in self.effects if effect.field in fields]
        return sum((effect.lost(state, xp) for effect in effects), 0 * state.time_s)

    def accuracy(self, state: State, xp: Any = np) -> Any:
        """(…,) states → (…,) expected share of right answers, in [best − total_loss, best]."""
        return self.best - self.lost(state, xp)

    def freshness(self, state: State, xp: Any = np) -> Any:
        """(…,) the same from 0, nothing fresh, to 1, everything fresh."""
        return 1 - self.lost(state, xp) / self.total_loss


def shipped_accuracy() -> AccuracyModel:
    """The model fitted by `python -m circadia_lab.policy.env.accuracy_fit`."""
    return load_accuracy(SHIPPED)


def steady_accuracy() -> AccuracyModel:
    """The same for states that do not count practice: what fresh data are worth once a fleet has its habits."""
    return load_accuracy(STEADY_SHIPPED)


def lived_accuracy() -> AccuracyModel:
    """By what the weights know (`circadia.physics.learnt`), where wakes are chosen: fitted to policies' own lives."""
    return load_accuracy(LIVES_SHIPPED)


def load_accuracy(path: Path) -> AccuracyModel:
    """`ConfigError` names what is wrong with the file, and what to do."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); {_AGAIN}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ConfigError(f"{path}: not a file of format {FORMAT!r}; {_AGAIN}")
    try:
        return _model(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; {_AGAIN}") from error


_AGAIN = "fit it again: python -m circadia_lab.policy.env.accuracy_fit FOLDER"


def _model(data: Mapping[str, Any]) -> AccuracyModel:
    effects = data.get("effects")
    if not isinstance(effects, list) or not all(isinstance(row, dict) for row in effects):
        raise ConfigError("effects must be a list of tables")
    return AccuracyModel(best=_value(data, "best"), effects=tuple(map(_effect, effects)))


def _effect(row: Mapping[str, Any]) -> Effect:
    field = row.get("field")
    if not isinstance(field, str):
        raise ConfigError("an effect lacks the name of its field")
    missed = row.get("missed", False)
    if not isinstance(missed, bool):
        raise ConfigError(f"accuracy effect of {field}: missed must be true or false")
    return Effect(field=field, loss=_value(row, "loss"), scale=_value(row, "scale"), missed=missed)


def _value(row: Mapping[str, Any], key: str) -> float:
    """Of a parameter {value, error}."""
    parameter = row.get(key)
    value = parameter.get("value") if isinstance(parameter, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{key} must be a table with a number as its value")
    return float(value)
