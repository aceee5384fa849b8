"""What has it learned, and what left the phone?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import DAY_S
from circadia.reasons import Ends, Held
from circadia_app.viewmodels.charts import DayBar, DayBars, IntervalAxis, Lines, Mark, Series
from circadia_app.viewmodels.estimate import LEAST_ANSWERS, wilson
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.now import ACCURACY_DAYS, last_training_s
from circadia_app.viewmodels.parts import Button, Fact, Title
from circadia_app.viewmodels.states import held_now, held_until, seen_now, state_of
from circadia_app.viewmodels.tokens import Colour, Do

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.estimate import Share
    from circadia_app.viewmodels.snapshot import DayBytes, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyCard:
    """Right answers by day."""

    heading: str
    what: str
    """Of which answers."""
    chart: Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """One of the two that could answer."""

    name: str
    axis: IntervalAxis | None
    """None: too few answers."""
    interval: str
    figure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCard:
    """The own part against the shared model."""

    heading: str
    change: Button | None
    sentence: str
    rows: tuple[Answerer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftCard:
    """What left this phone."""

    heading: str
    since: str
    """`today`."""
    facts: tuple[Fact, Fact, Fact]
    """Examples ever, sent, received: `figure` over `name`."""
    chart: DayBars
    door: Button
    """To `Your data`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """The screen of the model. The header's button trains now; where a limit forbids it, `forbidden` says which."""

    frame: Frame
    title: Title
    reason: str
    forbidden: str
    accuracy: AccuracyCard
    own: OwnCard
    left: LeftCard


LEAST_IN_A_DAY = 5
"""Checked answers before a day is a point of the line."""


def learn(snapshot: Snapshot, texts: Texts) -> Learn:
    """The screen of this moment."""
    view = state_of(snapshot, texts)
    forbidden = _forbidden(snapshot, texts)
    train = Button(text=texts("learn.train_now"), do=Do.TRAIN_NOW, enabled=not forbidden and not view.muted)
    return Learn(
        frame=Frame(heading=texts("learn.heading"), button=train, banners=view.banners, muted=view.muted),
        title=Title(text=_title(snapshot, texts)),
        reason=_reason(snapshot, texts),
        forbidden=forbidden,
        accuracy=_accuracy(snapshot, texts),
        own=_own(snapshot, texts),
        left=_left(snapshot, texts),
    )


def _version(snapshot: Snapshot) -> int:
    status = snapshot.live.status if snapshot.live else None
    return status.version if status else snapshot.past.kept.version


def _alone(snapshot: Snapshot) -> bool:
    """Whether it is in no federation: then all that it learns is its own."""
    return not snapshot.server and not _version(snapshot)


def _title(snapshot: Snapshot, texts: Texts) -> str:
    version, own = _version(snapshot), math.isfinite(snapshot.past.kept.own_share)
    if _alone(snapshot) and snapshot.past.trained:
        return texts("learn.title.alone")
    if not version:
        return texts("learn.title.first_own" if own else "learn.title.first")
    return texts("learn.title.own" if own else "learn.title.shared", v=version)


def _reason(snapshot: Snapshot, texts: Texts) -> str:
    learned_s, seen = last_training_s(snapshot), seen_now(snapshot)[0]
    if math.isnan(learned_s):
        sentences = [texts("learn.reason.never")]
    else:
        last = max(snapshot.past.trained)
        ago = texts.duration(max(snapshot.clock_s - learned_s, 0.0))
        sentences = [texts.count("learn.reason.learned", snapshot.past.trained[last], ago=ago)]
    if seen.versions_behind > 0:
        ends = {one.ends for one in held_now(snapshot) if Held.SENDING in one.held}
        wifi, link = Ends.UNMETERED in ends, Ends.LINK in ends
        why = texts("learn.reason.behind.wifi") if wifi else texts("learn.reason.behind.link") if link else ""
        sentences.append(texts("learn.reason.behind", why=why))
    return " ".join(sentences)


def _forbidden(snapshot: Snapshot, texts: Texts) -> str:
    """Which limit keeps it from training now; empty: none does."""
    if not snapshot.past.kept.examples:
        return texts("learn.forbidden.examples")
    for one in held_now(snapshot):
        if Held.TRAINING in one.held:
            return texts("learn.forbidden.limit", until=held_until(one, texts))
    return ""


def _accuracy(snapshot: Snapshot, texts: Texts) -> AccuracyCard:
    """A point a day that has answers enough, once two of them are there."""
    asked = snapshot.past.requests
    number = np.floor((asked.t_s - snapshot.midnight_s) / DAY_S).astype(int)
    points = []
    for day in range(1 - ACCURACY_DAYS, 1):
        of = int((asked.checked & (number == day)).sum())
        if of >= LEAST_IN_A_DAY:
            x = (day + ACCURACY_DAYS - 1) / (ACCURACY_DAYS - 1)
            points.append((x, wilson(int((asked.right & (number == day)).sum()), of)))
    low = _ground(points)
    first = snapshot.midnight_s + (1 - ACCURACY_DAYS) * DAY_S
    return AccuracyCard(
        heading=texts("learn.accuracy"),
        what=texts("learn.checked"),
        chart=Lines(
            series=(_series(points, low, texts),) if len(points) > 1 else (),
            levels=tuple(Mark(at=at, text=_level(low + at * (1 - low), at, texts)) for at in (0.0, 0.5, 1.0)),
            days=(
                Mark(at=0.0, text=texts.date(first, snapshot.midnight_s)),
                Mark(at=1.0, text=texts("time.today")),
            ),
            lacking="" if len(points) > 1 else _lacking(snapshot, len(points), texts),
        ),
    )


def _lacking(snapshot: Snapshot, points: int, texts: Texts) -> str:
    checked = snapshot.past.requests.checked & (snapshot.past.requests.t_s >= snapshot.midnight_s)
    missing = LEAST_IN_A_DAY - int(checked.sum())
    return (
        texts.count("lacking.answers", missing) if missing > 0 and not points else texts("lacking.tomorrow")
    )


def _ground(points: list[tuple[float, Share]]) -> float:
    """The lowest level of the axis: a whole fifth below all that is drawn."""
    lowest = min((share.low for _, share in points), default=0.6)
    return min(math.floor(5 * lowest) / 5, 0.8)


def _level(share: float, at: float, texts: Texts) -> str:
    return texts.share(share) if at == 1 else texts.number(100 * share)


def _series(points: list[tuple[float, Share]], low: float, texts: Texts) -> Series:
    def line(part: int) -> tuple[tuple[float, float], ...]:
        return tuple((x, (share[part] - low) / (1 - low)) for x, share in points)

    name = texts("learn.line", p=texts.number(100 * points[-1][1].middle))
    return Series(line=line(0), name=name, colour=Colour.ACCENT, low=line(1), high=line(2))


def _own(snapshot: Snapshot, texts: Texts) -> OwnCard:
    """What answers take of the own part. What the shared model alone would have answered is not kept, so it is not shown."""
    share = snapshot.past.kept.own_share
    if _alone(snapshot) and snapshot.past.trained:
        heading, sentence = texts("learn.own.none"), texts("learn.own.alone")
    elif math.isnan(share):
        heading, sentence = texts("learn.own.none"), texts("learn.own.begins")
    elif share > 0:
        heading, sentence = texts("learn.own.heading"), texts("learn.own.sentence", p=texts.share(share))
    else:
        heading, sentence = texts("learn.own.none"), texts("learn.own.zero")
    return OwnCard(heading=heading, change=None, sentence=sentence, rows=(_answers(snapshot, texts),))


def _answers(snapshot: Snapshot, texts: Texts) -> Answerer:
    asked = snapshot.past.requests
    recent = asked.checked & (asked.t_s >= snapshot.clock_s - ACCURACY_DAYS * DAY_S)
    of, name = int(recent.sum()), texts("learn.own.answers")
    if of < LEAST_ANSWERS:
        missing = texts.count("lacking.answers", LEAST_ANSWERS - of)
        return Answerer(name=name, axis=None, interval=missing, figure="")
    share = wilson(int((asked.right & recent).sum()), of)
    return Answerer(
        name=name,
        axis=IntervalAxis(low=share.low, high=share.high, middle=share.middle),
        interval=texts.interval(texts.number(100 * share.low), texts.number(100 * share.high)),
        figure=texts.share(share.middle),
    )


def _left(snapshot: Snapshot, texts: Texts) -> LeftCard:
    traffic = snapshot.traffic
    today = next((one for one in traffic.days if one.day == 0), None) if traffic else None
    if traffic is None:
        examples = sent = received = texts("left.unknown" if snapshot.server else "left.nothing")
    else:
        examples = texts.whole(traffic.examples)
        sent, received = (texts.size(size) for size in ((today.sent, today.received) if today else (0, 0)))
    first = snapshot.midnight_s + (1 - ACCURACY_DAYS) * DAY_S
    bars, level = _bars(traffic.days if traffic else (), texts)
    lacking = "" if bars else texts("left.alone" if not snapshot.server else "lacking.nothing")
    return LeftCard(
        heading=texts("left.heading"),
        since=texts("time.today"),
        facts=(
            Fact(name=texts("left.examples"), figure=examples),
            Fact(name=texts("left.sent"), figure=sent),
            Fact(name=texts("left.received"), figure=received),
        ),
        chart=DayBars(
            bars=bars,
            level=level,
            days=(
                Mark(at=0.0, text=texts.date(first, snapshot.midnight_s)),
                Mark(at=1.0, text=texts("time.today")),
            ),
            lacking=lacking,
        ),
        door=Button(text=texts("left.door"), do=Do.YOUR_DATA),
    )


def _bars(days: tuple[DayBytes, ...], texts: Texts) -> tuple[tuple[DayBar, ...], str]:
    """Of 14 days; the highest is a whole step of its size."""
    known = {one.day: one for one in days if -ACCURACY_DAYS < one.day <= 0}
    most = max((max(one.sent, one.received) for one in known.values()), default=0)
    if not most:
        return (), ""
    step = 10.0 ** math.floor(math.log10(most))
    level = math.ceil(most / step) * step
    bars = []
    for place, day in enumerate(range(1 - ACCURACY_DAYS, 1)):
        one = known.get(day)
        start, end = place / ACCURACY_DAYS, (place + 0.8) / ACCURACY_DAYS
        first, second = (one.sent / level, one.received / level) if one else (0.0, 0.0)
        off = "" if one or day < min(known) else texts("left.off")
        bars.append(DayBar(start=start, end=end, first=first, second=second, text=off))
    return tuple(bars), texts.size(level)
