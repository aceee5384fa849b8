"""How many rows of the store's tables become columns at once: a day of a tick a second is read in well under a second."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import INDEX
from circadia.history import Requests, Ticks
from circadia.types import Load, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.store.rows import Decoder

COLUMNS = (
    "id, t_s, observation, action, served, expired, energy_j, energy_source, bound_j, joules_by_load, masked"
)
"""Of ticks; before them the observation table's number, after them the sleep."""
SOURCES = {source.value: place for place, source in enumerate(Source)}
SERVING = (Load.SERVE_LOW.name, Load.SERVE_HIGH.name)
TRAINING = (Load.TRAIN_LOW.name, Load.TRAIN_HIGH.name)


def ticks_of(found: Sequence[Sequence[Any]], decoder: Decoder) -> Ticks:
    """Of rows as `COLUMNS` says; one of `rows.DAMAGE` for nonsense."""
    whole = list(zip(*found, strict=True)) or [()] * 13
    (
        table,
        ids,
        t_s,
        blobs,
        action,
        served,
        expired,
        energy_j,
        source,
        bound_j,
        by_load,
        masked,
        sleep_s,
    ) = whole
    for number, blob in zip(table, blobs, strict=True):
        decoder.check(number, blob)
    places: dict[str | None, int] = {}
    numbers = [places.setdefault(text, len(places)) for text in masked]
    return Ticks(
        tick_id=np.array(ids, np.int64),
        t_s=_floats(t_s),
        x=decoder.x(table, blobs),
        action=np.array([INDEX.get(name, -1) for name in action], np.int64),
        served=np.array(served, np.int64),
        expired=np.array(expired, np.int64),
        energy_j=_floats(energy_j),
        source=np.array([-1 if one is None else SOURCES[one] for one in source], np.int64),
        bound_j=_floats(bound_j),
        work_j=_work_j(by_load),
        sleep_s=_floats(sleep_s),
        masked=np.array(numbers, np.int64),
        maskings=tuple(decoder.masked(text) for text in places),
    )


def requests_of(found: Sequence[Sequence[Any]]) -> Requests:
    """Of rows of time, label, truth and latency."""
    t_s, label, truth, latency_s = list(zip(*found, strict=True)) or [()] * 4
    return Requests(t_s=_floats(t_s), label=_whole(label), truth=_whole(truth), latency_s=_floats(latency_s))


def _work_j(texts: Sequence[str | None]) -> NDArray[np.float64]:
    """(n, 2), all texts parsed as one: one call each takes longer than all the rest."""
    work_j = np.full((len(texts), 2), np.nan)
    work_j[[place for place, text in enumerate(texts) if text and text != "{}"]] = 0.0
    working = [place for place, text in enumerate(texts) if text and ("TRAIN" in text or "SERVE" in text)]
    found: list[dict[str, float]] = json.loads(f"[{','.join(str(texts[place]) for place in working)}]")
    if working:
        work_j[working] = [_parts(one) for one in found]
    return work_j


def _parts(joules: dict[str, float]) -> tuple[float, float]:
    get = joules.get
    return get(SERVING[0], 0.0) + get(SERVING[1], 0.0), get(TRAINING[0], 0.0) + get(TRAINING[1], 0.0)


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array(values, np.float64)  # None becomes NaN


def _whole(values: Sequence[int | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else value for value in values], np.int64)
