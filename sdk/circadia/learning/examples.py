"""The examples that a device learns from: which to keep, and which to learn from next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

FRESH_SHARE = 0.5
"""Of a batch, at most, for examples that were never trained on: the rest rehearses, so that nothing is forgotten."""
RECENCY = 4.0
"""How much likelier a class's newest example is drawn than its oldest: the stream drifts."""


@dataclass(frozen=True, slots=True)
class _Row:
    x: NDArray[np.float32]
    label: int
    t_s: float


class ExampleBuffer:
    """At most `capacity` examples of `classes` classes, in order of arrival. Deterministic: draws take a generator.

    Replacement: out of the largest class that has examples already trained on, the oldest of these goes; while nothing
    was trained on yet, the oldest of the largest class. So classes even out, rare ones stay, and a fresh example is
    not lost before it was of use, unless everything is fresh.
    """

    def __init__(self, capacity: int, classes: int) -> None:
        if capacity < 1 or classes < 2:
            raise ConfigError(f"example buffer of {capacity} examples and {classes} classes: too small")
        self._capacity = capacity
        self._classes = classes
        self._rows: dict[int, _Row] = {}
        self._fresh: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, example_id: int) -> bool:
        return example_id in self._rows

    @property
    def fresh_count(self) -> int:
        """Examples that were never trained on."""
        return len(self._fresh)

    def fresh_age_s(self, now_s: float) -> float:
        """Time since the oldest of them arrived: the data's freshness; 0 with none."""
        return max(now_s - min(self._fresh.values()), 0.0) if self._fresh else 0.0

    def add(self, example_id: int, x: NDArray[np.float32], label: int, t_s: float) -> tuple[int, ...]:
        """Keep an example that arrived at `t_s` → the ids that had to go for it.

        `ConfigError` for an id that is there already or negative, a label out of range, an x of another shape than
        the others, NaN in x or in `t_s`.
        """
        row = self._checked(example_id, np.array(x, np.float32), label, t_s)
        gone = (self._victim(),) if len(self._rows) >= self._capacity else ()
        for old in gone:
            del self._rows[old]
            self._fresh.pop(old, None)
        self._rows[example_id] = row
        self._fresh[example_id] = t_s
        return gone

    def mark_used(self, example_ids: Iterable[int]) -> None:
        """They were trained on; ids that were replaced meanwhile are skipped."""
        for example_id in example_ids:
            self._fresh.pop(int(example_id), None)

    def fresh_ids(self) -> tuple[int, ...]:
        """The ids of the examples that were never trained on, in order of arrival."""
        return tuple(self._fresh)

    def fresh_among(self, example_ids: ArrayLike) -> list[int]:
        """Those of them that were never trained on, in order of arrival."""
        asked = {int(i) for i in np.atleast_1d(np.asarray(example_ids))}
        return [i for i in self._fresh if i in asked]

    def rows(self, example_ids: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """(n,) ids → x (n, …), y (n,); `ConfigError` names an id that is not there, or if there is none at all."""
        try:
            found = [self._rows[int(i)] for i in np.atleast_1d(np.asarray(example_ids))]
        except KeyError as error:
            raise ConfigError(f"example {error} is not in the buffer; draw again") from error
        if not found:
            raise ConfigError("no example ids; an empty batch has no shape")
        return np.stack([row.x for row in found]), np.array([row.label for row in found], np.int32)

    def draw(self, steps: int, batch: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Ids for `steps` batches, (steps, batch); no id twice in a batch; −1 where there are fewer than `batch`.

        Fresh examples come first: each once, oldest first, dealt out over the steps, up to `FRESH_SHARE` of a batch.
        The rest is drawn without replacement from all others with the weights

            p(i) ∝ RECENCY ^ (rank(i) / (n(c) − 1)) / Σ over class c of the same

        where rank counts the arrivals within i's class c of n(c) examples: every class that is there has the same
        share, and within a class the newest is `RECENCY` times likelier than the oldest. Weighted draws without
        replacement are the largest log p + Gumbel noise (Efraimidis and Spirakis 2006; Vieira 2014).
        """
        ids = np.full((steps, batch), -1, np.int64)
        present = np.array(list(self._rows), np.int64)
        if not present.size:
            return ids
        keys = np.log(self._shares()) + random.gumbel(size=(steps, present.size))
        place = {example_id: column for column, example_id in enumerate(self._rows)}
        for step, dealt in enumerate(self._deal(steps, batch)):
            keys[step, [place[i] for i in dealt]] = np.inf
        width = min(batch, present.size)
        best = np.argpartition(-keys, width - 1, axis=1)[:, :width]
        ids[:, :width] = present[best]
        return ids

    def _deal(self, steps: int, batch: int) -> list[list[int]]:
        """The fresh examples of every step."""
        quota = max(1, math.floor(batch * FRESH_SHARE))
        first = list(self._fresh)[: steps * quota]
        return [first[step::steps] for step in range(steps)]

    def _shares(self) -> NDArray[np.float64]:
        """(n,) the weights of `draw`."""
        labels = np.array([row.label for row in self._rows.values()])
        shares = np.empty(labels.size)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            weights = RECENCY ** np.linspace(0, 1, members.size)
            shares[members] = weights / weights.sum()
        return shares

    def _victim(self) -> int:
        sizes = np.bincount([row.label for row in self._rows.values()], minlength=self._classes)
        used = [i for i in self._rows if i not in self._fresh]
        candidates = used or list(self._rows)
        largest = max(int(sizes[self._rows[i].label]) for i in candidates)
        return next(i for i in candidates if sizes[self._rows[i].label] == largest)

    def _checked(self, example_id: int, x: NDArray[np.float32], label: int, t_s: float) -> _Row:
        if example_id < 0 or example_id in self._rows:
            raise ConfigError(f"example {example_id} is there already, or negative; ids must be unique")
        if not 0 <= label < self._classes:
            raise ConfigError(f"example {example_id}: label {label} is not within 0 … {self._classes - 1}")
        shape = next(iter(self._rows.values())).x.shape if self._rows else x.shape
        if x.shape != shape or not np.isfinite(x).all() or not math.isfinite(t_s):
            raise ConfigError(
                f"example {example_id}: x {x.shape} must be finite numbers of shape {shape}, t_s finite"
            )
        return _Row(x, int(label), float(t_s))
