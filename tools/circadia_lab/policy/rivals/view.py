"""What algorithms see that are told the preference apart from the observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import COLUMN, INPUT_SCALE
from circadia_lab.policy.env.fixed import TABLE, WIDTH, encode
from circadia_lab.policy.env.interface import OBJECTIVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFERENCE = tuple(COLUMN[f"preference_{name}"] for name in OBJECTIVES)
"""Indices of the preference's weights among the features, in the order of the objectives."""
KEPT = np.array([i for i in range(WIDTH) if i % len(TABLE) not in PREFERENCE])
"""Columns of an encoded observation that do not tell the preference."""


def seen(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, features) → (…, KEPT) in [−1, 1], of an environment with a fixed tick."""
    kept: NDArray[np.float32] = encode(values)[..., KEPT].astype(np.float32) * np.float32(INPUT_SCALE)
    return kept


def wanted(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, features) → (…, objectives) the preference."""
    weights: NDArray[np.float32] = values[..., list(PREFERENCE)]
    return weights
