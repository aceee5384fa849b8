"""What a policy does by two features, all else as on a phone at noon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE
from circadia.observation import COLUMN, HOUR_S, NO_DEADLINE_S, TABLE, encode
from circadia.policy.sampling import probabilities
from circadia.types import Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.evaluation.scorers import Scorer

    Floats = NDArray[np.float64]

CELLS = 48
"""A side."""
BATTERY = np.linspace(0.02, 1, CELLS)
STALENESS_H = np.linspace(0, 8, CELLS)
QUEUE = np.linspace(0, 12, 13)
FRESH = np.linspace(0, 128, 65)
SHOWN = {
    "accuracy first": (0.8, 0.1, 0.1),
    "balanced": (1 / 3, 1 / 3, 1 / 3),
    "energy first": (0.1, 0.1, 0.8),
}
"""Preferences."""
NOON: dict[str, float] = {
    "dt_s": 300,
    "battery_soc": 0.6,
    "temperature_c": 27,
    "thermal_headroom": 0.9,
    "cpu_load": 0.1,
    "link": Link.FREE,
    "link_bytes_per_s": 2e6,
    "queue_slack_s": NO_DEADLINE_S,
    "fresh_examples": 24,
    "fresh_age_s": HOUR_S,
    "practice": 512,
    "model_age_s": HOUR_S,
    "day_cosine": -1,
    "charge_forecast": 0.3,
}
"""What is not 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMap:
    """Chances over a grid."""

    name: str
    """The policy's."""
    what: str
    """The preference, in words."""
    x: Floats
    x_label: str
    y: Floats
    y_label: str
    chances: Floats
    """(y, x, actions) of drawing each action, before the shield."""


def battery_and_staleness(scorer: Scorer, name: str) -> tuple[ActionMap, ...]:
    """For each of `SHOWN`; a newer version is there once the installed one is half an hour old."""

    def seen(x: Any, y: Any) -> dict[str, Any]:
        return {
            "battery_soc": y,
            "model_age_s": x * HOUR_S,
            "versions_behind": np.ceil(np.maximum(2 * x - 1, 0)),
        }

    axes = (STALENESS_H, "age of the model in service, h"), (BATTERY, "battery")
    return tuple(_map(scorer, name, what, axes, seen) for what in SHOWN)


def queue_and_fresh(scorer: Scorer, name: str) -> tuple[ActionMap, ...]:
    """For each of `SHOWN`; requests have come in for 10 s and wait 60 s at most."""

    def seen(x: Any, y: Any) -> dict[str, Any]:
        return {
            "queue_length": x,
            "queue_age_s": 10.0 * (x > 0),
            "queue_slack_s": np.where(x > 0, 50.0, NO_DEADLINE_S),
            "fresh_examples": y,
            "fresh_age_s": HOUR_S * (y > 0),
        }

    axes = (QUEUE, "requests waiting"), (FRESH, "examples not trained on")
    return tuple(_map(scorer, name, what, axes, seen) for what in SHOWN)


def _map(scorer: Scorer, name: str, what: str, axes: Any, seen: Any) -> ActionMap:
    (x, x_label), (y, y_label) = axes
    across, up = np.meshgrid(x, y)
    table = np.zeros((*across.shape, len(TABLE)), np.float32)
    preference = dict(zip(_PREFERENCE, SHOWN[what], strict=True))
    for feature, value in {**NOON, **preference, **seen(across, up)}.items():
        table[..., COLUMN[feature]] = value
    mask = np.ones((*across.shape, len(CATALOGUE)), bool)
    scores = np.asarray(scorer(table[None], encode(table)[None], mask[None]))[0]
    chances = probabilities(scores, scores > -np.inf)
    return ActionMap(name=name, what=what, x=x, x_label=x_label, y=y, y_label=y_label, chances=chances)


_PREFERENCE = ("preference_accuracy", "preference_latency", "preference_energy")
