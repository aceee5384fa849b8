"""What came out?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.forecast import student
from circadia.observation import DAY_S
from circadia_app.viewmodels.charts import IntervalAxis, Legend, Mark, Square, SquareRow, Squares
from circadia_app.viewmodels.field import Difference
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.parts import Button, Chip, Fact, Paragraph, Title
from circadia_app.viewmodels.states import state_of
from circadia_app.viewmodels.tokens import Colour, Do

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.field import FieldTest, TestDay, TestResult
    from circadia_app.viewmodels.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateCard:
    """A difference with its interval."""

    heading: str
    chip: Chip | None
    sentence: str
    figure: str
    """Empty: too early for one."""
    likely: str
    axis: IntervalAxis | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostCard:
    """What it cost meanwhile."""

    heading: str
    facts: tuple[Fact, ...]
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The screen of the field test: none armed, on its way, stopped, or ended."""

    __test__ = False  # not one of pytest's

    frame: Frame
    title: Title
    reason: str
    squares: Squares | None
    itself: EstimateCard | None
    """Compared with itself."""
    result: EstimateCard | None
    """None until the last day is over."""
    cost: CostCard | None
    closed: Paragraph | None
    """Why the result is not there yet; `heading` ends in when it opens."""
    left_out: Paragraph | None
    """What was planned and not counted, or made again, by which rule."""
    consent: Paragraph | None
    buttons: tuple[Button, ...]


LEAST_PAIRS = 3
"""Pairs before a difference is shown."""
STEPS = (5, 10, 20, 50, 100, 200, 500)
"""Half-widths of the axis, in percent."""


def test(snapshot: Snapshot, texts: Texts) -> Test:
    """The screen of this moment."""
    frame = Frame(heading=texts("test.heading"), banners=state_of(snapshot, texts).banners)
    field = snapshot.field_test
    if field is None:
        return _none(frame, snapshot, texts)
    if field.over(snapshot.clock_s):
        return _ended(frame, field, texts)
    if math.isnan(field.agreed_s):
        return _stopped(frame, field, snapshot, texts)
    return _running(frame, field, snapshot, texts)


test.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def _none(frame: Frame, snapshot: Snapshot, texts: Texts) -> Test:
    able = bool(snapshot.planned_days) and snapshot.consent.learn is not None
    return Test(
        frame=frame,
        title=Title(text=texts.count("test.joinable", snapshot.planned_days) if able else texts("test.none")),
        reason=texts("test.none.reason"),
        squares=None,
        itself=None,
        result=None,
        cost=None,
        closed=None,
        left_out=None,
        consent=Paragraph(heading=texts("test.none.consent"), text=texts("test.none.words"))
        if able
        else None,
        buttons=(Button(text=texts("test.join"), do=Do.JOIN_TEST, filled=True),) if able else (),
    )


def _stopped(frame: Frame, field: FieldTest, snapshot: Snapshot, texts: Texts) -> Test:
    today = field.today(snapshot.clock_s)
    join = (Button(text=texts("test.go_on"), do=Do.JOIN_TEST, filled=True),)
    return Test(
        frame=frame,
        title=Title(text=texts("test.stopped")),
        reason=texts("test.stopped.reason", d=today + 1, n=len(field.days)),
        squares=squares(field, snapshot.clock_s, texts),
        itself=None,
        result=None,
        cost=None,
        closed=None,
        left_out=_again(field, texts),
        consent=Paragraph(heading=texts("test.none.consent"), text=texts("test.stopped.words")),
        buttons=(
            *(join if snapshot.consent.learn is not None else ()),
            Button(text=texts("test.export"), do=Do.EXPORT),
        ),
    )


def _running(frame: Frame, field: FieldTest, snapshot: Snapshot, texts: Texts) -> Test:
    today = field.today(snapshot.clock_s)
    count = len(field.days)
    return Test(
        frame=frame,
        title=Title(text=texts("test.day", d=today + 1, n=count)),
        reason=_reason(field, today, snapshot, texts),
        squares=squares(field, snapshot.clock_s, texts),
        itself=_itself(field, texts),
        result=None,
        cost=None,
        closed=Paragraph(heading=texts("test.result.closed", n=count), text=texts("test.result.why")),
        left_out=_again(field, texts),
        consent=Paragraph(
            heading=texts("test.agreed", t=snapshot.date(field.agreed_s, texts)),
            text=texts("test.agreed.words"),
        ),
        buttons=(
            Button(text=texts("test.export"), do=Do.EXPORT),
            Button(text=texts("test.stop"), do=Do.STOP_TEST, danger=True),
        ),
    )


def _reason(field: FieldTest, today: int, snapshot: Snapshot, texts: Texts) -> str:
    day = field.days[today]
    if day.comparison < 0:
        told = texts("test.today.settle")
    else:
        usual = day.comparison == 0 or day.arm == field.first_arm
        first = today == 0 or (field.days[today - 1].comparison, field.days[today - 1].pair) != (
            day.comparison,
            day.pair,
        )
        told = (
            texts("test.today.usual") if usual else texts("test.today.arm", arm=_name(field, day.arm, texts))
        )
        told += texts("test.pair.first" if first else "test.pair.second", n=day.pair + 1)
    if today + 1 >= len(field.days):
        return told
    at_s = field.days[today + 1].start_s
    when = texts("time.today" if at_s < snapshot.midnight_s + DAY_S else "time.tomorrow")
    return f"{told} {texts('test.next', when=when, t=snapshot.time(at_s, texts, dated=False))}"


def squares(field: FieldTest, clock_s: float, texts: Texts) -> Squares:
    """A square a day, pairs together, a row for each comparison."""
    over = field.over(clock_s)
    today = len(field.days) if over else field.today(clock_s)
    rows = []
    for comparison in sorted({day.comparison for day in field.days}):
        mine = [(i, day) for i, day in enumerate(field.days) if day.comparison == comparison]
        pairs = sorted({day.pair for _, day in mine})
        groups = tuple(
            tuple(_square(field, day, i, today) for i, day in mine if day.pair == pair) for pair in pairs
        )
        rows.append(SquareRow(heading=_heading(field, comparison, len(pairs), texts), groups=groups))
    names = [(_name(field, field.first_arm, texts), Colour.ACCENT, False)]
    names += [
        (_name(field, arm, texts), Colour.WARN, True)
        for arm in field.names
        if arm != field.first_arm and any(day.arm == arm and day.comparison > 0 for day in field.days)
    ]
    if not over:
        names += [
            (texts("test.legend.come"), Colour.MUTED, True),
            (texts("test.legend.today"), Colour.INK, True),
        ]
    legend = tuple(Legend(text=text, colour=colour, hollow=hollow) for text, colour, hollow in names)
    return Squares(rows=tuple(rows), legend=legend)


def _heading(field: FieldTest, comparison: int, pairs: int, texts: Texts) -> str:
    if comparison < 0:
        return texts("test.today.settle")
    if comparison == 0:
        return texts("test.row.itself", n=pairs)
    other = next(day.arm for day in field.days if day.comparison == comparison and day.arm != field.first_arm)
    return texts(
        "test.row.arms", a=_name(field, field.first_arm, texts), b=_name(field, other, texts), n=pairs
    )


POLICIES = ("default", "separate", "charging-only", "threshold", "drift-plus-penalty", "due")
"""That have a name in words."""


def _name(field: FieldTest, arm: str, texts: Texts) -> str:
    name = field.names[arm]
    return texts(f"policy.{name}") if name in POLICIES else name


def _square(field: FieldTest, day: TestDay, place: int, today: int) -> Square:
    if place > today:
        return Square(colour=Colour.MUTED, filled=False)
    other = day.comparison > 0 and day.arm != field.first_arm
    colour = Colour.MUTED if day.comparison < 0 else Colour.WARN if other else Colour.ACCENT
    return Square(colour=colour, filled=True, hollow=other, today=place == today, out=bool(day.left_out))


def _itself(field: FieldTest, texts: Texts) -> EstimateCard:
    """May be seen on the way: there is nothing to be lucky about."""
    pairs = {day.pair for day in field.days if day.comparison == 0}
    ratios = [ratio for pair in sorted(pairs) if not math.isnan(ratio := _ratio(field, pair))]
    heading, chip = texts("test.itself"), _chip(field, texts)
    sentence = texts("test.itself.words", k=len(ratios), n=len(pairs))
    if len(ratios) < LEAST_PAIRS:
        early = texts("test.too_few")
        return EstimateCard(heading=heading, chip=chip, sentence=sentence, figure="", likely=early, axis=None)
    found = _difference(ratios)
    likely = _likely(found, texts)
    return EstimateCard(
        heading=heading,
        chip=chip,
        sentence=sentence,
        figure=_percent(found.middle, texts),
        likely=likely if len(ratios) == len(pairs) else texts("test.early", likely=likely),
        axis=axis(found, texts),
    )


def _chip(field: FieldTest, texts: Texts) -> Chip | None:
    return None if field.origin is None else Chip(origin=field.origin, text=texts(f"origin.{field.origin}"))


def _ratio(field: FieldTest, pair: int) -> float:
    """log(second arm's joules / first arm's) of a pair whose days count and are over; NaN else."""
    days = [day for day in field.days if day.comparison == 0 and day.pair == pair]
    if len(days) != 2 or any(day.left_out or not day.energy_j > 0 for day in days):
        return math.nan
    first, second = sorted(days, key=lambda day: day.arm != field.first_arm)
    hours = [(day.end_s - day.start_s) for day in (first, second)]
    return math.log(second.energy_j / hours[1] / (first.energy_j / hours[0]))


def _difference(ratios: list[float]) -> Difference:
    """exp(m ± T(n − 1) · s / √n) − 1 of the pairs' logarithms."""
    n, middle = len(ratios), float(np.mean(ratios))
    half = student(n - 1) * float(np.std(ratios, ddof=1)) / math.sqrt(n)
    return Difference(
        middle=math.expm1(middle), low=math.expm1(middle - half), high=math.expm1(middle + half)
    )


def _percent(value: float, texts: Texts) -> str:
    return f"{texts.signed(100 * value)}\u00a0%"


def _likely(found: Difference, texts: Texts) -> str:
    return texts.likely(_percent(found.low, texts), _percent(found.high, texts))


def axis(found: Difference, texts: Texts) -> IntervalAxis:
    """As wide as it has to be, zero in its middle."""
    widest = 100 * max(abs(found.low), abs(found.high))
    half = next((step for step in STEPS if step >= widest), STEPS[-1])

    def at(value: float) -> float:
        return min(max((100 * value + half) / (2 * half), 0.0), 1.0)

    marks = (-1.0, -0.5, 0.0, 0.5, 1.0)
    return IntervalAxis(
        low=at(found.low),
        high=at(found.high),
        middle=at(found.middle),
        zero=0.5,
        marks=tuple(
            Mark(
                at=(m + 1) / 2,
                text=f"{texts.signed(m * half, 1 if half == STEPS[0] else 0)}\u00a0%" if m else "0",
            )
            for m in marks
        ),
        left=texts("test.less"),
        right=texts("test.more"),
    )


def _ended(frame: Frame, field: FieldTest, texts: Texts) -> Test:
    result = field.result
    export = Button(text=texts("test.export_all"), do=Do.EXPORT, filled=True)
    over = texts("test.over.reason", n=len(field.days))
    return Test(
        frame=Frame(heading=frame.heading, button=export, banners=frame.banners),
        title=Title(text=_sentence(result, texts) if result else texts("test.over")),
        reason=_likely(result.energy, texts) if result else over,
        squares=None if result else squares(field, math.inf, texts),
        itself=_itself(field, texts),
        result=_result(field, result, texts) if result else None,
        cost=_cost(result, texts) if result else None,
        closed=None if result else Paragraph(heading=texts("test.report"), text=texts("test.report.words")),
        left_out=_left_out(field, texts) or _again(field, texts),
        consent=None,
        buttons=(),
    )


def _sentence(result: TestResult, texts: Texts) -> str:
    """No gain without an interval that leaves zero out, and none that was paid for elsewhere."""
    low, high = result.energy.low, result.energy.high
    share = texts.share(abs(result.energy.middle))
    if low <= 0 <= high:
        return texts("test.result.none")
    if high < 0 and not result.announced:
        return texts("test.result.dear", why=result.why_not)
    return texts("test.result.less" if high < 0 else "test.result.more", p=share)


def _result(field: FieldTest, result: TestResult, texts: Texts) -> EstimateCard:
    return EstimateCard(
        heading=texts("test.result.energy"),
        chip=_chip(field, texts),
        sentence="",
        figure=_percent(result.energy.middle, texts),
        likely=_likely(result.energy, texts),
        axis=axis(result.energy, texts),
    )


def _cost(result: TestResult, texts: Texts) -> CostCard:
    return CostCard(
        heading=texts("test.cost"),
        facts=tuple(Fact(name=name, figure=figure, detail=detail) for name, figure, detail in result.costs),
        verdict=texts("test.cost.within") if result.announced else result.why_not,
    )


def _left_out(field: FieldTest, texts: Texts) -> Paragraph | None:
    pairs = {(day.comparison, day.pair) for day in field.days if day.comparison > 0}
    out = {
        (day.comparison, day.pair): day.left_out for day in field.days if day.comparison > 0 and day.left_out
    }
    if not out:
        return None
    told = " ".join(texts("test.out.pair", n=pair + 1, why=why) for (_, pair), why in sorted(out.items()))
    return Paragraph(
        heading=texts("test.out", n=len(pairs), k=len(pairs) - len(out)),
        text=f"{told} {texts('test.out.rule')}",
    )


def _again(field: FieldTest, texts: Texts) -> Paragraph | None:
    if not field.again:
        return None
    told = " ".join(
        texts("test.again.day", d=one.day + 1, p=texts.share(one.lost)) for one in field.again[-MOST_AGAIN:]
    )
    return Paragraph(
        heading=texts.count("test.again", len(field.again)), text=f"{told} {texts('test.again.rule')}"
    )


MOST_AGAIN = 5
"""Days made again that are told one by one, the newest."""
