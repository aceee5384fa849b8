"""How a training went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One training of one arm."""

    name: str
    """The arm's."""
    seed: int
    steps: Floats
    """(points,) ticks of all devices so far."""
    utility: Floats
    """(points,) mean over the anchors."""
    worst: Floats
    """(points,) the largest cost as a share of its limit."""


def curve_of(name: str, seed: int, history: Sequence[dict[str, Any]]) -> Curve:
    """From the points that a training wrote (`cmoppo.history.Point.as_dict`), those on the way."""
    points = [point for point in history if not point["judged"]]
    returns = np.array([point["returns"] for point in points]).reshape(-1, *ANCHORS.shape)
    costs = np.array([point["costs"] for point in points]).reshape(len(points), -1)
    return Curve(
        name=name,
        seed=seed,
        steps=np.array([point["steps"] for point in points], np.float64),
        utility=(ANCHORS * returns).sum(-1).mean(-1),
        worst=costs.max(-1) if points else np.zeros(0),
    )
