"""What came out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.charts import IntervalAxis, Squares
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Button, Chip, Fact, Paragraph, Title


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
    """The screen of the field test: none armed, on its way, or ended."""

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
    """What was planned and not counted, by which rule."""
    consent: Paragraph | None
    buttons: tuple[Button, ...]
