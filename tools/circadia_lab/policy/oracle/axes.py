"""The axes of a grid, and how a state between grid points is put on one: by stochastic rounding, which keeps the mean.

    x between neighbours l ≤ x ≤ h:   h with probability (x − l) / (h − l), else l

Values on the grid stay what they are; values beyond its ends become the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SNAP = 1e-9
"""Of a step: nearer to a grid point than this is on it."""


class Candidates(NamedTuple):
    """Where values may be put."""

    point: Any
    """(candidates, …) grid points"""
    share: Any
    """(candidates, …) probabilities; they sum to 1 over the candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One number."""

    levels: tuple[float, ...]
    """Rising."""

    def __post_init__(self) -> None:
        if not self.levels or list(self.levels) != sorted(set(self.levels)):
            raise ConfigError(f"grid: levels {self.levels} must rise")

    def __len__(self) -> int:
        return len(self.levels)

    def project(self, x: Any) -> Candidates:
        """(…,) values → two candidates each."""
        levels = np.array(self.levels)
        if len(levels) == 1:
            return Candidates(np.zeros((1, *np.shape(x)), np.int64), np.ones((1, *np.shape(x))))
        x = np.clip(x, levels[0], levels[-1])
        low = np.clip(np.searchsorted(levels, x, side="right") - 1, 0, len(levels) - 2)
        up = (x - levels[low]) / (levels[low + 1] - levels[low])
        up = np.where(up < SNAP, 0.0, np.where(up > 1 - SNAP, 1.0, up))
        return Candidates(np.stack([low, low + 1]), np.stack([1 - up, up]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A cohort: nothing, or so many with an oldest of that age. Point 0 is nothing."""

    counts: tuple[float, ...]
    """Above 0."""
    ages: tuple[float, ...]

    def __len__(self) -> int:
        return 1 + len(self.counts) * len(self.ages)

    @property
    def points(self) -> tuple[Floats, Floats]:
        """(n,) counts and ages."""
        counts = np.concatenate([[0.0], np.repeat(self.counts, len(self.ages))])
        return counts, np.concatenate([[0.0], np.tile(self.ages, len(self.counts))])

    def project(self, count: Any, age: Any) -> Candidates:
        """(…,) counts and ages → four candidates each."""
        by_count = Ladder(levels=(0.0, *self.counts)).project(count)
        by_age = Ladder(levels=self.ages).project(age)
        index, share = [], []
        for i, p in zip(*by_count, strict=True):
            for j, q in zip(*by_age, strict=True):
                index.append(np.where(i > 0, 1 + (i - 1) * len(self.ages) + j, 0))
                share.append(p * q)
        return Candidates(np.stack(index), np.stack(share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The installed model's age, on one ladder while it is the newest and on another once it is behind."""

    newest: tuple[float, ...]
    behind: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.newest) + len(self.behind)

    @property
    def points(self) -> tuple[Floats, Floats]:
        """(n,) ages, and 1 where it is behind."""
        behind = np.repeat([0.0, 1.0], [len(self.newest), len(self.behind)])
        return np.array(self.newest + self.behind), behind

    def project(self, age: Any, behind: Any) -> Candidates:
        """(…,) ages and whether behind → two candidates each."""
        new = _padded(Ladder(levels=self.newest).project(age))
        old = _padded(Ladder(levels=self.behind).project(age))
        late = np.asarray(behind) > 0
        return Candidates(
            np.where(late, old.point + len(self.newest), new.point), np.where(late, old.share, new.share)
        )


def _padded(found: Candidates) -> Candidates:
    """With two candidates each, the second of a single level without a share."""
    if len(found.point) > 1:
        return found
    return Candidates(np.repeat(found.point, 2, axis=0), np.concatenate([found.share, 0 * found.share]))


class Entries(NamedTuple):
    """Sparse probabilities: entry k says that value `source[k]` becomes grid point `point[k]` with that share."""

    source: NDArray[np.int64]
    point: NDArray[np.int64]
    share: Floats


def crossed(entries: Entries, found: Candidates, size: int) -> Entries:
    """Each entry times each candidate of its source, on a further axis of `size` points."""
    parts = []
    for index, share in zip(found.point.reshape(len(found.point), -1), _flat(found.share), strict=True):
        now = entries.share * share[entries.source]
        kept = np.flatnonzero(now > 0)
        source = entries.source[kept]
        parts.append(Entries(source, entries.point[kept] * size + index[source], now[kept]))
    return Entries(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _flat(table: Any) -> Any:
    return table.reshape(len(table), -1)
