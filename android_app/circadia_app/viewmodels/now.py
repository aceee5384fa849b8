"""What is it doing, and why?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.charts import BatteryDay, EnergyBars, Ribbon
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Button, Chip, Tile, Title


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
