"""Shares with their intervals."""

from __future__ import annotations

import math
from typing import NamedTuple

Z = 1.959964
"""Of a 95 % interval."""
LEAST_ANSWERS = 20
"""Checked answers before their share is shown."""


class Share(NamedTuple):
    """A share and its 95 % interval, each 0 to 1."""

    middle: float
    low: float
    high: float


def wilson(right: int, of: int) -> Share:
    """Wilson's score interval (JASA 22, 1927) of `right` out of `of`, one at least."""
    share = right / of
    centre = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z / (1 + Z**2 / of) * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    return Share(share, max(centre - half, 0.0), min(centre + half, 1.0))
