"""How far the battery will be down, foretold from this device's own last days.

Day i fell by d_i = q_i(τ) − q_i(t) between this time of day t and the later one τ. With weights w_i, 1 for a day of the same
kind (working day or weekend) that was on the charger at t as today is, less for others, and n = (Σw)² / Σw²:

    m = Σ w d / Σ w        s² = Σ w (d − m)² / Σ w · n / (n − 1)
    q(τ) = q(t) + m  ±  T(n − 1) · s · √(1 + 1/n)          clipped to [0, 1]

T is Student's 97.5 % quantile: a new day of the same kind lies within in 95 of 100 cases if days are independent and normal.
Days that are not show in `earlier`, which foretells each past day from those before it and counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.observation import DAY_S

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

STEP_S = 900.0
"""Of the times of day that are foretold."""
LEAST_DAYS = 3
"""Whole days before anything is foretold."""
MOST_DAYS = 28
LONGEST_GAP_S = 7 * 3600.0
"""Between two looks at the battery, a little more than the longest sleep; what lies in a longer gap is not known."""
LEAST_S = 0.02
"""Of one deviation: no battery is told more exactly."""
OTHER_KIND, OTHER_PLUG = 0.5, 0.25
"""Weights of a day of the other kind, and of one that was on the charger where today is not."""
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110,
    2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""97.5 % quantiles for 1, 2, … degrees of freedom."""
EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
EASTMOST_S = 13.5 * 3600
"""A midnight of Auckland's summer, 13 h before Greenwich's, up to one of Hawaii's, 10 h after, belong to the same date."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Battery:
    """What was seen of it: (n,) rising times, states of charge and whether it charged."""

    t_s: Floats
    soc: Floats
    charging: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """(k,) times from the last look on, and what the battery is to be then."""

    t_s: Floats
    middle: Floats
    low: Floats
    high: Floats
    """The true one lies between in 95 of 100 cases."""
    days: int
    """Own days behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TooShort:
    """There is too little to foretell from."""

    days: int
    """Whole days that are known."""
    lacking: int
    """How many more it takes; 0: the charge of now is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """How earlier forecasts would have come out: made at the same time of day, each from the days before it."""

    foretold: int
    """How many."""
    within: int
    """Of those, ends of the day within the interval."""
    off: float
    """Mean distance of the end of the day from the middle; NaN for none."""


def forecast(battery: Battery, now_s: float, midnight_s: float, until_s: float) -> Forecast | TooShort:
    """From the last look at the battery to `until_s`, the end of today's local day at most; `now_s` lies in that day.

    Local days are taken to be 24 h long: on the two nights a year that are not, days are an hour askew.
    """
    days = _days(battery, midnight_s)
    today = days.soc.shape[0] - 1
    return _foretold(days, today, until_s - midnight_s, _last(battery, now_s))


def earlier(battery: Battery, now_s: float, midnight_s: float, until_s: float, most: int = 7) -> Earlier:
    """The last `most` days, of which both this time of day and the later one are known."""
    days, last = _days(battery, midnight_s), midnight_s
    today, misses = days.soc.shape[0] - 1, []
    within = 0
    for day in range(max(today - most, 0), today):
        at = last - (today - day) * DAY_S
        start = _last(battery, at + now_s - midnight_s)
        found = _last(battery, at + until_s - midnight_s)
        made = _foretold(days, day, until_s - midnight_s, start)
        if isinstance(made, Forecast) and found is not None:
            within += bool(made.low[-1] <= found.soc <= made.high[-1])
            misses.append(abs(found.soc - float(made.middle[-1])))
    off = float(np.mean(misses)) if misses else math.nan
    return Earlier(foretold=len(misses), within=within, off=off)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Days:
    """(days, times) of whole past days and today, which is the last."""

    soc: Floats
    charging: Floats
    weekend: NDArray[np.bool_]
    midnight_s: float
    """Today's."""


TIMES_S = np.arange(0.0, DAY_S + 1, STEP_S)


def _days(battery: Battery, midnight_s: float) -> _Days:
    known = np.isfinite(battery.soc)
    t_s = battery.t_s[known]
    back = int(np.ceil((midnight_s - t_s[0]) / DAY_S)) if t_s.size else 0
    numbers = np.arange(-min(max(back, 0), MOST_DAYS), 1)
    at_s = midnight_s + numbers[:, None] * DAY_S + TIMES_S
    return _Days(
        soc=_between(at_s, t_s, battery.soc[known]),
        charging=_between(at_s, t_s, np.nan_to_num(battery.charging[known])),
        weekend=at_weekend(midnight_s + numbers * DAY_S),
        midnight_s=midnight_s,
    )


def at_weekend(midnight_s: Floats) -> NDArray[np.bool_]:
    """Whether the days that begin at these local midnights, seconds since the Unix epoch, are Saturdays or Sundays."""
    weekend: NDArray[np.bool_] = (np.floor((midnight_s + EASTMOST_S) / DAY_S) + EPOCH_WEEKDAY) % 7 >= 5
    return weekend


def _between(at_s: Floats, t_s: Floats, values: Floats) -> Floats:
    """Linear between two looks; NaN outside, and in a gap."""
    if t_s.size < 2:
        return np.full(at_s.shape, np.nan)
    after = np.clip(np.searchsorted(t_s, at_s), 1, t_s.size - 1)
    seen = (t_s[0] <= at_s) & (at_s <= t_s[-1]) & (t_s[after] - t_s[after - 1] <= LONGEST_GAP_S)
    return np.where(seen, np.interp(at_s, t_s, values), np.nan)


class _Look(NamedTuple):
    """The battery as it was seen."""

    t_s: float
    soc: float
    charging: bool


def _last(battery: Battery, now_s: float) -> _Look | None:
    """As it was seen last, if that is not long ago."""
    recent = (battery.t_s <= now_s) & (battery.t_s >= now_s - LONGEST_GAP_S)
    known = np.flatnonzero(np.isfinite(battery.soc) & recent)
    if not known.size:
        return None
    last = known[-1]
    return _Look(float(battery.t_s[last]), float(battery.soc[last]), bool(battery.charging[last] > 0.5))


def _foretold(days: _Days, today: int, until: float, look: _Look | None) -> Forecast | TooShort:
    """Of one day from those before it; `until` since its midnight. A look before midnight counts as one at midnight."""
    past, midnight_s = days.soc[:today], days.midnight_s - (days.soc.shape[0] - 1 - today) * DAY_S
    at = 0.0 if look is None else max(look.t_s - midnight_s, 0.0)
    first = _at(past, at)
    times = np.append(TIMES_S[(at + STEP_S / 2 < TIMES_S) & (until - STEP_S / 2 > TIMES_S)], until)
    fell = (
        np.stack([_at(past, time) - first for time in times], axis=-1) if today else np.empty((0, len(times)))
    )
    whole = np.isfinite(fell).all(axis=-1)
    count = int(whole.sum())
    if count < LEAST_DAYS or look is None:
        return TooShort(days=count, lacking=max(LEAST_DAYS - count, 0))
    plugged = _at(days.charging[:today], at) > 0.5
    kind = np.where(days.weekend[:today] == days.weekend[today], 1.0, OTHER_KIND)
    weights = (kind * np.where(plugged == look.charging, 1.0, OTHER_PLUG))[whole]
    middle, spread = _mean(fell[whole], weights)
    rows = (np.insert(look.soc + row, 0, look.soc) for row in (middle, middle - spread, middle + spread))
    return Forecast(
        t_s=midnight_s + np.insert(times, 0, at),
        **dict(zip(("middle", "low", "high"), map(_clipped, rows), strict=True)),
        days=count,
    )


def _clipped(soc: Floats) -> Floats:
    return np.clip(soc, 0.0, 1.0)


def _at(rows: Floats, time: float) -> Floats:
    """(days, times) at one time of day."""
    place = min(time / STEP_S, rows.shape[-1] - 1.0)
    low = min(int(place), rows.shape[-1] - 2)
    return np.asarray(rows[:, low] + (place - low) * (rows[:, low + 1] - rows[:, low]))


def _mean(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(days, k) values → (k,) their mean, and how far a new one may lie from it."""
    share = weights / weights.sum()
    n = 1 / float(share @ share)
    mean = share @ values
    variance = share @ (values - mean) ** 2 * n / max(n - 1, 0.5)
    deviation = np.maximum(np.sqrt(variance), LEAST_S)
    return mean, student(n - 1) * deviation * math.sqrt(1 + 1 / n)


def student(freedom: ArrayLike) -> float:
    """The 97.5 % quantile of Student's distribution, of the next lower whole number of degrees, 1 at least, 30 at most."""
    return STUDENT[min(max(int(np.asarray(freedom)), 1), len(STUDENT)) - 1]
