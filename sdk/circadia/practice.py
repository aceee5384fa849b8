"""How much a device trained lately: Σ rows · exp(−age / PRACTICE_S) over its training steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRACTICE_S = 2 * 86_400.0
"""After which what was trained on counts 1/e, as long as the world drifts about daily."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Rows that training steps went through, older ones faded."""

    rows: float = 0.0
    """As of `t_s`."""
    t_s: float = 0.0

    def at(self, now_s: float) -> float:
        """Rows at a time; a clock that went back fades nothing."""
        return self.rows * math.exp(-max(now_s - self.t_s, 0) / PRACTICE_S)

    def plus(self, rows: float, now_s: float) -> Practice:
        """After training on so many rows; a clock that went back does not take the time back either."""
        return Practice(self.at(now_s) + rows, max(now_s, self.t_s))
