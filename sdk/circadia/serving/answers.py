"""From probabilities to an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.types import Served

if TYPE_CHECKING:
    from numpy.typing import NDArray


def served(request_id: int, row: NDArray[np.float32], latency_s: float, version: int) -> Served:
    """(classes,) probabilities → the answer: the most probable label."""
    label = int(np.argmax(row))
    return Served(
        request_id=request_id, label=label, confidence=float(row[label]), latency_s=latency_s, version=version
    )
