"""What has it learned, and what left the phone?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.charts import DayBars, IntervalAxis, Lines
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Button, Fact, Title


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
