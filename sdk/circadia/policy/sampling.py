"""Drawing an action: the softmax of the scores under a mask, at a quantile that is passed in."""

from __future__ import annotations

from typing import Any

import numpy as np


def probabilities(scores: Any, mask: Any, xp: Any = np) -> Any:
    """(…, actions) scores and mask → (…, actions) softmax over what the mask admits; NaN where it admits nothing."""
    z = xp.where(mask, scores, -xp.inf)
    e = xp.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sample(scores: Any, mask: Any, u: Any, xp: Any = np) -> Any:
    """(…,) index of the action at quantile `u` in [0, 1)."""
    cumulative = xp.cumsum(probabilities(scores, mask, xp), axis=-1)
    return xp.argmax(cumulative > xp.asarray(u)[..., None] * cumulative[..., -1:], axis=-1)
