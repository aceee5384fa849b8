"""Requests and labelled examples that come at random moments, from scikit-learn's digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from circadia.agent import Agent


class Arrivals:
    """Two Poisson processes over the host's time."""

    def __init__(self, start_s: float, seed: int, *, requests_per_s: float, examples_per_s: float) -> None:
        """Rates per second of the host's clock; the same seed gives the same arrivals."""
        if seed < 0:
            raise ConfigError(f"the seed {seed} must not be negative")
        self._random = np.random.default_rng(seed)
        self._learn_x, self._learn_y, self._ask_x, _ = load_digits_split(seed)
        self._rates = {"request": requests_per_s, "example": examples_per_s}
        self._next_s = {kind: start_s + self._gap_s(kind) for kind in self._rates}
        self.requests = self.examples = 0
        """How many have come."""

    def deliver(self, agent: Agent, until_s: float) -> None:
        """Give the agent what has come by then."""
        for kind in self._rates:
            while self._next_s[kind] <= until_s:
                self._next_s[kind] += self._gap_s(kind)
                if kind == "request":
                    self._ask(agent)
                else:
                    self._teach(agent)

    def _gap_s(self, kind: str) -> float:
        return float(self._random.exponential(1 / self._rates[kind]))

    def _ask(self, agent: Agent) -> None:
        agent.submit(self._ask_x[self._random.integers(len(self._ask_x))])
        self.requests += 1

    def _teach(self, agent: Agent) -> None:
        chosen = int(self._random.integers(len(self._learn_x)))
        agent.add_example(self._learn_x[chosen], int(self._learn_y[chosen]))
        self.examples += 1
