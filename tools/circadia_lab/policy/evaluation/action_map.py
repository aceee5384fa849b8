"""What a policy does by two features, all else as on a phone at noon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.idle import idle
from circadia.observation import COLUMN, HOUR_S, NO_DEADLINE_S, TABLE, encode
from circadia.policy.sampling import probabilities
from circadia.types import Link
from circadia_lab.policy.env.fixed import FACTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float64]


class Wish(NamedTuple):
    """A preference and what to call it."""

    name: str
    weights: tuple[float, ...]


CELLS = 48
"""A side."""
BATTERY = np.linspace(0.02, 1, CELLS)
STALENESS_H = np.linspace(0, 8, CELLS)
QUEUE = np.linspace(0, 12, 13)
FRESH = np.linspace(0, 128, 65)
SHOWN = (
    Wish("accuracy first", (0.8, 0.1, 0.1)),
    Wish("balanced", (1 / 3, 1 / 3, 1 / 3)),
    Wish("energy first", (0.1, 0.1, 0.8)),
)
MODEL_AGE = "age of the model in service, h"
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


_PREFERENCE = ("preference_accuracy", "preference_latency", "preference_energy")


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
    """(y, x, actions) of drawing each action that has something to do, before any limit."""


def battery_and(
    over: str, scorer: Scorer, name: str, wish: Wish, places: tuple[Floats, Floats], *, charging: bool = False
) -> ActionMap:
    """`over` is `queue` or `staleness`, by `places` (on x, states of charge on y).

    Requests have come in for 10 s and wait 60 s at most; a newer version is there once the installed one is half an
    hour old.
    """
    x, y = places
    across, up = np.meshgrid(x, y)
    label, seen = {"queue": ("requests waiting", _waiting), "staleness": (MODEL_AGE, _aged)}[over]
    fields = {"battery_soc": up, "charging": float(charging), **seen(across)}
    chances = _chances(scorer, wish.weights, fields, across.shape)
    return ActionMap(name=name, what=wish.name, x=x, x_label=label, y=y, y_label="battery", chances=chances)


def battery_and_staleness(scorer: Scorer, name: str) -> tuple[ActionMap, ...]:
    """For each of `SHOWN`."""
    return tuple(battery_and("staleness", scorer, name, wish, (STALENESS_H, BATTERY)) for wish in SHOWN)


def queue_and_fresh(scorer: Scorer, name: str) -> tuple[ActionMap, ...]:
    """For each of `SHOWN`; examples have come in for an hour."""
    across, up = np.meshgrid(QUEUE, FRESH)
    fields = {**_waiting(across), "fresh_examples": up, "fresh_age_s": HOUR_S * (up > 0)}
    labels = {"x_label": "requests waiting", "y_label": "examples not trained on"}
    return tuple(
        ActionMap(
            name=name,
            what=wish.name,
            x=QUEUE,
            y=FRESH,
            chances=_chances(scorer, wish.weights, fields, across.shape),
            **labels,
        )
        for wish in SHOWN
    )


def _waiting(requests: Floats) -> dict[str, Any]:
    return {
        "queue_length": requests,
        "queue_age_s": 10.0 * (requests > 0),
        "queue_slack_s": np.where(requests > 0, 50.0, NO_DEADLINE_S),
    }


def _aged(hours: Floats) -> dict[str, Any]:
    return {"model_age_s": hours * HOUR_S, "versions_behind": np.ceil(np.maximum(2 * hours - 1, 0))}


def _chances(
    scorer: Scorer, weights: tuple[float, ...], fields: dict[str, Any], shape: tuple[int, ...]
) -> Floats:
    table = np.zeros((*shape, len(TABLE)), np.float32)
    for feature, value in {**NOON, **dict(zip(_PREFERENCE, weights, strict=True)), **fields}.items():
        table[..., COLUMN[feature]] = value
    mask = ~idle(table, FACTS)
    scores = np.asarray(scorer(table[None], encode(table)[None], mask[None]))[0]
    chances: Floats = probabilities(scores, mask & (scores > -np.inf))
    return chances
