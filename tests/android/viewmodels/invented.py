"""One invented instance of each screen's view model and of each state: for tests of widgets. No figure here is true."""

from __future__ import annotations

from dataclasses import replace

from circadia.types import Preference
from circadia_app.viewmodels.charts import (
    BatteryDay,
    Column,
    Corner,
    DayBar,
    DayBars,
    EnergyBar,
    EnergyBars,
    IntervalAxis,
    Legend,
    Lines,
    Mark,
    Projection,
    Ribbon,
    Series,
    Span,
    Square,
    SquareRow,
    Squares,
    Triangle,
)
from circadia_app.viewmodels.choose import Choose, EffectCard, EffectRow, LimitsCard, Ready
from circadia_app.viewmodels.consent import Consent
from circadia_app.viewmodels.frame import Frame
from circadia_app.viewmodels.learn import AccuracyCard, Answerer, Learn, LeftCard, OwnCard
from circadia_app.viewmodels.log import Filter, Log, LogDay, LogRow
from circadia_app.viewmodels.now import BatteryCard, EnergyCard, Now
from circadia_app.viewmodels.parts import (
    Banner,
    Button,
    Chip,
    Fact,
    Paragraph,
    Slider,
    Switch,
    Tile,
    Title,
)
from circadia_app.viewmodels.test import CostCard, EstimateCard, Test
from circadia_app.viewmodels.tokens import Colour, Do, Glyph, Kind, Origin
from circadia_app.viewmodels.your_data import DeleteCard, YourData

HEIGHTS = {"sleep": 4 / 48, "serve": 28 / 48, "train": 1.0}
QUARTER = 1 / 96
NOW_X = 13.7 / 24
LEGEND = (
    Legend(text="Sleep", colour=Colour.SLEEP),
    Legend(text="Answer slow", colour=Colour.SERVE_LOW),
    Legend(text="fast", colour=Colour.SERVE_HIGH),
    Legend(text="Train slow", colour=Colour.TRAIN_LOW),
    Legend(text="fast", colour=Colour.TRAIN_HIGH),
)
HOURS = tuple(Mark(at=h / 24, text=f"{h:02}:00") for h in (0, 6, 12, 18, 24))


def _column(quarter: int) -> Column:
    if quarter in range(4, 10):
        kind, colour = "train", Colour.TRAIN_HIGH
    elif quarter in {16, 17, 18, 23, 38, 42, 43}:
        kind, colour = "train", Colour.TRAIN_LOW
    elif quarter in {47, 48}:
        kind, colour = "serve", Colour.SERVE_HIGH
    elif quarter in {28, 31, 32, 33, 34, 36, 45, 49, 50, 51, 52, 53}:
        kind, colour = "serve", Colour.SERVE_LOW
    else:
        kind, colour = "sleep", Colour.SLEEP
    return Column(
        start=quarter * QUARTER,
        end=(quarter + 1) * QUARTER,
        height=HEIGHTS[kind],
        colour=colour,
        start_s=quarter * 900.0,
        end_s=(quarter + 1) * 900.0,
    )


BATTERY = BatteryCard(
    heading="Battery",
    projection="Tonight at 22:00 about 38 %",
    likely="likely 31 to 44 %",
    chart=BatteryDay(
        charge=(
            ((0, 0.58), (1.6 / 24, 0.8), (6.7 / 24, 0.8), (9 / 24, 0.74), (11 / 24, 0.66), (12.4 / 24, 0.58),
             (NOW_X, 0.54)),
        ),
        charger=(Span(start=0, end=6.7 / 24),),
        charger_text="on the charger",
        floor=Mark(at=0.2, text="floor 20"),
        levels=(Mark(at=0), Mark(at=0.5, text="50"), Mark(at=1, text="100 %")),
        hours=HOURS,
        now=Mark(at=NOW_X, text="now"),
        charge_text="54",
        projection=Projection(
            middle=((NOW_X, 0.54), (18 / 24, 0.46), (22 / 24, 0.38)),
            low=((NOW_X, 0.54), (18 / 24, 0.42), (22 / 24, 0.31)),
            high=((NOW_X, 0.54), (18 / 24, 0.5), (22 / 24, 0.44)),
            text="38",
        ),
    ),
    ribbon=Ribbon(
        columns=tuple(map(_column, range(55))),
        wake=Mark(at=(14 + 20 / 60) / 24, text="wakes 14:20"),
        legend=LEGEND,
    ),
    as_text=(
        "The battery is at 54 %.",
        "Tonight at 22:00 about 38 %, likely 31 to 44 %.",
        "Trained in 13, answered in 14 of 55 quarters of an hour.",
    ),
)  # fmt: skip


def _energy(origin: Origin, word: str, figure: str, figures: tuple[str, str, str]) -> EnergyCard:
    kinds = (
        ("Sleep", Glyph.SLEEP, Colour.SLEEP, 0.70),
        ("Answer", Glyph.ANSWER, Colour.SERVE_HIGH, 0.63),
        ("Train", Glyph.TRAIN, Colour.TRAIN_HIGH, 1.0),
    )
    return EnergyCard(
        heading="Energy today",
        chip=Chip(origin=origin, text=word),
        figure=figure,
        share="6.6 % of a full battery",
        bars=EnergyBars(
            bars=tuple(
                EnergyBar(name=name, glyph=glyph, colour=colour, length=length, figure=joules)
                for (name, glyph, colour, length), joules in zip(kinds, figures, strict=True)
            ),
            origin=origin,
        ),
    )


PAUSES = (
    Button(text="For 1 hour", do=Do.PAUSE_HOUR),
    Button(text="Until tomorrow", do=Do.PAUSE_TOMORROW),
    Button(text="Until I go on", do=Do.PAUSE_OPEN),
)
SIMULATED_BANNER = Banner(
    lead="Simulated phone.", text="Battery, heat and joules are simulated; no figure here was measured."
)
PAUSE = Button(text="Pause", do=Do.PAUSE)
NOW = Now(
    frame=Frame(heading="Circadia", button=PAUSE),
    title=Title(text="Sleeping until 14:20", glyph=Glyph.SLEEP),
    reason="Nothing is due, and the battery is at 54 %. A request ends the sleep at once.",
    held=("Held back: sending, until there is Wi-Fi.",),
    note="",
    remedy=None,
    pauses=PAUSES,
    battery=BATTERY,
    energy=_energy(Origin.MEASURED, "Measured", "2.66 ± 0.04 kJ", ("0.80 kJ", "0.72 kJ", "1.14 kJ")),
    accuracy=Tile(name="Accuracy", figure="87 %", lines=("likely 80 to 92 %", "of 132 checked answers")),
    freshness=Tile(
        name="Freshness", figure="40 min", lines=("since it last learned", "model 142, one behind")
    ),
)
NOW_SIMULATED = replace(
    NOW,
    frame=replace(NOW.frame, banners=(SIMULATED_BANNER,)),
    battery=replace(BATTERY, heading="Battery, simulated"),
    energy=replace(
        _energy(Origin.SIMULATED, "Simulated", "2.7 kJ", ("0.8 kJ", "0.7 kJ", "1.1 kJ")),
        heading="Energy today, simulated",
    ),
)
NOW_MODELLED = replace(
    NOW, energy=_energy(Origin.MODELLED, "Modelled", "2.7 ± 0.4 kJ", ("0.8 kJ", "0.7 kJ", "1.1 kJ"))
)
NO_BARS = EnergyBars(bars=(), origin=Origin.MODELLED)
NOW_EMPTY = replace(
    NOW,
    title=Title(text="Waiting for examples", glyph=Glyph.SLEEP),
    reason="Nothing to learn from yet. Circadia begins when the app that you use gives it a first example.",
    held=(),
    remedy=Button(text="How to add examples", do=Do.HOW_TO_ADD),
    battery=replace(
        BATTERY,
        projection="Foretold from tomorrow",
        likely="",
        chart=replace(
            BATTERY.chart, charge=(), charger=(), charger_text="", projection=None, lacking="From tomorrow"
        ),
        ribbon=replace(BATTERY.ribbon, columns=(), wake=None, lacking="Nothing yet today"),
        as_text=("The battery is at 54 %.",),
    ),
    energy=EnergyCard(
        heading="Energy today", chip=None, figure="", share="", bars=NO_BARS, notes=("None yet.",)
    ),
    accuracy=Tile(name="Accuracy", figure="", lines=("6 more answers",)),
    freshness=Tile(name="Freshness", figure="", lines=("It has not learned yet",)),
)
NOW_OFFLINE = replace(
    NOW,
    frame=replace(
        NOW.frame,
        banners=(
            Banner(lead="Offline since 11:05.", text="The server is not reachable.", colour=Colour.WARN),
        ),
    ),
    held=(),
    note="Everything on this phone goes on. 1 update waits to be sent.",
)
NOW_FAILING = replace(
    NOW,
    title=Title(text="Not working since 09:14", glyph=Glyph.ERROR, colour=Colour.BAD),
    reason="The storage of this phone is full, so nothing can be recorded. Nothing up to then is lost. Free 20 MB to "
    "go on.",
    held=(),
    remedy=Button(text="Open storage settings", do=Do.STORAGE, filled=True),
)
NOW_PAUSED = replace(
    NOW,
    frame=Frame(heading="Circadia", button=Button(text="Longer", do=Do.PAUSE)),
    title=Title(text="Paused until 15:40", glyph=Glyph.PAUSE),
    reason="You paused it at 14:40. Requests are answered; training and sending rest.",
    held=(),
    remedy=Button(text="Go on now", do=Do.RESUME, filled=True),
)
NOW_ONLY_SLEEPING = replace(
    NOW,
    title=Title(text="Only sleeping", glyph=Glyph.HELD, colour=Colour.WARN),
    reason="This phone does not tell its temperature, and your limit of 45 °C needs it.",
    held=(),
    remedy=Button(text="Look at limits", do=Do.LIMITS, filled=True),
)
NOW_STARTING = replace(
    NOW,
    frame=Frame(heading="Circadia", button=None, muted=True),
    title=Title(text="Starting, the last figures are from 13:40", glyph=Glyph.START),
    reason="",
    held=(),
)
NOW_NO_CONSENT = replace(
    NOW_EMPTY,
    frame=Frame(heading="Circadia"),
    title=Title(text="Not learning", glyph=Glyph.PAUSE),
    reason="You have not agreed that this phone learns. The screens can be looked at; nothing is recorded.",
    remedy=Button(text="Decide about it", do=Do.CONSENT, filled=True),
)


def _at(accuracy: float, latency: float, energy: float) -> tuple[float, float]:
    """A preference as a point: accuracy at (0.5, 1), latency at (0, 0), energy at (1, 0)."""
    return (0.5 * accuracy + energy, accuracy + 0 * latency)


TRIANGLE = Triangle(
    corners=(
        Corner(key="accuracy", name="Accuracy", share="50 %", weight=0.5, at=(0.5, 1)),
        Corner(key="latency", name="Speed", share="20 %", weight=0.2, at=(0, 0)),
        Corner(key="energy", name="Battery", share="30 %", weight=0.3, at=(1, 0)),
    ),
    point=_at(0.5, 0.2, 0.3),
    ring=_at(0.4, 0.3, 0.3),
    dots=tuple(_at(a / 10, (10 - a - e) / 10, e / 10) for a in range(1, 9) for e in range(1, 10 - a)),
)
CHOOSE = Choose(
    frame=Frame(heading="Choose", button=Button(text="Undo", do=Do.UNDO)),
    intro="Drag the point towards what matters more. The ring is your choice until now.",
    triangle=TRIANGLE,
    ready=(
        Ready(text="Balanced", preference=Preference(), chosen=False),
        Ready(
            text="Sharp answers", preference=Preference(accuracy=0.6, latency=0.2, energy=0.2), chosen=False
        ),
        Ready(
            text="Long battery", preference=Preference(accuracy=0.2, latency=0.2, energy=0.6), chosen=False
        ),
    ),
    effect=EffectCard(
        heading="Effect",
        chip=Chip(origin=Origin.FORETOLD, text="Foretold"),
        last_heading="last 7 days",
        rows=(
            EffectRow(name="Accuracy", figure="88 %", interval="85 to 91", last="85 %"),
            EffectRow(name="Usual answer in", figure="4 s", interval="2 to 9", last="6 s"),
            EffectRow(name="Battery per day", figure="7 %", interval="5 to 9", last="6.6 %"),
        ),
        outcome="Last week 87 % accuracy was foretold; 85 % was found.",
    ),
    limits=LimitsCard(
        heading="Limits, never crossed",
        sliders=(
            Slider(
                key="battery_floor", text="Stop at battery", value=20, low=10, high=80, step=5, figure="20 %"
            ),
            Slider(key="temperature_c", text="Stop above", value=45, low=30, high=50, step=1, figure="45 °C"),
        ),
        switches=(
            Switch(key="train_only_charging", text="Train only while charging", on=False),
            Switch(key="sync_only_unmetered", text="Send only over Wi-Fi", on=True),
            Switch(key="respect_power_save", text="Heed battery saver", on=True),
        ),
    ),
)
CHOOSE_EMPTY = replace(
    CHOOSE,
    frame=Frame(heading="Choose"),
    triangle=replace(TRIANGLE, ring=None),
    effect=replace(
        CHOOSE.effect,
        rows=(
            EffectRow(name="Accuracy", figure="", interval="6 more answers", last="–"),
            EffectRow(name="Usual answer in", figure="", interval="From tomorrow", last="–"),
            EffectRow(name="Battery per day", figure="", interval="From tomorrow", last="–"),
        ),
        outcome="How well this foretells can be said from 4 Dec.",
    ),
)

_OWN = (0.14, 0.19, 0.22, 0.24, 0.26, 0.18, 0.155, 0.23, 0.25, 0.26, 0.27, 0.28, 0.295, 0.30)
_SHARED = (0.14, 0.17, 0.2, 0.21, 0.22, 0.19, 0.155, 0.2, 0.22, 0.23, 0.24, 0.25, 0.265, 0.265)


def _line(values: tuple[float, ...], more: float = 0.0) -> tuple[tuple[float, float], ...]:
    return tuple((i / 13, 2 * value + more) for i, value in enumerate(values))


LEARN = Learn(
    frame=Frame(heading="Learn", button=Button(text="Train now", do=Do.TRAIN_NOW)),
    title=Title(text="Model 142 and your own part"),
    reason="Your part learned from 32 new examples 40 minutes ago. Model 143 is ready and waits for Wi-Fi.",
    forbidden="",
    accuracy=AccuracyCard(
        heading="Accuracy, 14 days",
        what="checked answers",
        chart=Lines(
            series=(
                Series(
                    line=_line(_OWN),
                    name="own 87",
                    colour=Colour.ACCENT,
                    low=_line(_OWN, -0.1),
                    high=_line(_OWN, 0.1),
                ),
                Series(line=_line(_SHARED), name="shared 84", colour=Colour.MUTED, dashed=True),
            ),
            levels=(Mark(at=0, text="60"), Mark(at=0.5, text="80"), Mark(at=1, text="100 %")),
            days=(Mark(at=0, text="13 Nov"), Mark(at=1, text="today")),
            changes=(Mark(at=4.6 / 13, text="surroundings changed"),),
        ),
    ),
    own=OwnCard(
        heading="Your own part answers",
        change=Button(text="Change", do=Do.OWN_PART),
        sentence="3 points better on your last 300 answers, likely 1 to 5.",
        rows=(
            Answerer(
                name="Own",
                axis=IntervalAxis(low=0.575, high=0.775, middle=0.675),
                interval="83 to 91",
                figure="87 %",
            ),
            Answerer(
                name="Shared",
                axis=IntervalAxis(low=0.5, high=0.7, middle=0.6, colour=Colour.MUTED, band=Colour.BAND),
                interval="80 to 88",
                figure="84 %",
            ),
        ),
    ),
    left=LeftCard(
        heading="What left this phone",
        since="today",
        facts=(
            Fact(name="examples, ever", figure="0"),
            Fact(name="sent", figure="93 kB"),
            Fact(name="received", figure="343 kB"),
        ),
        chart=DayBars(
            bars=tuple(
                DayBar(start=i / 14, end=(i + 0.8) / 14, first=0.0, second=0.0, text="off")
                if i == 3
                else DayBar(
                    start=i / 14,
                    end=(i + 0.8) / 14,
                    first=0.14 + 0.1 * (i % 3 == 1),
                    second=0.5 + 0.5 * (i % 5 == 2),
                )
                for i in range(14)
            ),
            level="700 kB",
            days=(Mark(at=0, text="13 Nov"), Mark(at=1, text="today")),
        ),
        door=Button(text="Your data, consent, deletion", do=Do.YOUR_DATA),
    ),
)
LEARN_EMPTY = replace(
    LEARN,
    frame=Frame(heading="Learn", button=Button(text="Train now", do=Do.TRAIN_NOW, enabled=False)),
    title=Title(text="No model of the server yet"),
    reason="It answers with the model that it came with. It has not learned yet.",
    forbidden="Train now waits for a first example.",
    accuracy=replace(
        LEARN.accuracy,
        chart=replace(LEARN.accuracy.chart, series=(), changes=(), lacking="6 more answers"),
    ),
    own=OwnCard(
        heading="Your own part",
        change=None,
        sentence="It begins with the first training.",
        rows=(
            Answerer(name="Own", axis=None, interval="6 more answers", figure=""),
            Answerer(name="Shared", axis=None, interval="6 more answers", figure=""),
        ),
    ),
    left=replace(
        LEARN.left,
        facts=(
            Fact(name="examples, ever", figure="0"),
            Fact(name="sent", figure="0 kB"),
            Fact(name="received", figure="0 kB"),
        ),
        chart=replace(LEARN.left.chart, bars=(), lacking="Nothing yet"),
    ),
)


def _pairs(done: int, of: int, other: Colour) -> tuple[tuple[Square, ...], ...]:
    days = [
        Square(colour=Colour.ACCENT if d % 2 == (d // 2) % 2 or other is Colour.ACCENT else other, filled=d < done, today=d == done - 1,
               hollow=other is not Colour.ACCENT and d < done and d % 2 != (d // 2) % 2)
        if d < done
        else Square(colour=Colour.MUTED, filled=False)
        for d in range(2 * of)
    ]  # fmt: skip
    return tuple((days[2 * i], days[2 * i + 1]) for i in range(of))


AXIS = IntervalAxis(
    low=0.37,
    high=0.675,
    middle=0.5225,
    zero=0.5,
    marks=tuple(
        Mark(at=(p + 20) / 40, text=f"{p:+} %".replace("-", "−") if p else "0") for p in (-20, -10, 0, 10, 20)
    ),
    left="uses less",
    right="uses more",
)
ITSELF = EstimateCard(
    heading="Compared with itself",
    chip=Chip(origin=Origin.MEASURED, text="Measured"),
    sentence="3 of 6 pairs. A sound test finds no difference here.",
    figure="+0.9 %",
    likely="likely −5.2 to +7.0 %, too early",
    axis=AXIS,
)
TEST_RUNNING = Test(
    frame=Frame(heading="Field test"),
    title=Title(text="Day 9 of 41"),
    reason="Today Circadia runs as usual, the second day of pair 4. The next change is tomorrow at 04:00.",
    squares=Squares(
        rows=(
            SquareRow(
                heading="One day to settle in, then with itself, 6 pairs",
                groups=((Square(colour=Colour.MUTED, filled=True),), *_pairs(8, 6, Colour.ACCENT)),
            ),
            SquareRow(heading="Circadia against charging only, 14 pairs", groups=_pairs(0, 14, Colour.WARN)),
        ),
        legend=(
            Legend(text="Circadia", colour=Colour.ACCENT),
            Legend(text="charging only", colour=Colour.WARN, hollow=True),
            Legend(text="to come", colour=Colour.MUTED, hollow=True),
            Legend(text="today", colour=Colour.INK, hollow=True),
        ),
    ),
    itself=ITSELF,
    result=None,
    cost=None,
    closed=Paragraph(
        heading="Result, opens after day 41",
        text="It stays closed until then, so that nobody stops on a lucky day.",
    ),
    left_out=None,
    consent=Paragraph(heading="You agreed on 18 Nov", text="You can stop on any day and delete it all."),
    buttons=(
        Button(text="Export so far", do=Do.EXPORT),
        Button(text="Stop and withdraw", do=Do.STOP_TEST, danger=True),
    ),
)
TEST_RESULT = replace(
    TEST_RUNNING,
    frame=Frame(heading="Field test", button=Button(text="Export", do=Do.EXPORT, filled=True)),
    title=Title(text="This phone used 8 % less"),
    reason="Circadia against charging only, 13 pairs of days, measured by the meter. Likely 4 to 12 % less.",
    squares=None,
    itself=replace(
        ITSELF,
        sentence="+0.4 %, likely −2.9 to +3.7 %. Meter error: 0.3 %.",
        chip=None,
        figure="",
        likely="no difference, as it should be",
        axis=None,
    ),
    result=EstimateCard(
        heading="Energy of the whole phone",
        chip=Chip(origin=Origin.MEASURED, text="Measured"),
        sentence="",
        figure="−8.1 %",
        likely="likely −12.0 to −4.2 %",
        axis=replace(AXIS, low=0.2, high=0.395, middle=0.2975),
    ),
    cost=CostCard(
        heading="What it cost meanwhile",
        facts=(
            Fact(name="Accuracy", figure="−0.6 points", detail="−1.9 to +0.7"),
            Fact(name="Time to answer", figure="+4 %", detail="−3 to +11"),
            Fact(name="Requests answered", figure="−0.2 points", detail="−0.5 to +0.1"),
        ),
        verdict="All within what was agreed before the start.",
    ),
    closed=None,
    left_out=Paragraph(
        heading="14 pairs planned, 13 counted",
        text="Pair 3 is left out: the meter was unplugged on day 19 for 6 hours. The rule for this was fixed before the start.",
    ),
    consent=None,
    buttons=(),
)
TEST_NONE = Test(
    frame=Frame(heading="Field test"),
    title=Title(text="No test is armed"),
    reason="A field test compares Circadia with another way to decide, on this phone, day by day.",
    squares=None,
    itself=None,
    result=None,
    cost=None,
    closed=None,
    left_out=None,
    consent=Paragraph(
        heading="You have not agreed to one",
        text="Joining writes daily figures onto this phone. Nothing is sent by itself, and no examples ever: you may export the "
        "figures.",
    ),
    buttons=(Button(text="Join the field test", do=Do.JOIN_TEST, filled=True),),
)

TEST_STOPPED = replace(
    TEST_RUNNING,
    title=Title(text="The test is stopped"),
    reason="It was on day 9 of 41. What was gathered lies on this phone.",
    itself=None,
    closed=None,
    left_out=Paragraph(
        heading="1 day was made again",
        text="Day 4: 12 % of its time had no joules. The rule for this was fixed before the start: 5 % at most.",
    ),
    consent=Paragraph(
        heading="You have not agreed to one",
        text="Going on picks up at that day. Delete my data, under Learn, deletes all of it.",
    ),
    buttons=(
        Button(text="Go on with the test", do=Do.JOIN_TEST, filled=True),
        Button(text="Export so far", do=Do.EXPORT),
    ),
)
TEST_OVER = replace(
    TEST_RESULT,
    title=Title(text="The test is over"),
    reason="All 41 days are in.",
    squares=TEST_RUNNING.squares,
    itself=ITSELF,
    result=None,
    cost=None,
    closed=Paragraph(
        heading="The report is made on a computer",
        text="Export, take field-test.zip there and type: unzip field-test.zip && circadia field analyse field-test",
    ),
    left_out=TEST_STOPPED.left_out,
)


def _row(time: str, glyph: Glyph, colour: Colour, sentence: str, detail: str, kind: Kind) -> LogRow:
    hours, minutes = map(int, time.split(":"))
    return LogRow(
        time=time,
        at_s=3600.0 * hours + 60 * minutes,
        glyph=glyph,
        colour=colour,
        sentence=sentence,
        detail=detail,
        kind=kind,
    )


FILTERS = tuple(
    Filter(kind=kind, text=text, chosen=kind is Kind.ALL)
    for kind, text in zip(Kind, ("All", "Decisions", "Held back", "Exits", "Errors"), strict=True)
)
LOG = Log(
    frame=Frame(heading="Log", button=Button(text="Share", do=Do.SHARE)),
    filters=FILTERS,
    days=(
        LogDay(
            heading="Today",
            count="164 decisions",
            rows=(
                _row("13:42", Glyph.SLEEP, Colour.MUTED, "Sleeping until 14:20", "Nothing is due. Battery 54 %.", Kind.DECISIONS),
                _row("13:31", Glyph.ANSWER, Colour.SERVE_HIGH, "Answered 3 requests in 1.2 s", "Slow clock, 0.9 J measured.", Kind.DECISIONS),
                _row("12:58", Glyph.HELD, Colour.WARN, "Sending held back", "Only mobile data here; you allow Wi-Fi only.", Kind.HELD),
                _row("10:45", Glyph.TRAIN, Colour.TRAIN_HIGH, "Trained on 32 new examples", "Fast clock, 41 J measured. Accuracy up by 1 point, likely −1 to +3.", Kind.DECISIONS),
                _row("09:14", Glyph.ERROR, Colour.BAD, "The meter stopped answering", "Joules were modelled until 09:20. Check its cable if this comes back.", Kind.ERRORS),
                _row("07:02", Glyph.ANSWER, Colour.SERVE_HIGH, "Answered 11 requests in 6 s", "Fast clock, 5.2 J measured.", Kind.DECISIONS),
                _row("03:13", Glyph.START, Colour.MUTED, "Started again after 40 s", "Android had ended the app to free memory. Nothing was lost.", Kind.EXITS),
            ),
        ),
    ),
    empty="",
    footer="Kept on this phone for 30 days. Sharing asks first what goes along.",
    share="Circadia, log of decisions\n2026-11-26 13:42 sleep until 14:20, battery 54 %\n",
)  # fmt: skip
LOG_EMPTY = replace(LOG, days=(), empty="Nothing has happened yet.", share="")

CONSENT = Consent(
    frame=Frame(heading=""),
    title=Title(text="May this phone learn?"),
    reason="Every few minutes Circadia decides: learn, answer or sleep. It keeps to your battery limits.",
    paragraphs=(
        Paragraph(heading="Stays on this phone", text="Your examples, your answers, your requests. Always."),
        Paragraph(
            heading="Goes out, if you agree",
            text="Changes to the model, about 93 kB a day, to fleet.example.org. In rare cases such changes can hint "
            "at what was learned.",
        ),
        Paragraph(heading="Never happens", text="No advertising, no location, no account."),
    ),
    switches_heading="You decide, one by one",
    switches=(
        Switch(key="learn", text="Learn on this phone", on=False, detail="About 7 % of the battery a day, foretold."),
        Switch(key="send", text="Take part in shared learning", on=False, detail="Others gain from yours, you from theirs."),
        Switch(key="field_test", text="Join the field test", on=False, detail="41 days; sends daily figures, no examples."),
    ),
    start=Button(text="Start, once learning is on", do=Do.START, enabled=False),
    footer="You can withdraw at any time under Learn, Your data.",
    not_now=Button(text="Not now", do=Do.NOT_NOW),
)  # fmt: skip
CONSENT_READY = replace(
    CONSENT,
    switches=(replace(CONSENT.switches[0], on=True), *CONSENT.switches[1:]),
    start=Button(text="Start", do=Do.START, filled=True),
)

YOUR_DATA = YourData(
    frame=Frame(heading="Your data"),
    intro="All that Circadia keeps, and how to end it.",
    kept_heading="On this phone",
    kept=(
        Fact(name="Examples", detail="2,314, the oldest from 2 Oct", figure="18 MB"),
        Fact(name="Your own model", detail="142, with your additions", figure="0.4 MB"),
        Fact(name="Log of decisions", detail="30 days", figure="6 MB"),
    ),
    agreed_heading="You agreed to",
    agreed=(
        Switch(key="learn", text="Learning on this phone", on=True, detail="since 2 Oct"),
        Switch(key="send", text="Shared learning", on=True, detail="since 2 Oct, 4.9 MB sent"),
        Switch(key="field_test", text="Field test", on=True, detail="since 18 Nov, 9 days of figures sent"),
    ),
    deletion=DeleteCard(
        heading="Delete my data",
        text="Deletes all of this here, and asks the server to delete your field test figures and waiting updates. This "
        "page shows when the server has confirmed.",
        undone_lead="What cannot be undone:",
        undone="changes already mixed into the shared model stay in it.",
        buttons=(Button(text="Delete my data…", do=Do.DELETE, danger=True),),
    ),
    requests=(
        Banner(lead="Deletion of 1 Oct: confirmed.", text="The server deleted 2 waiting updates at 18:04."),
    ),
)
YOUR_DATA_SURE = replace(
    YOUR_DATA,
    deletion=replace(
        YOUR_DATA.deletion,
        buttons=(
            Button(text="Delete now", do=Do.DELETE_NOW, danger=True),
            Button(text="Keep it", do=Do.KEEP),
        ),
    ),
)
YOUR_DATA_WAITING = replace(
    YOUR_DATA,
    kept=(),
    requests=(
        Banner(
            lead="Deletion of 27 Nov: waits for the network.",
            text="Nothing is left on this phone but the signed request and its key.",
            colour=Colour.WARN,
            button=Button(text="Give up waiting", do=Do.GIVE_UP_WAITING),
        ),
    ),
)

SCREENS = {
    "now": NOW,
    "now-simulated": NOW_SIMULATED,
    "now-modelled": NOW_MODELLED,
    "now-empty": NOW_EMPTY,
    "now-offline": NOW_OFFLINE,
    "now-failing": NOW_FAILING,
    "now-paused": NOW_PAUSED,
    "now-only-sleeping": NOW_ONLY_SLEEPING,
    "now-starting": NOW_STARTING,
    "now-no-consent": NOW_NO_CONSENT,
    "choose": CHOOSE,
    "choose-empty": CHOOSE_EMPTY,
    "learn": LEARN,
    "learn-empty": LEARN_EMPTY,
    "test": TEST_RUNNING,
    "test-result": TEST_RESULT,
    "test-none": TEST_NONE,
    "test-stopped": TEST_STOPPED,
    "test-over": TEST_OVER,
    "log": LOG,
    "log-empty": LOG_EMPTY,
    "consent": CONSENT,
    "consent-ready": CONSENT_READY,
    "your-data": YOUR_DATA,
    "your-data-sure": YOUR_DATA_SURE,
    "your-data-waiting": YOUR_DATA_WAITING,
}
"""Every screen in every state, by name."""
