"""What do I want?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia.types import Preference
    from circadia_app.viewmodels.charts import Triangle
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Chip, Slider, Switch


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
