"""What happened?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE, FACTS, SLEEP
from circadia.observation import DAY_S
from circadia.ranges import is_real
from circadia.reasons import held_back
from circadia.types import Mode, Observation, Source
from circadia_app.texts import clock
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Button
from circadia_app.viewmodels.states import GLYPHS, colour_of, held_until, held_what, state_of
from circadia_app.viewmodels.tokens import Colour, Do, Glyph, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_app.journal import Entry
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A choice of rows."""

    kind: Kind
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """Something that happened; a run of equal sleeps is one."""

    time: str
    at_s: float
    glyph: Glyph
    colour: Colour
    sentence: str
    detail: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDay:
    """The rows of one day, the latest first."""

    heading: str
    count: str
    """`164 decisions`."""
    rows: tuple[LogRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The screen of what happened. The header's button shares: first the file is shown."""

    frame: Frame
    filters: tuple[Filter, ...]
    days: tuple[LogDay, ...]
    empty: str
    """What is said instead of rows."""
    footer: str
    share: str
    """The file that would be shared: figures and times, no examples."""


MOST_ROWS = 300
"""The oldest are left to the shared file's reader: the store."""
MOST_TURNS = 2000
"""Changes of limits that are looked at."""
SOURCES = tuple(Source)


def log(
    snapshot: Snapshot, texts: Texts, kind: Kind = Kind.ALL, between: tuple[float, float] | None = None
) -> Log:
    """The screen of this moment. `between`: only what happened then, by the agent's clock, as a touch on the ribbon asks."""
    view = state_of(snapshot, texts)
    rows = sorted(_rows(snapshot, texts, between), key=lambda row: -row.at_s)
    shown = [row for row in rows if kind in {Kind.ALL, row.kind}][:MOST_ROWS]
    return Log(
        frame=Frame(
            heading=texts("log.heading"),
            button=Button(text=texts("log.share"), do=Do.SHARE, enabled=bool(rows)),
            banners=view.banners,
            muted=view.muted,
        ),
        filters=tuple(Filter(kind=one, text=texts(key), chosen=one is kind) for one, key in FILTERS),
        days=tuple(_days(shown, snapshot, texts)),
        empty="" if shown else texts("log.empty_kind" if rows else "log.empty"),
        footer=texts("log.footer"),
        share=_share(rows[:MOST_ROWS], snapshot, texts),
    )


FILTERS = (
    (Kind.ALL, "log.all"),
    (Kind.DECISIONS, "log.decisions_filter"),
    (Kind.HELD, "log.held"),
    (Kind.EXITS, "log.exits"),
    (Kind.ERRORS, "log.errors"),
)


def _rows(snapshot: Snapshot, texts: Texts, between: tuple[float, float] | None) -> Iterator[LogRow]:
    start_s, end_s = between or (-np.inf, np.inf)
    rows = (
        *_decisions(snapshot, texts),
        *_held(snapshot, texts),
        *_journal(snapshot, texts),
        *_refused(snapshot, texts),
    )
    return (row for row in rows if start_s <= row.at_s < end_s)


def _decisions(snapshot: Snapshot, texts: Texts) -> Iterator[LogRow]:
    """The newest, a run of sleeps that did nothing else as one."""
    ticks = snapshot.past.ticks
    if not len(ticks):
        return
    place = np.where(ticks.action >= 0, ticks.action, 0)
    idle = ~FACTS.trains[place] & (ticks.served == 0) & (ticks.expired == 0) & ~FACTS.syncs[place]
    starts = np.flatnonzero(~idle | np.insert(~idle[:-1], 0, True))
    ends = np.append(starts[1:], len(ticks)) - 1
    for first, last in zip(starts[-MOST_ROWS:].tolist(), ends[-MOST_ROWS:].tolist(), strict=True):
        yield _sleeps(snapshot, first, last, texts) if idle[first] else _work(snapshot, first, texts)


def _sleeps(snapshot: Snapshot, first: int, last: int, texts: Texts) -> LogRow:
    ticks = snapshot.past.ticks
    soc = ticks.column("battery_soc")[last]
    detail = [texts("log.idle")]
    if np.isfinite(soc):
        detail.append(texts("log.battery", p=texts.share(float(soc))))
    if last + 1 < len(ticks):
        until, count = snapshot.time(float(ticks.t_s[last + 1]), texts, dated=False), last - first + 1
        sentence = (
            texts("log.slept", t=until)
            if count == 1
            else texts("log.slept_times", t=until, n=texts.whole(count))
        )
    else:
        sentence = _asleep(snapshot, texts)
    at_s = float(ticks.t_s[first])
    return LogRow(
        time=snapshot.time(at_s, texts, dated=False),
        at_s=at_s,
        glyph=Glyph.SLEEP,
        colour=Colour.MUTED,
        sentence=sentence,
        detail=f"{'. '.join(detail)}.",
        kind=Kind.DECISIONS,
    )


def _asleep(snapshot: Snapshot, texts: Texts) -> str:
    status = snapshot.live.status if snapshot.live and snapshot.there else None
    if status is None or not status.next_wake_s > snapshot.clock_s:
        return texts("log.sleeping")
    return texts("title.sleep_until", t=snapshot.time(status.next_wake_s, texts))


def _work(snapshot: Snapshot, place: int, texts: Texts) -> LogRow:
    ticks = snapshot.past.ticks
    action = CATALOGUE[int(ticks.action[place])] if ticks.action[place] >= 0 else SLEEP
    at_s, served, expired = float(ticks.t_s[place]), int(ticks.served[place]), int(ticks.expired[place])
    trained = snapshot.past.trained.get(int(ticks.tick_id[place]))
    if action.mode is Mode.TRAIN:
        sentence = texts("log.trained_bare") if trained is None else texts.count("log.trained", trained)
        sentence = texts.both(texts.count("log.answered", served), _small(sentence)) if served else sentence
    elif served:
        sentence = texts.count("log.answered", served)
    else:
        sentence = texts("log.exchanged") if action.syncs else texts("log.served_none")
    detail = [_clocked(snapshot, place, action.clock.value if action.works else "", texts)]
    if expired:
        detail.append(texts.count("log.missed", expired))
    return LogRow(
        time=snapshot.time(at_s, texts, dated=False),
        at_s=at_s,
        glyph=GLYPHS[action.mode],
        colour=colour_of(action),
        sentence=sentence,
        detail=". ".join(one for one in detail if one) + "." if any(detail) else "",
        kind=Kind.DECISIONS,
    )


def _clocked(snapshot: Snapshot, place: int, level: str, texts: Texts) -> str:
    """The clock and the joules: of the work alone where the source tells it apart, else of the sleep that followed too."""
    ticks = snapshot.past.ticks
    told = [texts("log.clock.fast" if level == "high" else "log.clock.slow")] if level else []
    if np.isfinite(ticks.energy_j[place]) and ticks.source[place] >= 0:
        source = SOURCES[int(ticks.source[place])]
        weak = 1 + int(source is not Source.MEASURED)
        work_j = float(ticks.work_j[place].sum())
        joules = texts.joules(work_j if level and work_j >= 0 else float(ticks.energy_j[place]), weak)
        told.append(texts("log.joules", j=joules, source=texts(f"source.{source.value}")))
    return ", ".join(told)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _held(snapshot: Snapshot, texts: Texts) -> Iterator[LogRow]:
    """Where a limit begins to hold something back that waits."""
    ticks = snapshot.past.ticks
    if not len(ticks):
        return
    turns = np.flatnonzero(np.diff(ticks.masked, prepend=-1))[-MOST_TURNS:]
    before: frozenset[str] = frozenset()
    for place in turns.tolist():
        masked = ticks.maskings[int(ticks.masked[place])]
        seen = Observation(**dict(zip(Observation.__slots__, ticks.x[place].tolist(), strict=True)))
        told = [one for one in held_back(seen, masked, snapshot.limits) if one.waits]
        at_s = float(ticks.t_s[place])
        for one in told:
            if one.limit not in before:
                yield LogRow(
                    time=snapshot.time(at_s, texts, dated=False),
                    at_s=at_s,
                    glyph=Glyph.HELD,
                    colour=Colour.WARN,
                    sentence=texts("log.held_back", what=held_what(one, texts, "log.held")),
                    detail=_capital(texts("log.held.detail", until=held_until(one, texts))),
                    kind=Kind.HELD,
                )
        before = frozenset(one.limit for one in told)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _journal(snapshot: Snapshot, texts: Texts) -> Iterator[LogRow]:
    last_s = np.nan
    for entry in snapshot.journal:
        found = _entry(entry, last_s, texts)
        if found is not None:
            when_s = _when_s(entry)
            at_s = when_s - snapshot.ahead_s
            local_s = at_s - snapshot.midnight_s if snapshot.ahead_s else when_s - snapshot.wall_midnight_s
            yield replace(found, at_s=at_s, time=clock(local_s))
        last_s = _when_s(entry)


def _when_s(entry: Entry) -> float:
    """Of an exit when it was, not when it was written down."""
    at_s: Any = entry.fields.get("at_s")
    return float(at_s) if is_real(at_s) else entry.t_s


EXITS = {
    "killed": ("log.killed", "log.killed.detail"),
    "paused": ("log.paused", ""),
    "resumed": ("log.resumed", ""),
    "agreed": ("log.agreed", ""),
    "task removed": ("log.task_removed", "log.task_removed.detail"),
    "field test": ("log.field_test", ""),
    "field test over": ("log.field_test_over", "log.field_test_over.detail"),
}
"""Event of the journal → its sentence and its detail."""


def _entry(entry: Entry, last_s: float, texts: Texts) -> LogRow | None:
    row = LogRow(
        time="",
        at_s=0.0,
        glyph=Glyph.PAUSE if entry.event == "paused" else Glyph.START,
        colour=Colour.MUTED,
        sentence="",
        detail="",
        kind=Kind.EXITS,
    )
    if entry.event in EXITS:
        sentence, detail = EXITS[entry.event]
        return replace(row, sentence=texts(sentence), detail=texts(detail) if detail else "")
    if entry.event == "exit":
        return replace(row, glyph=Glyph.PAUSE, sentence=_whose(entry, texts), detail=_why(entry, texts))
    if entry.event == "started":
        after_s = entry.t_s - last_s
        again = (
            texts("log.started_again", t=texts.duration(after_s)) if after_s >= 0 else texts("log.started")
        )
        return replace(row, sentence=again)
    if entry.event == "ended":
        why = str(entry.fields.get("why", ""))
        detail = texts("log.ended.detail", why=why) if why else ""
        return replace(row, glyph=Glyph.PAUSE, sentence=texts("log.ended"), detail=detail)
    if entry.event == "log":
        error = entry.fields.get("level") != "WARNING"
        return replace(
            row,
            glyph=Glyph.ERROR,
            colour=Colour.BAD if error else Colour.WARN,
            sentence=texts("log.error" if error else "log.warning"),
            detail=str(entry.fields.get("text", "")),
            kind=Kind.ERRORS,
        )
    return None


def _whose(entry: Entry, texts: Texts) -> str:
    agent = ":service_" in str(entry.fields.get("process", ""))
    return texts("log.exit.agent" if agent else "log.exit.screens")


def _why(entry: Entry, texts: Texts) -> str:
    """The system's reason in words, and what it says beside."""
    reason = str(entry.fields.get("reason", ""))
    key, said = f"exit.{reason.replace(' ', '_')}", str(entry.fields.get("description", ""))
    words = texts(key) if key in texts.words else reason
    return texts("log.exit.said", why=words, said=said) if said else f"{words}."


def _refused(snapshot: Snapshot, texts: Texts) -> Iterator[LogRow]:
    for update in snapshot.past.updates:
        if update.accepted is False:
            yield LogRow(
                time=snapshot.time(update.created_s, texts, dated=False),
                at_s=update.created_s,
                glyph=Glyph.ERROR,
                colour=Colour.BAD,
                sentence=texts("log.rejected"),
                detail=update.reason,
                kind=Kind.ERRORS,
            )


def _days(rows: list[LogRow], snapshot: Snapshot, texts: Texts) -> Iterator[LogDay]:
    """`rows`, the latest first, by their local day."""
    t_s = snapshot.past.ticks.t_s
    numbers = [int(np.floor((row.at_s - snapshot.midnight_s) / DAY_S)) for row in rows]
    for number in sorted(set(numbers), reverse=True):
        start_s = snapshot.midnight_s + number * DAY_S
        heading = {0: texts("time.today_title"), -1: texts("time.yesterday")}.get(number)
        decided = int(((t_s >= start_s) & (t_s < start_s + DAY_S)).sum())
        yield LogDay(
            heading=heading or texts.date(start_s, snapshot.midnight_s),
            count=texts.count("log.count", decided),
            rows=tuple(row for row, its in zip(rows, numbers, strict=True) if its == number),
        )


def _share(rows: list[LogRow], snapshot: Snapshot, texts: Texts) -> str:
    if not rows:
        return ""
    lines = [texts("log.share.header")]
    lines += [
        f"{texts.date(row.at_s, snapshot.midnight_s)} {row.time}  {row.sentence}. {row.detail}".rstrip()
        for row in rows
    ]
    lines += [
        f"{entry.fields['error']}"
        for entry in snapshot.journal
        if entry.event == "log" and entry.fields.get("error")
    ]
    return "\n".join(lines) + "\n"
