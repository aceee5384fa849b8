"""Drawing an action: the softmax of the scores under a mask, at a quantile that is passed in.

The optimum of a constrained decision process is randomised, so a device draws; the number comes from outside.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def probabilities(scores: Any, mask: Any, xp: Any = np) -> Any:
    """(…, actions) scores and mask → (…, actions) softmax over what the mask admits; all 0 where it admits nothing."""
    weights = _weights(scores, mask, xp)
    total = weights.sum(axis=-1, keepdims=True)
    return weights / xp.where(total > 0, total, 1)


def sample(scores: Any, mask: Any, u: Any, xp: Any = np) -> Any:
    """(…,) index of the action at quantile `u` (…,) in [0, 1): the first at which the cumulative softmax exceeds u.

    0, which is SLEEP, where the mask admits nothing.
    """
    if xp is np and scores.ndim == 1:
        return _sample_one(scores, mask, float(u))
    cumulative = _weights(scores, mask, xp).cumsum(axis=-1)
    total = cumulative[..., -1:]
    # Where rounding makes u · total the total itself, the last admitted action is the one.
    reached = (cumulative > xp.asarray(u)[..., None] * total) | (cumulative == total)
    return reached.argmax(axis=-1)


def _sample_one(scores: NDArray[np.float32], mask: NDArray[np.bool_], u: float) -> int:
    """The same on plain numbers: for twenty of them, calls into NumPy cost more than the arithmetic."""
    admitted = scores[mask].tolist()
    highest = max(admitted, default=-math.inf)
    if highest == -math.inf:
        return 0
    cumulative = list(accumulate([math.exp(score - highest) for score in admitted]))
    total = cumulative[-1]
    drawn = min(bisect_right(cumulative, u * total), bisect_left(cumulative, total))
    return int(mask.nonzero()[0][drawn])


def _weights(scores: Any, mask: Any, xp: Any) -> Any:
    """exp(score − highest admitted score) where admitted, else 0."""
    z = xp.where(mask, scores, -xp.inf)
    highest = z.max(axis=-1, keepdims=True)
    return xp.exp(z - xp.where(highest > -xp.inf, highest, 0))
