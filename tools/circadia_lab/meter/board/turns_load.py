"""A load for simulated meters: a small board that rests, serves and trains in turns."""

from __future__ import annotations

import numpy as np

VOLTAGE_V = 5.0
LEVELS_A = {"sleep": 0.05, "serve": 0.38, "train": 0.86}
LONGEST_S = 4.0


class TurnsLoad:
    """Amperes and volts at any second: one level after the other, drawn; the same for the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._until_s = 0.0
        self.doing = "sleep"

    def __call__(self, t_s: float) -> tuple[float, float]:
        """At ascending times."""
        while t_s >= self._until_s:
            self._until_s += float(self._rng.uniform(0.5, LONGEST_S))
            self.doing = str(self._rng.choice(list(LEVELS_A)))
        return LEVELS_A[self.doing], VOLTAGE_V
