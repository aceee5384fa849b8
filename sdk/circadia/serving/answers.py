"""From probabilities to an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.types import Served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def served(
    labels: Sequence[str], request_id: int, row: NDArray[np.float32], latency_s: float, version: int
) -> Served:
    """(labels,) probabilities of the task's labels → the answer: the most probable one."""
    label = int(np.argmax(row))
    probabilities = row.copy()
    probabilities.flags.writeable = False
    return Served(
        request_id=request_id,
        label=label,
        label_name=labels[label],
        confidence=float(row[label]),
        probabilities=probabilities,
        latency_s=latency_s,
        version=version,
    )
