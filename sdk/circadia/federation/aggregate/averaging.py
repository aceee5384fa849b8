"""Asynchronous buffered averaging: a running weighted sum, so that memory does not grow with the buffer.

    w ← w + rate · Σ ωᵢ Δᵢ / Σ ωᵢ,   ωᵢ = nᵢ · (1 + sᵢ)^(−1/2)

n: examples behind the update, s: versions published since its base. The buffer is that of FedBuff (Nguyen et al.,
"Federated Learning with Buffered Asynchronous Aggregation", AISTATS 2022), the polynomial discount of staleness
with exponent 1/2 that of FedAsync (Xie, Koyejo, Gupta, "Asynchronous Federated Optimization", 2019).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def importance(examples: int, staleness: int) -> float:
    """ω = n · (1 + s)^(−1/2)."""
    return examples / math.sqrt(1 + staleness)


class Buffer:
    """The updates since the last version, as one sum in double precision."""

    def __init__(self, parameters: int) -> None:
        self._sum = np.zeros(parameters, np.float64)
        self._total = 0.0
        self.updates = 0
        self.examples = 0

    def add(self, delta: NDArray[np.float32], *, examples: int, staleness: int) -> None:
        """(parameters,) change of the weights."""
        weight = importance(examples, staleness)
        self._sum += weight * delta.astype(np.float64)
        self._total += weight
        self.updates += 1
        self.examples += examples

    def apply(self, weights: NDArray[np.float32], rate: float = 1.0) -> NDArray[np.float32]:
        """(parameters,) the weights after the buffered updates, which must be one or more."""
        return (weights + rate * (self._sum / self._total)).astype(np.float32)
