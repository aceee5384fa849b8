"""Charts as points: x and y from 0 to 1, right and up, within the chart's own box. The widgets draw exactly these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_app.viewmodels.tokens import Colour

if TYPE_CHECKING:
    from circadia_app.viewmodels.tokens import Glyph, Origin

Point = tuple[float, float]
Line = tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place on an axis, and what it is called; empty: a line without a word."""

    at: float
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of an axis."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """A colour, and what it stands for."""

    text: str
    colour: Colour
    hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What the battery may do, from now on."""

    middle: Line
    """Dashed, its last point a ring with a bracket from `low`'s to `high`'s last."""
    low: Line
    high: Line
    """The band lies between; the same x as `middle`."""
    text: str
    """At the end: `38`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryDay:
    """The charge of one day from midnight to midnight: x is the time of day, y the charge."""

    charge: tuple[Line, ...]
    """Pieces, INK; between them nothing was seen."""
    charger: tuple[Span, ...]
    """On the charger, CHARGE."""
    charger_text: str
    """For the widest of them, CHARGE_TEXT; empty: none is wide enough for words."""
    floor: Mark | None
    """Dotted, WARN; `at` is y."""
    levels: tuple[Mark, ...]
    """Lines of the grid: y."""
    hours: tuple[Mark, ...]
    """x."""
    now: Mark | None
    """A line over battery and ribbon: x; None: another day than today."""
    charge_text: str
    """At the last point: `54`; empty: the charge is not known."""
    projection: Projection | None
    lacking: str = ""
    """Instead of a projection: `From tomorrow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What was done in one stretch of the ribbon."""

    start: float
    end: float
    height: float
    """Of the ribbon's 48 dp: 1 trained, 28/48 answered, 4/48 slept."""
    colour: Colour
    start_s: float
    end_s: float
    """By the agent's clock: a touch shows this stretch's decisions in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """What was done, a column a quarter of an hour, on the battery's axis of time."""

    columns: tuple[Column, ...]
    """In rising order; where nothing ran there is none."""
    wake: Mark | None
    """The next planned wake, a ring."""
    legend: tuple[Legend, ...]
    lacking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBar:
    """One mode's joules."""

    name: str
    glyph: Glyph
    colour: Colour
    length: float
    """Of the longest."""
    figure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBars:
    """Joules by mode."""

    bars: tuple[EnergyBar, ...]
    origin: Origin
    """Filled, outlined, or in blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a chart, with its name at its end."""

    line: Line
    name: str
    colour: Colour
    dashed: bool = False
    low: Line = ()
    high: Line = ()
    """The band lies between, BAND; empty: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines over days."""

    series: tuple[Series, ...]
    levels: tuple[Mark, ...]
    """y."""
    days: tuple[Mark, ...]
    """x."""
    changes: tuple[Mark, ...] = ()
    """Dotted lines: x."""
    lacking: str = ""
    """In the middle of empty axes: `6 more answers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBar:
    """What one day brought, as two bars side by side."""

    start: float
    end: float
    first: float
    second: float
    """Heights."""
    text: str = ""
    """Over the ground, where both are missing: `off`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBars:
    """Two bars a day, the first in ACCENT, the second in MUTED."""

    bars: tuple[DayBar, ...]
    level: str
    """What a height of 1 is: `700 kB`."""
    days: tuple[Mark, ...]
    lacking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """One thing that can be preferred."""

    key: str
    """`accuracy`, `latency` or `energy`."""
    name: str
    share: str
    """`50 %`."""
    weight: float
    """0 to 1: the thickness of the line to it."""
    at: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangle:
    """A preference as a point between three corners; the box's width is 1, and its height is the triangle's."""

    corners: tuple[Corner, Corner, Corner]
    """Accuracy at the top, latency to the left, energy to the right."""
    point: Point
    ring: Point | None
    """Where it was; None: where it is."""
    dots: tuple[Point, ...]
    """Steps of ten in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One day of a test."""

    colour: Colour
    filled: bool
    """False: an outline, to come."""
    hollow: bool = False
    """With an empty centre: the other arm."""
    today: bool = False
    """In a frame."""
    out: bool = False
    """Left out: struck through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareRow:
    """A phase of a test."""

    heading: str
    groups: tuple[tuple[Square, ...], ...]
    """Pairs stand together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """A square a day."""

    rows: tuple[SquareRow, ...]
    legend: tuple[Legend, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalAxis:
    """An estimate with its interval on one axis."""

    low: float
    high: float
    middle: float
    colour: Colour = Colour.ACCENT
    band: Colour = Colour.INTERVAL
    zero: float | None = None
    """A line where nothing differs; None: there is no such place."""
    marks: tuple[Mark, ...] = ()
    left: str = ""
    right: str = ""
    """What the two directions mean."""
