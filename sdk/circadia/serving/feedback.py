"""Inputs that were served and may yet get their label: the second half of the tandem queue."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AnsweredInputs:
    """Keeps the newest `capacity` inputs, none longer than `keep_s`; what goes unlabelled is counted."""

    def __init__(self, capacity: int, keep_s: float = math.inf) -> None:
        if capacity < 1 or not keep_s > 0:
            raise ConfigError(f"answered inputs: capacity {capacity} and keep_s {keep_s} must be positive")
        self._capacity = capacity
        self._keep_s = keep_s
        self._inputs: dict[int, tuple[NDArray[np.float32], float]] = {}
        self.dropped = 0
        """Inputs that left before a label came."""

    def __len__(self) -> int:
        return len(self._inputs)

    def remember(self, request_id: int, x: NDArray[np.float32], t_s: float) -> None:
        """Keep the input of a request answered at `t_s`; `ConfigError` for an id that is kept already."""
        if request_id in self._inputs:
            raise ConfigError(f"request {request_id} was answered already; ids must be unique")
        self._inputs[request_id] = (x, t_s)
        self._let_go(t_s)

    def label(self, request_id: int) -> NDArray[np.float32] | None:
        """Its label came: the input, which is let go; None for one that is not kept (any more)."""
        found = self._inputs.pop(request_id, None)
        return None if found is None else found[0]

    def _let_go(self, now_s: float) -> None:
        while self._inputs:
            oldest, (_, t_s) = next(iter(self._inputs.items()))
            if len(self._inputs) <= self._capacity and now_s - t_s <= self._keep_s:
                return
            del self._inputs[oldest]
            self.dropped += 1
