"""What is it doing, and why?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.forecast import Forecast, earlier, forecast
from circadia.observation import DAY_S, HOUR_S
from circadia.types import Mode
from circadia_app.texts import NARROW, clock
from circadia_app.viewmodels.charts import EnergyBar, EnergyBars
from circadia_app.viewmodels.day_chart import ANSWERED, TRAINED, battery_day, lacking, ribbon
from circadia_app.viewmodels.energy import energy_of
from circadia_app.viewmodels.estimate import LEAST_ANSWERS, wilson
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Button, Chip, Tile
from circadia_app.viewmodels.states import GLYPHS, State, seen_now, state_of
from circadia_app.viewmodels.tokens import Colour, Do, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_app.texts import Texts
    from circadia_app.viewmodels.charts import BatteryDay, Ribbon
    from circadia_app.viewmodels.energy import Energy
    from circadia_app.viewmodels.parts import Title
    from circadia_app.viewmodels.snapshot import Snapshot
    from circadia_app.viewmodels.states import StateView

GOAL_S = 22 * HOUR_S
"""The time of day that the battery is foretold for."""
ACCURACY_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryCard:
    """A day of the battery and of what was done."""

    heading: str
    projection: str
    """`Tonight at 22:00 about 38 %`, or from when it can be foretold."""
    likely: str
    chart: BatteryDay
    ribbon: Ribbon
    as_text: tuple[str, ...]
    """The chart in words, for large letters and for reading aloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCard:
    """Joules of today."""

    heading: str
    chip: Chip | None
    """None: there are none."""
    figure: str
    share: str
    """Of a full battery; empty: its size is not known."""
    bars: EnergyBars
    notes: tuple[str, ...] = ()
    """Shares of mixed sources; what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The first screen."""

    frame: Frame
    title: Title
    reason: str
    held: tuple[str, ...]
    """A line for each limit that holds something back."""
    note: str
    """Muted, below; may be empty."""
    remedy: Button | None
    """What helps, where something does not work."""
    pauses: tuple[Button, ...]
    """What the header's button offers; empty: it acts at once."""
    battery: BatteryCard
    energy: EnergyCard
    accuracy: Tile
    freshness: Tile


def now(snapshot: Snapshot, texts: Texts) -> Now:
    """The first screen of this moment."""
    view = state_of(snapshot, texts)
    heading = texts("now.heading")
    return Now(
        frame=Frame(heading=heading, button=_button(view, texts), banners=view.banners, muted=view.muted),
        title=view.title,
        reason=view.reason,
        held=view.held,
        note=view.note,
        remedy=view.remedy,
        pauses=_pauses(view, texts),
        battery=battery_card(snapshot, texts),
        energy=energy_card(snapshot, texts),
        accuracy=accuracy_tile(snapshot, texts),
        freshness=freshness_tile(snapshot, texts),
    )


WORKING = {State.WORKING, State.WAITING, State.ONLY_SLEEPING, State.FAILING}
"""What can be paused."""


def _button(view: StateView, texts: Texts) -> Button | None:
    if view.state is State.PAUSED:
        return Button(text=texts("pause.longer"), do=Do.PAUSE)
    return (
        Button(text=texts("pause.button"), do=Do.PAUSE) if view.state in WORKING and not view.muted else None
    )


def _pauses(view: StateView, texts: Texts) -> tuple[Button, ...]:
    if view.state not in {*WORKING, State.PAUSED} or view.muted:
        return ()
    return (
        Button(text=texts("pause.hour"), do=Do.PAUSE_HOUR),
        Button(text=texts("pause.tomorrow"), do=Do.PAUSE_TOMORROW),
        Button(text=texts("pause.open"), do=Do.PAUSE_OPEN),
    )


def battery_card(snapshot: Snapshot, texts: Texts) -> BatteryCard:
    """Today's battery, and how far it will be down."""
    until_s = snapshot.midnight_s + goal_s(snapshot)
    battery = snapshot.battery()
    foretold = forecast(battery, snapshot.clock_s, snapshot.midnight_s, until_s)
    goal = clock(goal_s(snapshot)) if goal_s(snapshot) < DAY_S else "24:00"
    chart, band = battery_day(snapshot, foretold, texts), ribbon(snapshot, texts)
    likely = ""
    if isinstance(foretold, Forecast):
        projection = texts("battery.tonight", t=goal, p=texts.share(float(foretold.middle[-1])))
        likely = texts.likely(*(texts.share(float(end[-1])) for end in (foretold.low, foretold.high)))
    else:
        projection = lacking(foretold, texts)
        projection = texts("battery.foretold", when=_small(projection)) if foretold.lacking else projection
    return BatteryCard(
        heading=headed(texts("battery.heading"), snapshot, texts),
        projection=projection,
        likely=likely,
        chart=chart,
        ribbon=band,
        as_text=tuple(_told(snapshot, chart, band, projection, likely, texts)),
    )


def headed(heading: str, snapshot: Snapshot, texts: Texts) -> str:
    """A heading over simulated figures says so."""
    return texts("heading.simulated", heading=heading) if snapshot.simulated else heading


def goal_s(snapshot: Snapshot) -> float:
    """The time of day that is foretold: 22:00, after half past nine midnight."""
    local_s = snapshot.clock_s - snapshot.midnight_s
    return GOAL_S if local_s < GOAL_S - HOUR_S / 2 else DAY_S


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _told(
    snapshot: Snapshot, chart: BatteryDay, band: Ribbon, projection: str, likely: str, texts: Texts
) -> Iterator[str]:
    if chart.charge_text:
        yield texts("battery.at", p=f"{chart.charge_text}{NARROW}%")
    yield f"{projection}, {likely}." if likely else f"{projection}."
    if band.columns:
        trained, answered = (sum(c.height == height for c in band.columns) for height in (TRAINED, ANSWERED))
        yield texts("ribbon.text", a=trained, b=answered, n=len(band.columns))
    came = earlier(
        snapshot.battery(), snapshot.clock_s, snapshot.midnight_s, snapshot.midnight_s + goal_s(snapshot)
    )
    if came.foretold:
        yield texts("battery.earlier", n=came.foretold, k=came.within)


def energy_card(snapshot: Snapshot, texts: Texts) -> EnergyCard:
    """Today's joules."""
    heading = headed(texts("energy.heading"), snapshot, texts)
    today = snapshot.since(snapshot.midnight_s)
    found = (
        energy_of(snapshot.past.ticks, today, snapshot.clock_s)
        if len(snapshot.past.ticks.t_s[today])
        else None
    )
    if found is None:
        bars = EnergyBars(bars=(), origin=Origin.SIMULATED if snapshot.simulated else Origin.MODELLED)
        none = texts("energy.none")
        return EnergyCard(heading=heading, chip=None, figure="", share="", bars=bars, notes=(none,))
    weak = int(found.origin is not Origin.MEASURED)
    share = ""
    if snapshot.capacity_j > 0:
        part = found.total_j / snapshot.capacity_j
        share = texts("energy.share", p=texts.share(part, int(part < 0.0995)))
        share = texts("energy.share_small") if part < 0.0005 else share
    return EnergyCard(
        heading=heading,
        chip=Chip(origin=found.origin, text=texts(f"origin.{found.origin}")),
        figure=_sum(found, weak, texts),
        share=share,
        bars=EnergyBars(bars=_bars(found, weak, texts), origin=found.origin),
        notes=tuple(_notes(found, texts)),
    )


def _sum(found: Energy, weak: int, texts: Texts) -> str:
    """With ± of the meter or the model; a simulated sum has none."""
    if found.origin is Origin.SIMULATED or not found.bound_j > 0:
        return texts.joules(found.total_j, weak)
    figure, bound = texts.joules_all((found.total_j, found.bound_j), weak)
    (number, unit), error = figure.split(NARROW), bound.split(NARROW)[0]
    if not error.strip("0.,"):
        error = f"{error[:-1]}1"  # no error is none: the last digit may be off
    return f"{number}{NARROW}±{NARROW}{error}{NARROW}{unit}"


def _bars(found: Energy, weak: int, texts: Texts) -> tuple[EnergyBar, ...]:
    modes = ((Mode.SLEEP, "sleep", Colour.SLEEP), (Mode.SERVE, "answer", Colour.SERVE_HIGH))
    rows = (*modes, (Mode.TRAIN, "train", Colour.TRAIN_HIGH))
    joules = tuple(max(found.by_mode[mode], 0.0) for mode, *_ in rows)
    longest = max(*joules, 1e-12)
    figures = texts.joules_all(joules, weak)
    return tuple(
        EnergyBar(
            name=texts(f"mode.{key}"), glyph=GLYPHS[mode], colour=colour, length=one / longest, figure=figure
        )
        for (mode, key, colour), one, figure in zip(rows, joules, figures, strict=True)
    )


def _notes(found: Energy, texts: Texts) -> Iterator[str]:
    if len(found.shares) > 1:
        for source, share in found.shares.items():
            yield texts("energy.mixed", p=texts.share(share), source=texts(f"source.{source.value}"))
    missing = 1 - sum(found.shares.values())
    if missing >= 0.005:
        yield texts("energy.missing", p=texts.share(missing))


def accuracy_tile(snapshot: Snapshot, texts: Texts) -> Tile:
    """Of the answers of the last two weeks that somebody checked."""
    asked = snapshot.past.requests
    recent = asked.t_s >= snapshot.clock_s - ACCURACY_DAYS * DAY_S
    of, right = int((asked.checked & recent).sum()), int((asked.right & recent).sum())
    name = texts("accuracy.name")
    if of < LEAST_ANSWERS:
        return Tile(name=name, figure="", lines=(texts.count("lacking.answers", LEAST_ANSWERS - of),))
    share = wilson(right, of)
    likely = texts.likely(texts.share(share.low), texts.share(share.high))
    return Tile(name=name, figure=texts.share(share.middle), lines=(likely, texts.count("accuracy.of", of)))


def freshness_tile(snapshot: Snapshot, texts: Texts) -> Tile:
    """Time since it last learned, model and how far behind."""
    name, seen = texts("fresh.name"), seen_now(snapshot)[0]
    status = snapshot.live.status if snapshot.live else None
    version = status.version if status else snapshot.past.kept.version
    behind = int(seen.versions_behind) if seen.versions_behind > 0 else 0
    model = texts("fresh.own")
    if version:
        model = texts.count("fresh.behind", behind, v=version) if behind else texts("fresh.model", v=version)
    learned_s = last_training_s(snapshot)
    if math.isnan(learned_s):
        return Tile(name=name, figure="", lines=(texts("fresh.never"), model))
    ago = texts.duration(max(snapshot.clock_s - learned_s, 0.0))
    return Tile(name=name, figure=ago, lines=(texts("fresh.since"), model))


def last_training_s(snapshot: Snapshot) -> float:
    """By the agent's clock; NaN: never, as far as the record reaches back."""
    ticks = snapshot.past.ticks
    trained = np.isin(ticks.tick_id, list(snapshot.past.trained))
    return float(ticks.t_s[trained][-1]) if trained.any() else math.nan
