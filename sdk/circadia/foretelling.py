"""What a preference, or other limits, would do: joules a day, the usual time to an answer, accuracy, each with an interval.

A device's own last days are lived again (`circadia.reliving`) as they were decided, b, and as they would be, a. Of day i
with w_i what was done (wakes, answers, steps, exchanges) and β the joules of each, out of the same record:

    joules     f_i = found_i + (w_i^a − w_i^b) · β
    latency    ln f_i = ln median_i^a + e^−|c_i| · (ln found_i − ln median_i^b),    c_i = ln median_i^a − ln median_i^b
    accuracy   f_i = found_i + γ · (z_i^a − z_i^b),    z = mean of ln(1 + hours since it last learned) at its answers,
               γ: regression of right answers on z within days, so that what was learned from day to day is not taken for it

Days to come are taken to be like these n: the mean of k of them lies in

    mean f  ±  (T(n − 1) · s · √(1/n + 1/k) + beyond)

with s the deviation of f_i, T Student's 97.5 % quantile, and *beyond* what days do not tell: how far the days, lived again as
they were decided, are from what was found, a share of the change itself, and γ's own error. That share was chosen so that
simulated phones that did change came to lie within (`tools/bench foretold`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.actions import FACTS
from circadia.forecast import LONGEST_GAP_S, TooShort, student
from circadia.observation import DAY_S, HOUR_S
from circadia.reliving import asked_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.history import Ticks
    from circadia.reliving import Asked, Life, Outside

    Floats = NDArray[np.float64]

MOST_DAYS, LEAST_DAYS = 7, 3
"""Days that are lived again."""
MOST_TICKS = 6000
"""Each takes a millisecond or so to be lived again, twice under each choice."""
WHOLE = 0.9
"""Of a day, to be counted as one."""
LEAST_ANSWERS = 20
"""Checked, before their accuracy is told."""
LEAST_TAKEN = 7
"""Answers, before their median latency is."""
OFF_JOULES, OFF_LATENCY = 0.15, 0.05
"""Of a change in joules, and in the logarithm of latency: so far off a life of first order may be."""
WIDEST = 0.15
"""An accuracy that can only be told with a wider half of an interval, over as many days, is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of the mean of days to come; in logarithms where `logarithmic`."""

    middle: float
    daily: float
    """Deviation of one day."""
    days: int
    """Behind it."""
    beyond: float = 0.0
    """What does not shrink with days."""
    logarithmic: bool = False
    share: bool = False
    """Whether it lies between 0 and 1; no other is below 0."""

    def over(self, days: float) -> Interval:
        """Of the mean of so many days to come."""
        half = self.half(days)
        ends = (self.middle, self.middle - half, self.middle + half)
        found = map(math.exp, ends) if self.logarithmic else ends
        highest = 1.0 if self.share else math.inf
        return Interval(*(min(max(end, 0.0), highest) for end in found))

    def half(self, days: float) -> float:
        """Of its interval, in logarithms where it is."""
        return student(self.days - 1) * self.daily * math.sqrt(1 / self.days + 1 / days) + self.beyond


class Interval(NamedTuple):
    """The true one lies between the ends in 95 of 100 cases, as far as days are alike."""

    middle: float
    low: float
    high: float

    def holds(self, found: float) -> bool:
        """Whether what came lies within."""
        return self.low <= found <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretelling:
    """Of one choice; None: it cannot be told of this record."""

    days: int
    joules: Estimate | None
    """A day."""
    latency: Estimate | None
    """Seconds, of the median."""
    accuracy: Estimate | None
    """Share of right ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a stretch came to, to be held against what was foretold; NaN: the record does not tell."""

    days: float
    joules: float
    """A day."""
    latency: float
    """Seconds, the median."""
    accuracy: float


def found_in(outside: Outside, start_s: float, end_s: float) -> Found:
    """Of the decisions that began between two times."""
    ticks, requests = outside.ticks, outside.requests
    lasted_s = np.diff(ticks.t_s, append=ticks.t_s[-1])
    within = (ticks.t_s >= start_s) & (ticks.t_s < end_s)
    known = within & np.isfinite(ticks.energy_j) & (ticks.source >= 0) & (lasted_s > 0)
    told_s, whole_s = float(lasted_s[known].sum()), float(lasted_s[within].sum())
    mine = (requests.t_s >= start_s) & (requests.t_s < end_s)
    taken = requests.latency_s[mine & np.isfinite(requests.latency_s)]
    checked = int((requests.checked & mine).sum())
    return Found(
        days=whole_s / DAY_S,
        joules=float(ticks.energy_j[known].sum()) * DAY_S / told_s
        if told_s >= WHOLE * max(whole_s, 1.0)
        else math.nan,
        latency=float(np.median(taken)) if len(taken) >= LEAST_TAKEN else math.nan,
        accuracy=float((requests.right & mine).sum()) / checked if checked >= LEAST_ANSWERS else math.nan,
    )


def span_of(ticks: Ticks) -> tuple[float, int]:
    """Where the last whole days of a record begin, and how many there are; they end with it.

    At most `MOST_DAYS`, and fewer where they would have more than `MOST_TICKS`, but no less than it takes.
    """
    if len(ticks) < 2:
        return 0.0, 0
    end_s, days = float(ticks.t_s[-1]), int((ticks.t_s[-1] - ticks.t_s[0]) / DAY_S)
    days = min(days, MOST_DAYS)
    while days > LEAST_DAYS and (ticks.t_s >= end_s - days * DAY_S).sum() > MOST_TICKS:
        days -= 1
    return end_s - days * DAY_S, days


def foretell(
    outside: Outside, before: Sequence[Life], after: Sequence[Life], *, widest: float = WIDEST
) -> Foretelling | TooShort:
    """Of the record's last days, lived again some times as they were decided, and as they would be.

    `widest`: half of an interval of accuracy.
    """
    start_s, count = span_of(outside.ticks)
    days = _Days(start_s, count)
    kept = [day for day in range(count) if days.covered(outside.ticks)[day] >= WHOLE]
    if len(kept) < LEAST_DAYS:
        return TooShort(days=len(kept), lacking=LEAST_DAYS - len(kept))
    accuracy = _accuracy(outside, before, after, days, kept)
    return Foretelling(
        days=len(kept),
        joules=_joules(outside, before, after, days, kept),
        latency=_latency(outside, before, after, days, kept),
        accuracy=None if accuracy is None or accuracy.half(len(kept)) > widest else accuracy,
    )


class _Days:
    """Days by number, from a moment on."""

    def __init__(self, start_s: float, count: int) -> None:
        self.start_s, self.count = start_s, count

    def of(self, t_s: Floats) -> NDArray[np.int64]:
        """(n,) the day of each; −1: none."""
        day = np.floor((t_s - self.start_s) / DAY_S).astype(np.int64)
        return np.where((day >= 0) & (day < self.count), day, -1)

    def sums(self, t_s: Floats, values: Floats) -> Floats:
        """(n,) or (n, k) values → (days,) or (days, k)."""
        day, found = self.of(t_s), np.zeros((self.count, *values.shape[1:]))
        np.add.at(found, day[day >= 0], values[day >= 0])
        return found

    def spread(self, t_s: Floats, values: Floats) -> Floats:
        """(n,) values, each of the time from one of `t_s` to the next → (days,): what lasts over a midnight is shared out."""
        so_far = np.concatenate([[0.0], np.cumsum(values[:-1])])
        return np.diff(np.interp(self.start_s + np.arange(self.count + 1) * DAY_S, t_s, so_far))

    def covered(self, ticks: Ticks) -> Floats:
        """(days,) shares in which it ran."""
        lasted_s = np.diff(ticks.t_s, append=ticks.t_s[-1])
        return self.spread(ticks.t_s, np.where(lasted_s <= LONGEST_GAP_S, lasted_s, 0.0)) / DAY_S


def _estimate(of_days: Floats, beyond: float, *, logarithmic: bool = False, least: float = 0.0) -> Estimate:
    return Estimate(
        middle=float(of_days.mean()),
        daily=max(float(of_days.std(ddof=1)), least),
        days=len(of_days),
        beyond=beyond,
        logarithmic=logarithmic,
    )


# Joules

WAKE, ANSWER, STEP, EXCHANGE = slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 6)
"""Places of what is done in a wake: that it woke; answers and training steps at either clock; whether it exchanged."""


def _done(action: NDArray[np.int64], answers: NDArray[np.int64]) -> Floats:
    """(n,) actions and how many they answered → (n, 6)."""
    known = action >= 0
    place = np.where(known, action, 0)
    high = FACTS.high[place]
    steps = FACTS.steps[place]
    columns = (known, answers * ~high, answers * high, steps * ~high, steps * high, FACTS.syncs[place])
    return np.stack([np.asarray(column, float) * known for column in columns], axis=-1)


def _joules(
    outside: Outside, before: Sequence[Life], after: Sequence[Life], days: _Days, kept: list[int]
) -> Estimate | None:
    ticks = outside.ticks
    lasted_s = np.diff(ticks.t_s, append=ticks.t_s[-1])
    known = np.isfinite(ticks.energy_j) & (ticks.source >= 0) & (lasted_s > 0)
    told_s = days.spread(ticks.t_s, np.where(known, lasted_s, 0.0))[kept]
    if (told_s < WHOLE * DAY_S).any():
        return None
    found = days.spread(ticks.t_s, np.where(known, ticks.energy_j, 0.0))[kept] * DAY_S / told_s
    did = _done(ticks.action, np.where(ticks.column("queue_length") > 0, ticks.served, 0))
    was, would = (
        np.mean([days.sums(one.t_s, _done(one.action, one.answers)) for one in lives], axis=0)[kept]
        for lives in (before, after)
    )
    used = (was + would + days.sums(ticks.t_s, did)[kept]).sum(0) > 0
    each = _each_j(ticks, did, lasted_s, known)
    if not np.isfinite(each[used]).all():
        return None
    each = np.where(used, each, 0.0)
    change = (would - was) @ each
    off = (days.sums(ticks.t_s, did)[kept] - was) @ each
    changed = bool(np.abs(would - was).max() > 0)
    beyond = changed * (abs(float(off.mean())) + OFF_JOULES * abs(float(change.mean())))
    return _estimate(found + change, beyond)


def _each_j(ticks: Ticks, did: Floats, lasted_s: Floats, known: NDArray[np.bool_]) -> Floats:
    """(6,) joules of a wake, an answer, a step, an exchange, as this record has them; NaN where it does not tell.

    Of answers and steps as the meter told them apart; else, as all the rest, by regression beside the time that passed,
    with the user there and not.
    """
    each = np.full(6, np.nan)
    apart = known & np.isfinite(ticks.work_j).all(-1)
    work_j = np.zeros(len(ticks))
    if apart.sum() >= known.sum() / 2:
        known, work_j = apart, ticks.work_j.sum(-1)
        for places, kind in ((ANSWER, 0), (STEP, 1)):
            for place in range(places.start, places.stop):
                other = places.start + places.stop - 1 - place
                alone = known & (did[:, place] > 0) & (did[:, other] == 0)
                if alone.any():
                    each[place] = ticks.work_j[alone, kind].sum() / did[alone, place].sum()
    user = np.nan_to_num(ticks.column("user_active"))
    fitted = np.isnan(each) & (did[known].sum(0) > 0)
    design = np.column_stack([lasted_s * user, lasted_s * (1 - user), did[:, fitted]])[known]
    weight = 1 / np.sqrt(np.maximum(lasted_s[known], 60.0))
    solved = np.linalg.lstsq(design * weight[:, None], (ticks.energy_j - work_j)[known] * weight, rcond=None)[
        0
    ]
    each[fitted] = np.maximum(solved[2:], 0.0)
    for places in (ANSWER, STEP):  # a clock that was never used costs as the other
        pair = each[places]
        pair[np.isnan(pair)] = pair[~np.isnan(pair)].mean() if (~np.isnan(pair)).any() else np.nan
    if np.isnan(each[STEP]).all():
        steps_j = ticks.column("training_step_j")
        each[STEP] = np.nanmedian(steps_j) if np.isfinite(steps_j).any() else np.nan
    if np.isnan(each[EXCHANGE]).all():
        session_j = ticks.column("radio_session_j")
        each[EXCHANGE] = np.nanmedian(session_j) if np.isfinite(session_j).any() else np.nan
    return each


# Latency


def _latency(
    outside: Outside, before: Sequence[Life], after: Sequence[Life], days: _Days, kept: list[int]
) -> Estimate | None:
    requests, asked = outside.requests, asked_of(outside)
    answered = np.isfinite(requests.latency_s)
    found = _medians(requests.t_s[answered], requests.latency_s[answered], days, kept)
    was, would = (_lived_medians(lives, asked, days, kept) for lives in (before, after))
    told = np.isfinite(found + was + would)
    told[-1] = False  # of all days together
    if told.sum() < LEAST_DAYS:
        return None
    change = would - was
    # What moves far away does not take along by how much it was misjudged here.
    stays = np.exp(-np.abs(change)) * (found - was)
    f = would + stays
    beyond = bool(np.abs(change[told]).max() > 0) * (abs(stays[-1]) + OFF_LATENCY * abs(change[-1]))
    return Estimate(
        middle=float(f[-1]),
        daily=max(float(f[told].std(ddof=1)), 0.05),
        days=int(told.sum()),
        beyond=float(beyond),
        logarithmic=True,
    )


def _lived_medians(lives: Sequence[Life], asked: Asked, days: _Days, kept: list[int]) -> Floats:
    """Over all lives together, with what was answered at once."""
    t_s = np.concatenate([one.answered_s for one in lives] + [asked.at_once_s] * len(lives))
    latency_s = np.concatenate([one.latency_s for one in lives] + [asked.at_once_latency_s] * len(lives))
    return _medians(t_s, latency_s, days, kept)


def _medians(t_s: Floats, latency_s: Floats, days: _Days, kept: list[int]) -> Floats:
    """(kept days + 1,) logarithms, the last of all of them; NaN where there are too few."""
    day = days.of(t_s)
    rows = [*(latency_s[day == number] for number in kept), latency_s[np.isin(day, kept)]]
    return np.array(
        [math.log(max(np.median(row), 1e-3)) if len(row) >= LEAST_TAKEN else math.nan for row in rows]
    )


# Accuracy


def _accuracy(
    outside: Outside, before: Sequence[Life], after: Sequence[Life], days: _Days, kept: list[int]
) -> Estimate | None:
    requests = outside.requests
    checked = requests.checked
    day = days.of(requests.t_s)[checked]
    right = requests.right[checked].astype(float)
    told = [number for number in kept if (day == number).any()]
    if int(np.isin(day, kept).sum()) < LEAST_ANSWERS or len(told) < LEAST_DAYS:
        return None
    row = np.searchsorted(outside.ticks.t_s, requests.t_s[checked], side="right") - 1
    age = _waited(outside.ticks.column("trained_age_s")[np.clip(row, 0, None)])
    slope, off = _within(right, age, day, told)
    was, would = (_mean_age(lives, days, told) for lives in (before, after))
    change = would - was
    if not math.isfinite(change):
        return None
    if not change:
        slope = off = 0.0
    beyond = student(len(told) - 1) * off * abs(change)
    counts = np.array([(day == number).sum() for number in told])
    shares = np.array([right[day == number].mean() for number in told])
    middle = float((shares * counts).sum() / counts.sum()) + slope * change
    own = math.sqrt(float(counts @ (shares - shares @ counts / counts.sum()) ** 2 / counts.sum()))
    drawn = math.sqrt(max(middle * (1 - middle), 0.01) / float(counts.mean()))  # of so few answers a day
    return Estimate(
        middle=min(max(middle, 0.0), 1.0), daily=max(own, drawn), days=len(told), beyond=beyond, share=True
    )


def _waited(age_s: Floats) -> Floats:
    return np.asarray(np.log1p(np.minimum(age_s, DAY_S) / HOUR_S))


def _within(right: Floats, age: Floats, day: NDArray[np.int64], told: list[int]) -> tuple[float, float]:
    """Slope within days, and its error by leaving out a day at a time; infinite where ages do not differ."""
    use = np.isin(day, told) & np.isfinite(age)
    parts = []
    for number in told:
        mine = use & (day == number)
        if mine.any():
            apart = age[mine] - age[mine].mean()
            parts.append((float(apart @ (right[mine] - right[mine].mean())), float(apart @ apart)))
    products, squares = np.array(parts).T if parts else (np.zeros(0), np.zeros(0))
    left = squares.sum() - squares
    if len(parts) < LEAST_DAYS or not left.min() > 1e-6:
        return 0.0, math.inf
    slopes, n = (products.sum() - products) / left, len(parts)
    off = math.sqrt((n - 1) / n * float(((slopes - slopes.mean()) ** 2).sum()))
    return float(products.sum() / squares.sum()), off


def _mean_age(lives: Sequence[Life], days: _Days, told: list[int]) -> float:
    ages = [_waited(one.learned_age_s)[np.isin(days.of(one.answered_s), told)] for one in lives]
    known = np.concatenate(ages)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else math.nan
