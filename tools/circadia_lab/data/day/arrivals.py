"""When things happen on a device during a day: requests in bursts, labelled examples, labels that come back.

The bursts have the shape of 8,819 requests to a language model (Azure public dataset, AzureLLMInferenceTrace_code,
2023, CC-BY-4.0): gaps with a coefficient of variation of 13.2, half of them under 0.16 of the mean. A log-normal gap
has CV² = exp(σ²) − 1, which gives σ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.data.day.plan import DAY_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.float64]

GAP_CV = 13.2
HOURS = np.array([0, 1, 6, 7.5, 9, 12, 14, 18, 21, 23, 24]) * 3600.0
USE = np.array([0.15, 0.02, 0.02, 0.6, 1.0, 1.2, 0.9, 1.0, 1.3, 0.6, 0.15])
"""How much a device is used at those hours; straight lines in between."""
REQUESTS = (300, 500)
EXAMPLES = (150, 300)
STOCK = (60, 100)
"""Examples that are there at midnight, from the days before."""
FEEDBACK_MEDIAN_S, FEEDBACK_SPREAD = 300.0, 0.8
FEEDBACK_S = (30.0, 3600.0)
FEEDBACK_SHARE = 0.5
SMALLEST_GAP_S = 1e-3


def between(random: np.random.Generator, ends: tuple[int, int]) -> int:
    """A whole number within both ends."""
    return int(random.integers(ends[0], ends[1], endpoint=True))


def request_times(random: np.random.Generator, count: int) -> Times:
    """(count,) seconds since midnight, rising: log-normal gaps on a clock that runs with `USE`."""
    sigma = np.sqrt(np.log1p(GAP_CV**2))
    gaps = random.lognormal(0, sigma, count + 1)
    return _spread(np.cumsum(gaps)[:-1] / gaps.sum())


def example_times(random: np.random.Generator, count: int) -> Times:
    """(count,) seconds since midnight, rising: with the use of the device, one in six at any hour."""
    anytime = random.random(count) < 1 / 6
    share = random.random(count)
    return np.sort(np.where(anytime, share * DAY_S, _by_use(share)))


def feedback_delays(random: np.random.Generator, count: int) -> Times:
    """(count,) seconds after the deadline until the user says what it was; NaN where nobody does."""
    delays = FEEDBACK_MEDIAN_S * random.lognormal(0, FEEDBACK_SPREAD, count)
    given = random.random(count) < FEEDBACK_SHARE
    return np.where(given, np.clip(delays, *FEEDBACK_S), np.nan)


def _spread(share: Times) -> Times:
    """Shares of the day's use → times, each at least `SMALLEST_GAP_S` after the one before."""
    steps = np.arange(len(share)) * SMALLEST_GAP_S
    spread: Times = np.minimum(np.maximum.accumulate(_by_use(share) - steps) + steps, DAY_S - 1 + steps)
    return spread


def _by_use(share: Times) -> Times:
    """The times by which those shares, within [0, 1], of the day's use have passed."""
    t_s = np.linspace(0, DAY_S, 24 * 60 + 1)
    use = np.interp(t_s, HOURS, USE)
    passed = np.concatenate([[0.0], np.cumsum((use[1:] + use[:-1]) / 2)])
    times: Times = np.interp(share, passed / passed[-1], t_s)
    return times
