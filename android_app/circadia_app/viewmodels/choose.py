"""What do I want?"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.forecast import TooShort
from circadia.foretelling import Foretelling, Interval
from circadia.observation import DAY_S
from circadia.types import Preference
from circadia_app.viewmodels.charts import Corner, Triangle
from circadia_app.viewmodels.day_chart import lacking
from circadia_app.viewmodels.energy import energy_of
from circadia_app.viewmodels.estimate import LEAST_ANSWERS
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.now import headed
from circadia_app.viewmodels.parts import Button, Chip, Slider, Switch
from circadia_app.viewmodels.states import state_of
from circadia_app.viewmodels.tokens import Do, Origin

if TYPE_CHECKING:
    from circadia.foretelling import Estimate
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.charts import Point
    from circadia_app.viewmodels.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A ready choice."""

    text: str
    preference: Preference
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One thing that the choice has an effect on."""

    name: str
    figure: str
    """Foretold; empty: not yet, and `interval` says from when."""
    interval: str
    last: str
    """Of the last 7 days as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectCard:
    """What the choice would do, from this device's own days."""

    heading: str
    chip: Chip
    last_heading: str
    rows: tuple[EffectRow, ...]
    outcome: str
    """How last week's foretelling came out, or from when that can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsCard:
    """What is never crossed."""

    heading: str
    sliders: tuple[Slider, ...]
    switches: tuple[Switch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """The screen of the preference. The header's button undoes, while there is something to undo."""

    frame: Frame
    intro: str
    triangle: Triangle
    ready: tuple[Ready, ...]
    effect: EffectCard
    limits: LimitsCard


NAMES = ("accuracy", "latency", "energy")
CORNERS: tuple[Point, Point, Point] = ((0.5, 1.0), (0.0, 0.0), (1.0, 0.0))
"""Of accuracy, latency and energy."""
READY = (
    ("choose.balanced", Preference()),
    ("choose.sharp", Preference(accuracy=0.6, latency=0.2, energy=0.2)),
    ("choose.long", Preference(accuracy=0.2, latency=0.2, energy=0.6)),
)
STEP = 0.05
"""Of a share, by the buttons at the corners."""
LAST_DAYS = 7
ROWS = (("accuracy", "accuracy.name"), ("latency", "effect.latency"), ("joules", "effect.energy"))
"""Fields of `circadia.foretelling.Foretelling`, and their names."""
OUTCOME = ("joules", "accuracy")
"""Of which it is told how they came out."""
FLOOR = (10.0, 80.0, 5.0)
WARMTH = (30.0, 50.0, 1.0)
"""Lowest, highest, step."""


def choose(snapshot: Snapshot, texts: Texts, before: Preference | None = None) -> Choose:
    """The screen of this moment. `before`: the preference when the screen was entered; None: as it is."""
    view = state_of(snapshot, texts)
    changed = before is not None and not _same(before, snapshot.preference)
    undo = Button(text=texts("choose.undo"), do=Do.UNDO) if changed else None
    return Choose(
        frame=Frame(heading=texts("choose.heading"), button=undo, banners=view.banners, muted=view.muted),
        intro=texts("choose.intro"),
        triangle=triangle(snapshot.preference, before if changed else None, texts),
        ready=tuple(
            Ready(text=texts(key), preference=ready, chosen=_same(ready, snapshot.preference))
            for key, ready in READY
        ),
        effect=_effect(snapshot, texts),
        limits=_limits(snapshot, texts),
    )


def triangle(preference: Preference, before: Preference | None, texts: Texts) -> Triangle:
    """A preference as a point, and the one before as a ring."""
    weights = astuple(preference)
    first, second, third = (
        Corner(key=name, name=texts(f"choose.{name}"), share=texts.share(weight), weight=weight, at=at)
        for name, weight, at in zip(NAMES, weights, CORNERS, strict=True)
    )
    tenths = (
        Preference(accuracy=a / 10, latency=(10 - a - e) / 10, energy=e / 10)
        for a in range(1, 9)
        for e in range(1, 10 - a)
    )
    return Triangle(
        corners=(first, second, third),
        point=point_of(preference),
        ring=None if before is None else point_of(before),
        dots=tuple(map(point_of, tenths)),
    )


def point_of(preference: Preference) -> Point:
    """Where it lies."""
    weights = astuple(preference)
    x, y = (sum(w * at[axis] for w, at in zip(weights, CORNERS, strict=True)) for axis in (0, 1))
    return x, y


def preference_at(point: Point) -> Preference:
    """The preference of a point, in whole steps of 5 %; the nearest one of a point outside."""
    accuracy = min(max(point[1], 0.0), 1.0)
    energy = min(max(point[0] - accuracy / 2, 0.0), 1.0 - accuracy)
    return in_steps(Preference(accuracy=accuracy, latency=1 - accuracy - energy, energy=energy))


def in_steps(preference: Preference) -> Preference:
    """The nearest one in whole steps that sum to 1."""
    steps = round(1 / STEP)
    wanted = [steps * weight for weight in astuple(preference)]
    whole = [math.floor(one) for one in wanted]
    for place in sorted(range(3), key=lambda i: whole[i] - wanted[i])[: steps - sum(whole)]:
        whole[place] += 1
    return Preference(**{name: one / steps for name, one in zip(NAMES, whole, strict=True)})


def stepped(preference: Preference, name: str, steps: int = 1) -> Preference:
    """So many steps more for one, taken from both others as they have it: what the corner's label does."""
    weights = dict(zip(NAMES, astuple(in_steps(preference)), strict=True))
    wanted = min(max(weights[name] + steps * STEP, 0.0), 1.0)
    others = [one for one in NAMES if one != name]
    left, had = 1 - wanted, sum(weights[one] for one in others)
    shares = {one: left * (weights[one] / had if had > 0 else 0.5) for one in others}
    return in_steps(Preference(**{name: wanted, **shares}))


def _same(one: Preference, other: Preference) -> bool:
    return all(abs(a - b) < STEP / 4 for a, b in zip(astuple(one), astuple(other), strict=True))


def _effect(snapshot: Snapshot, texts: Texts) -> EffectCard:
    """What the choice would do, beside what the last days were."""
    since_s = snapshot.clock_s - LAST_DAYS * DAY_S
    last = (
        _accuracy(snapshot, since_s, texts),
        _latency(snapshot, since_s, texts),
        _per_day(snapshot, since_s, texts),
    )
    return EffectCard(
        heading=headed(texts("effect.heading"), snapshot, texts),
        chip=Chip(origin=Origin.FORETOLD, text=texts("origin.foretold")),
        last_heading=texts("effect.last"),
        rows=tuple(
            _row(kind, key, was or texts("none"), snapshot, texts)
            for (kind, key), was in zip(ROWS, last, strict=True)
        ),
        outcome=_outcome(snapshot, texts),
    )


def _row(kind: str, key: str, last: str, snapshot: Snapshot, texts: Texts) -> EffectRow:
    """Foretold, or from when it can be."""
    effect, name = snapshot.effect, texts(key)
    if not isinstance(effect, Foretelling):
        waits = texts("effect.counting") if effect is None else lacking(effect, texts)
        return EffectRow(name=name, figure="", interval=waits, last=last)
    told = _told(kind, effect, LAST_DAYS, snapshot)
    if told is None:
        return EffectRow(name=name, figure="", interval=_untold(kind, snapshot, texts), last=last)
    middle, low, high = (_figure(kind, value, told, texts) for value in told)
    return EffectRow(name=name, figure=middle, interval=texts.interval(low, high), last=last)


def _told(kind: str, effect: Foretelling, days: float, snapshot: Snapshot) -> Interval | None:
    """Joules as a share of the battery; None: it cannot be told."""
    estimate: Estimate | None = getattr(effect, kind)
    if estimate is None:
        return None
    told = estimate.over(days)
    if kind != "joules":
        return told
    return Interval(*(end / snapshot.capacity_j for end in told)) if snapshot.capacity_j > 0 else None


def _figure(kind: str, value: float, of: Interval, texts: Texts) -> str:
    """With the digits that the largest of the three has."""
    if kind == "latency":
        return texts.duration(value)
    return texts.share(value, int(kind == "joules" and of.high < 0.0995))


def _untold(kind: str, snapshot: Snapshot, texts: Texts) -> str:
    """From when it can be told."""
    if kind == "accuracy":
        lacks = LEAST_ANSWERS - int(snapshot.past.requests.checked.sum())
        return texts.count("lacking.answers", lacks) if lacks > 0 else texts("effect.untold")
    return texts("effect.untold")


def _outcome(snapshot: Snapshot, texts: Texts) -> str:
    """What was foretold of the last days, and what was found."""
    came = snapshot.came
    if came is None:
        return texts("effect.lacking" if isinstance(snapshot.effect, TooShort) else "effect.outcome_later")
    found = {
        "accuracy": came.found.accuracy,
        "joules": came.found.joules / snapshot.capacity_j,
        "latency": came.found.latency,
    }
    told = ((kind, _told(kind, came.foretold, came.found.days, snapshot)) for kind in OUTCOME)
    sentences = [
        texts(
            f"effect.came.{kind}",
            n=texts.number(came.found.days),
            p=_figure(kind, of.middle, of, texts),
            likely=texts.likely(_figure(kind, of.low, of, texts), _figure(kind, of.high, of, texts)),
            found=_figure(kind, found[kind], of, texts),
        )
        for kind, of in told
        if of is not None and math.isfinite(found[kind])
    ]
    return " ".join(sentences) if sentences else texts("effect.outcome_later")


def _accuracy(snapshot: Snapshot, since_s: float, texts: Texts) -> str:
    asked = snapshot.past.requests
    recent = asked.t_s >= since_s
    of = int((asked.checked & recent).sum())
    return texts.share((asked.right & recent).sum() / of) if of >= LEAST_ANSWERS else ""


def _latency(snapshot: Snapshot, since_s: float, texts: Texts) -> str:
    asked = snapshot.past.requests
    taken = asked.latency_s[(asked.t_s >= since_s) & np.isfinite(asked.latency_s)]
    return texts.duration(float(np.median(taken))) if taken.size else ""


def _per_day(snapshot: Snapshot, since_s: float, texts: Texts) -> str:
    """Joules of a whole battery, of the days that are known."""
    share = battery_per_day(snapshot, since_s)
    return "" if math.isnan(share) else texts.share(share, int(share < 0.0995))


def battery_per_day(snapshot: Snapshot, since_s: float) -> float:
    """The joules of the time since then as a share of a full battery, for 24 hours; NaN before a day is known."""
    which = snapshot.since(since_s)
    ticks = snapshot.past.ticks
    if not len(ticks.t_s[which]) or not snapshot.capacity_j > 0:
        return math.nan
    lasted_s = snapshot.clock_s - float(ticks.t_s[which][0])
    found = energy_of(ticks, which, snapshot.clock_s)
    if found is None or lasted_s < DAY_S or sum(found.shares.values()) < 0.9:
        return math.nan
    return found.total_j / snapshot.capacity_j * DAY_S / (lasted_s * sum(found.shares.values()))


def _limits(snapshot: Snapshot, texts: Texts) -> LimitsCard:
    limits = snapshot.limits
    floor, warmth = 100 * limits.battery_floor, limits.temperature_c
    return LimitsCard(
        heading=texts("limits.heading"),
        sliders=(
            _slider("battery_floor", texts("limits.floor"), floor, FLOOR, texts.share(limits.battery_floor)),
            _slider("temperature_c", texts("limits.temperature"), warmth, WARMTH, texts.celsius(warmth)),
        ),
        switches=(
            Switch(key="train_only_charging", text=texts("limits.charging"), on=limits.train_only_charging),
            Switch(key="sync_only_unmetered", text=texts("limits.wifi"), on=limits.sync_only_unmetered),
            Switch(key="respect_power_save", text=texts("limits.saver"), on=limits.respect_power_save),
        ),
    )


def _slider(key: str, text: str, value: float, span: tuple[float, float, float], figure: str) -> Slider:
    """Its ends reach to a value that the configuration has beyond them."""
    low, high, step = span
    return Slider(
        key=key, text=text, value=value, low=min(low, value), high=max(high, value), step=step, figure=figure
    )
