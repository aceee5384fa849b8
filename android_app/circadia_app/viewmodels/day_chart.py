"""A day as points: the charge above, what was done below, on one axis of 24 hours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import FACTS
from circadia.forecast import LONGEST_GAP_S, Forecast
from circadia.observation import DAY_S
from circadia_app.viewmodels.charts import BatteryDay, Column, Legend, Mark, Projection, Ribbon, Span
from circadia_app.viewmodels.tokens import Colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.forecast import TooShort
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.charts import Line
    from circadia_app.viewmodels.snapshot import Snapshot

    Floats = NDArray[np.float64]

QUARTER_S = 900.0
SLEPT, ANSWERED, TRAINED = 4 / 48, 28 / 48, 1.0
"""Heights of the ribbon's columns."""
LEAST_CHANGE = 0.004
"""Of the charge: points that change less are passed over."""
LEAST_LABEL = 0.14
"""A stretch on the charger is as wide as this before it carries words."""
RIBBON = (
    (SLEPT, Colour.SLEEP),
    (ANSWERED, Colour.SERVE_LOW),
    (ANSWERED, Colour.SERVE_HIGH),
    (TRAINED, Colour.TRAIN_LOW),
    (TRAINED, Colour.TRAIN_HIGH),
)
"""By rank: the highest of a quarter counts."""


def battery_day(snapshot: Snapshot, foretold: Forecast | TooShort, texts: Texts) -> BatteryDay:
    """Today's."""
    ticks = snapshot.past.ticks
    today = snapshot.since(snapshot.midnight_s - LONGEST_GAP_S)
    t_s, soc = ticks.t_s[today], ticks.column("battery_soc")[today]
    charging = ticks.column("charging")[today] > 0
    x = (t_s - snapshot.midnight_s) / DAY_S
    now = _x(snapshot.clock_s, snapshot)
    pieces = tuple(_thinned(x[part], soc[part]) for part in _parts(t_s, np.isfinite(soc)))
    pieces = tuple(piece for piece in (_from_midnight(piece) for piece in pieces) if piece)
    spans = tuple(_span(x, t_s, part, snapshot) for part in _parts(t_s, charging))
    spans = tuple(span for span in spans if span.end > span.start)
    last = _last(soc)
    floor = snapshot.limits.battery_floor
    return BatteryDay(
        charge=pieces,
        charger=spans,
        charger_text=texts("battery.charger") if any(s.end - s.start >= LEAST_LABEL for s in spans) else "",
        floor=Mark(at=floor, text=texts("battery.floor", p=texts.number(100 * floor))) if floor > 0 else None,
        levels=(Mark(at=0.0), Mark(at=0.5, text=texts.number(50)), Mark(at=1.0, text=texts.share(1.0))),
        hours=tuple(Mark(at=h / 24, text=f"{h:02}:00") for h in (0, 6, 12, 18, 24)),
        now=Mark(at=now, text=texts("battery.now")),
        charge_text="" if math.isnan(last) else texts.number(100 * last),
        projection=_projection(snapshot, foretold, texts) if isinstance(foretold, Forecast) else None,
        lacking="" if isinstance(foretold, Forecast) else lacking(foretold, texts),
    )


def lacking(foretold: TooShort, texts: Texts) -> str:
    """From when the battery can be foretold."""
    if not foretold.lacking:
        return texts("lacking.charge")
    return texts("lacking.tomorrow") if foretold.lacking == 1 else texts("lacking.days", n=foretold.lacking)


def ribbon(snapshot: Snapshot, texts: Texts) -> Ribbon:
    """Of today, a column a quarter of an hour."""
    ticks = snapshot.past.ticks
    today = snapshot.since(snapshot.midnight_s)
    action, t_s = ticks.action[today], ticks.t_s[today]
    known = action >= 0
    place = np.where(known, action, 0)
    trains, serves, high = FACTS.trains[place], FACTS.serves[place], FACTS.high[place]
    did = serves & ((ticks.served[today] > 0) | trains)  # looking for requests and finding none is no answer
    rank = np.where(trains, 3 + high, np.where(did, 1 + high, 0)) * known
    quarter = ((t_s - snapshot.midnight_s) // QUARTER_S).astype(int)
    ranks = np.full(96, -1)
    inside = (quarter >= 0) & (quarter < 96)
    np.maximum.at(ranks, quarter[inside], rank[inside])
    since = slice(max(today.start - 1, 0), None)  # a sleep that began yesterday
    ranks = _slept_through(ranks, ticks.t_s[since], ticks.sleep_s[since], snapshot)
    return Ribbon(
        columns=tuple(_column(int(q), int(ranks[q]), snapshot) for q in np.flatnonzero(ranks >= 0)),
        wake=_wake(snapshot, texts),
        legend=legend(texts),
        lacking="" if (ranks >= 0).any() else texts("lacking.today"),
    )


def legend(texts: Texts) -> tuple[Legend, ...]:
    """What the columns' colours are."""
    slow, fast = texts("clock.slow"), texts("clock.fast")
    return (
        Legend(text=texts("mode.sleep"), colour=Colour.SLEEP),
        Legend(text=f"{texts('mode.answer')} {slow}", colour=Colour.SERVE_LOW),
        Legend(text=fast, colour=Colour.SERVE_HIGH),
        Legend(text=f"{texts('mode.train')} {slow}", colour=Colour.TRAIN_LOW),
        Legend(text=fast, colour=Colour.TRAIN_HIGH),
    )


def _slept_through(
    ranks: NDArray[np.int64], t_s: Floats, sleep_s: Floats, snapshot: Snapshot
) -> NDArray[np.int64]:
    """A sleep that goes over quarters in which nothing was decided fills them; a gap in which nothing ran does not."""
    ends_s = np.append(t_s[1:], snapshot.clock_s)
    planned_s = np.where(np.isfinite(sleep_s), sleep_s + QUARTER_S, LONGEST_GAP_S / 2)
    for i in np.flatnonzero(ends_s - t_s > QUARTER_S / 2):
        end_s = min(ends_s[i], t_s[i] + planned_s[i])
        first, last = ((at - snapshot.midnight_s) // QUARTER_S for at in (t_s[i], end_s))
        between = ranks[max(int(first), 0) : max(min(int(last) + 1, 96), 0)]
        between[between < 0] = 0
    return ranks


def _column(quarter: int, rank: int, snapshot: Snapshot) -> Column:
    height, colour = RIBBON[rank]
    start_s = snapshot.midnight_s + quarter * QUARTER_S
    return Column(
        start=quarter / 96,
        end=(quarter + 1) / 96,
        height=height,
        colour=colour,
        start_s=start_s,
        end_s=start_s + QUARTER_S,
    )


def _wake(snapshot: Snapshot, texts: Texts) -> Mark | None:
    status = snapshot.live.status if snapshot.live and snapshot.there else None
    if status is None or not status.next_wake_s > snapshot.clock_s:
        return None
    at = _x(status.next_wake_s, snapshot)
    text = texts("battery.wakes", t=snapshot.time(status.next_wake_s, texts))
    return Mark(at=at, text=text) if at <= 1 else None


def _x(t_s: float, snapshot: Snapshot) -> float:
    return (t_s - snapshot.midnight_s) / DAY_S


def _last(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if known.size else math.nan


def _parts(t_s: Floats, holds: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Places of each stretch in which it holds, without a gap in time."""
    places = np.flatnonzero(holds)
    if not places.size:
        return []
    breaks = (np.diff(places) > 1) | (np.diff(t_s[places]) > LONGEST_GAP_S)
    return np.split(places, np.flatnonzero(breaks) + 1)


def _thinned(x: Floats, soc: Floats) -> Line:
    """First, last, and where the charge has moved by something since the point before."""
    line, at = [(float(x[0]), float(soc[0]))], 0
    for place in np.flatnonzero(np.abs(np.diff(soc, prepend=soc[0])) > 0):
        if abs(soc[place] - line[-1][1]) >= LEAST_CHANGE:
            if place - 1 > at:
                line.append((float(x[place - 1]), float(soc[place - 1])))
            line.append((float(x[place]), float(soc[place])))
            at = int(place)
    if len(x) - 1 > at:
        line.append((float(x[-1]), float(soc[-1])))
    return tuple(line)


def _from_midnight(line: Line) -> Line:
    """Without what was before midnight, cut there."""
    inside = tuple((x, y) for x, y in line if x >= 0)
    before = [(x, y) for x, y in line if x < 0]
    if inside and before and inside[0][0] > 0:
        (x0, y0), (x1, y1) = before[-1], inside[0]
        return ((0.0, y0 + (y1 - y0) * (0 - x0) / (x1 - x0)), *inside)
    return inside


def _span(x: Floats, t_s: Floats, part: NDArray[np.int64], snapshot: Snapshot) -> Span:
    """To the first look at which it charged no more, or to now."""
    after = int(part[-1]) + 1
    end = float(x[after]) if after < len(x) else _x(snapshot.clock_s, snapshot)
    gap = t_s[after] - t_s[part[-1]] > LONGEST_GAP_S if after < len(x) else False
    return Span(start=max(float(x[part[0]]), 0.0), end=max(float(x[part[-1]]) if gap else min(end, 1.0), 0.0))


def _projection(snapshot: Snapshot, foretold: Forecast, texts: Texts) -> Projection:
    x = [(float(t) - snapshot.midnight_s) / DAY_S for t in foretold.t_s]
    middle, low, high = (
        tuple(zip(x, (float(y) for y in row), strict=True))
        for row in (foretold.middle, foretold.low, foretold.high)
    )
    return Projection(middle=middle, low=low, high=high, text=texts.number(100 * float(foretold.middle[-1])))
