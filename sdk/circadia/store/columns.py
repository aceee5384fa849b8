"""How many rows of the store's tables become columns at once: a day of a tick a second is read in well under a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import INDEX
from circadia.history import Requests, Ticks
from circadia.types import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.store.rows import Decoder

_WORK_J = (
    "CASE WHEN joules_by_load != '{{}}' THEN ifnull(json_extract(joules_by_load, '$.{0}_LOW'), 0)"
    " + ifnull(json_extract(joules_by_load, '$.{0}_HIGH'), 0) END"
)
"""Joules of one kind of work; null where loads were not told apart. Parsed where they lie: as texts they take twice as long."""
COLUMNS = (
    "id, t_s, observation, action, served, expired, energy_j, energy_source, bound_j,"
    f" {_WORK_J.format('SERVE')}, {_WORK_J.format('TRAIN')}, masked"
)
"""Of ticks; before them the observation table's number, after them the sleep."""
SOURCES = {source.value: place for place, source in enumerate(Source)}


def ticks_of(pieces: Iterable[Sequence[Sequence[Any]]], decoder: Decoder) -> Ticks:
    """Of rows as `COLUMNS` says, a thousand or so a piece; one of `rows.DAMAGE` for nonsense.

    In pieces the rows' memory is used again and again: a third faster than all at once, and a tenth of the memory.
    """
    texts: dict[str | None, int] = {}
    found = [_columns(piece, decoder, texts) for piece in pieces] or [_columns((), decoder, texts)]
    whole = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    return Ticks(**whole, maskings=tuple(map(decoder.masked, texts)))


def _columns(
    found: Sequence[Sequence[Any]], decoder: Decoder, texts: dict[str | None, int]
) -> dict[str, NDArray[Any]]:
    """Of one piece; `texts` numbers the maskings of all."""
    (
        table,
        ids,
        t_s,
        blobs,
        action,
        served,
        expired,
        joules,
        source,
        bound_j,
        serving_j,
        training_j,
        masked,
        sleep_s,
    ) = list(zip(*found, strict=True)) or [()] * 14
    decoder.check_all(table, blobs)
    for text in dict.fromkeys(masked):
        texts.setdefault(text, len(texts))
    return {
        "tick_id": np.array(ids, np.int64),
        "t_s": _floats(t_s),
        "x": decoder.x(table, blobs),
        "action": _numbered(action, {name: INDEX.get(name, -1) for name in set(action)}),
        "served": np.array(served, np.int64),
        "expired": np.array(expired, np.int64),
        "energy_j": _floats(joules),
        "source": _numbered(source, {one: -1 if one is None else SOURCES[one] for one in set(source)}),
        "bound_j": _floats(bound_j),
        "work_j": np.stack([_floats(serving_j), _floats(training_j)], axis=-1),
        "sleep_s": _floats(sleep_s),
        "masked": _numbered(masked, texts),
    }


def requests_of(found: Sequence[Sequence[Any]]) -> Requests:
    """Of rows of time, label, truth and latency."""
    t_s, label, truth, latency_s = list(zip(*found, strict=True)) or [()] * 4
    return Requests(t_s=_floats(t_s), label=_whole(label), truth=_whole(truth), latency_s=_floats(latency_s))


def _numbered(values: Sequence[Any], numbers: Mapping[Any, int]) -> NDArray[np.int64]:
    """Few values, many times."""
    return np.fromiter(map(numbers.__getitem__, values), np.int64, len(values))


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array(values, np.float64)  # None becomes NaN


def _whole(values: Sequence[int | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else value for value in values], np.int64)
