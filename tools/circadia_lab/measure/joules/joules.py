"""Joules by action and watts by load, with intervals from a block bootstrap.

Ticks follow each other: a warm device draws more in the next one, too. So whole blocks of neighbours are drawn, of random
length (stationary bootstrap, Politis and Romano 1994), of a mean length chosen from the data (Politis and White 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy import stats
from scipy.optimize import nnls

from circadia.types import Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_field.ticks import Ticks

REPETITIONS, CONFIDENCE = 1000, 0.95
LENGTHEN = 4.0
"""The chosen length is best for the variance; an interval wants less bias, so longer blocks (`tools/bench joules`)."""
LEAST_TICKS = 8
"""Fewer ticks of an action give no interval."""
LEAST_S = 1.0
"""A load that ran for less has no power of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean with its interval; NaN where there are too few ticks for one."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionJoules:
    """Of all ticks in which one action was taken."""

    action: str
    ticks: int
    seconds: float
    total_j: float
    joules: Estimate
    """A tick."""
    watts: Estimate
    """Over their whole time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWatts:
    """What a load draws by itself."""

    load: str
    seconds: float
    watts: Estimate


def by_action(ticks: Ticks, *, seed: int = 0) -> list[ActionJoules]:
    """Of each action that was taken, the one with the most joules first."""
    names = sorted(set(ticks.action))
    member = np.array([ticks.action == name for name in names], float)

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        energy, seconds, count = (
            member[:, rows] @ column[rows]
            for column in (ticks.energy_j, ticks.duration_s, np.ones(ticks.count))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.concatenate([energy / count, energy / seconds])

    means = member @ ticks.energy_j / member.sum(axis=1)
    estimates = with_intervals(statistic, ticks.energy_j - means @ member, seed)
    found = []
    for place, name in enumerate(names):
        mine = ticks.action == name
        enough = int(mine.sum()) >= LEAST_TICKS
        found.append(
            ActionJoules(
                action=name,
                ticks=int(mine.sum()),
                seconds=float(ticks.duration_s[mine].sum()),
                total_j=float(ticks.energy_j[mine].sum()),
                joules=estimates[place] if enough else _bare(estimates[place]),
                watts=estimates[place + len(names)] if enough else _bare(estimates[place + len(names)]),
            )
        )
    return sorted(found, key=lambda one: -one.total_j)


def by_load(ticks: Ticks, *, seed: int = 0) -> list[LoadWatts]:
    """Watts of each load that ran, as `load_watts`, with their intervals."""
    ran, seconds, energy = _weighted(ticks)

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        watts: NDArray[np.float64] = nnls(seconds[rows], energy[rows])[0]
        return watts

    left_over = energy - seconds @ nnls(seconds, energy)[0]
    estimates = with_intervals(statistic, left_over, seed)
    return [
        LoadWatts(
            load=Load(load).name,
            seconds=float(ticks.load_s[:, load].sum()),
            watts=Estimate(mean=estimate.mean, low=max(estimate.low, 0.0), high=estimate.high),
        )
        for load, estimate in zip(ran, estimates, strict=True)
    ]


def load_watts(ticks: Ticks) -> dict[str, float]:
    """Watts of each load that ran:  E_k = Σ_l P_l · s_kl  by least squares with P ≥ 0, ticks weighted by 1/√duration."""
    ran, seconds, energy = _weighted(ticks)
    return {Load(load).name: float(w) for load, w in zip(ran, nnls(seconds, energy)[0], strict=True)}


def _weighted(ticks: Ticks) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The loads that ran, (N, loads) their seconds and (N,) joules, each tick by its weight."""
    ran = np.flatnonzero(ticks.load_s.sum(axis=0) >= LEAST_S)
    weight = 1 / np.sqrt(ticks.duration_s)
    return ran, ticks.load_s[:, ran] * weight[:, None], ticks.energy_j * weight


def with_intervals(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]], left_over: NDArray[np.float64], seed: int
) -> list[Estimate]:
    """What `statistic` makes of N rows, each figure with its interval, from rows drawn in blocks.

    `left_over`: (N,) what is not explained of each row; how long it remembers itself makes the blocks.
    """
    rows = np.arange(len(left_over))
    means = statistic(rows)
    if len(left_over) < LEAST_TICKS:
        return [Estimate(mean=float(mean), low=np.nan, high=np.nan) for mean in means]
    block = _block(left_over)
    drawn = StationaryBootstrap(block, rows, seed=np.random.default_rng(seed))
    values = np.array([statistic(draw[0][0]) for draw in drawn.bootstrap(REPETITIONS)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail], axis=0)
    wider = _small_sample(len(rows) / block)
    low, high = means - wider * (means - low), means + wider * (high - means)
    return [
        Estimate(mean=float(m), low=float(a), high=float(b)) for m, a, b in zip(means, low, high, strict=True)
    ]


def _small_sample(blocks: float) -> float:
    """How much too narrow so few blocks make it: Student's quantile over the normal one, and the divisor n − 1."""
    blocks = max(blocks, 3.0)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, blocks - 1) / stats.norm.ppf((1 + CONFIDENCE) / 2)
    return float(quantile * np.sqrt(blocks / (blocks - 1)))


def _block(series: NDArray[np.float64]) -> int:
    """Mean length of a block, ticks."""
    if np.ptp(series) == 0:
        return 1
    chosen = float(optimal_block_length(series)["stationary"].iloc[0])
    return round(min(max(LENGTHEN * chosen, 1.0), len(series) / 6)) if np.isfinite(chosen) else 1


def _bare(estimate: Estimate) -> Estimate:
    return Estimate(mean=estimate.mean, low=np.nan, high=np.nan)
