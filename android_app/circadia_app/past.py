"""What the agent's store tells the screens, read beside the agent that writes it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import NothingStored
from circadia.history import Requests, Ticks
from circadia.observation import DAY_S, TABLE
from circadia.store.reading import StoreReader
from circadia_app.viewmodels.snapshot import Kept, Past

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 28
"""That the screens look back."""


def read_past(path: Path, clock_s: float) -> Past:
    """Of the last four weeks by the agent's clock; of an agent that has stored nothing yet, nothing.

    `StoreError` for a store that cannot be read.
    """
    try:
        with StoreReader(path) as store:
            since_s = clock_s - DAYS * DAY_S
            return Past(
                ticks=store.history(since_s),
                requests=store.asked(since_s),
                updates=tuple(store.updates()),
                trained=store.learnt(),
                taught_s=store.taught(since_s),
                busy_s=_busy_s(store),
                kept=replace(_kept(store), store_bytes=_size(path)),
            )
    except NothingStored:
        return nothing_past()


def nothing_past() -> Past:
    """Of a device that has not begun."""
    none, whole = np.empty(0), np.empty(0, np.int64)
    ticks = Ticks(
        tick_id=whole,
        t_s=none,
        x=np.empty((0, len(TABLE)), np.float32),
        action=whole,
        served=whole,
        expired=whole,
        energy_j=none,
        source=whole,
        bound_j=none,
        work_j=np.empty((0, 2)),
        sleep_s=none,
        masked=whole,
        maskings=(),
    )
    return Past(ticks=ticks, requests=Requests(t_s=none, label=whole, truth=whole, latency_s=none))


def _kept(store: StoreReader) -> Kept:
    model, (examples, example_bytes, oldest_s) = store.model(), store.example_rows()
    own = model.personal if model is not None else None
    return Kept(
        examples=examples,
        example_bytes=example_bytes,
        oldest_s=oldest_s,
        model_bytes=0 if model is None else model.weights.nbytes,
        own_share=math.nan if own is None else own.share,
        version=0 if model is None else model.version,
        decisions=store.tick_count(),
    )


def _busy_s(store: StoreReader) -> float:
    newest = store.newest()
    return math.nan if newest is None else sum(phase.duration_s for phase in newest.phases)


def _size(path: Path) -> int:
    """With its journals."""
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.is_file())
