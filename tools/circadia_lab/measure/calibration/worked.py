"""What a device did in its ticks and how long that took, read from its store without touching it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.store.reading import StoreReader
from circadia.types import Load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worked:
    """N ticks, settled or not."""

    load_s: NDArray[np.float64]
    """(N, loads) of the tick's own phases."""
    steps: NDArray[np.int64]
    """(N,) training steps."""
    served: NDArray[np.int64]
    """(N,) requests."""
    personal: bool
    """Whether the device learns an answer of its own with the same steps: then their seconds hold its too."""
    model: str
    """SHA-256 of the task's model file; empty where the store does not say it."""


def read_worked(path: Path) -> Worked:
    """Of a store; `StoreError` if it cannot be read."""
    with StoreReader(path) as store:
        ticks, trainings, model, task = store.ticks(), store.trainings(), store.model(), store.task()
    steps = {one.tick_id: len(one.batches) for one in trainings}
    load_s = np.zeros((len(ticks), len(Load)))
    for row, tick in enumerate(ticks):
        for phase in tick.phases:
            load_s[row, phase.load] += phase.duration_s
    return Worked(
        load_s=load_s,
        steps=np.array([steps.get(tick.tick_id, 0) for tick in ticks], np.int64),
        served=np.array([tick.served for tick in ticks], np.int64),
        personal=model is not None and model.personal is not None,
        model=task.model if task else "",
    )
