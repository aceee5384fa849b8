"""What a grid is made from, and the axes that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.actions import LOCAL_STEPS
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.observation import HOUR_S
from circadia.physics.scenario import PHONE
from circadia.shield import Limits
from circadia.types import Work
from circadia_lab.policy.env.accuracy import AccuracyModel, steady_accuracy
from circadia_lab.policy.env.problem import CostLimits

if TYPE_CHECKING:
    from circadia.energy.profile import DeviceProfile
    from circadia.physics.params import Params
    from circadia.physics.scenario import Scenario
    from circadia_lab.policy.oracle.axes import Backlog, Ladder, Version

SHAPE = ("context", "battery", "queue", "fresh", "model", "unsent")
"""The order of the axes in a state's index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSpec:
    """What a grid is made from. Ages in ticks; counts in lots."""

    name: str = "grid"
    profile: DeviceProfile = field(default_factory=lambda: shipped_profile("pixel-3"))
    scenario: Scenario = PHONE
    limits: Limits = field(default_factory=Limits)
    costs: CostLimits = field(default_factory=CostLimits)
    accuracy: AccuracyModel = field(default_factory=steady_accuracy)
    tick_s: float = 900.0
    battery_levels: int = 10
    """Evenly spaced from empty to full."""
    request_lot: float = 8.0
    queue_lots: tuple[float, ...] = (1.0, 2.0)
    queue_ages: tuple[float, ...] = (1.0, 2.0)
    deadline_ticks: float = 2.0
    example_lot: float = 16.0
    fresh_lots: tuple[float, ...] = (1.0,)
    fresh_ages: tuple[float, ...] = (1.0, 4.0, 8.0, 16.0)
    newest_ages: tuple[float, ...] = (2.0,)
    behind_ages: tuple[float, ...] = (3.0, 8.0, 16.0)
    unsent_lots: tuple[float, ...] = (0.0, 4.0)
    battery_scale: float = 1.0
    """Of the profile's capacity."""
    work_scale: float = 1.0
    """Of the profile's seconds for a training step and for an answer."""
    request_scale: float = 1.0
    """Of the scenario's requests."""
    burst_lots: float = 1.0
    """Requests come so many lots at a time, as much rarer."""

    def published_share(self, params: Params) -> float:
        """Of the ticks, that bring a new version."""
        return min(1.0, float(params.versions_per_hour) * self.tick_s / HOUR_S)

    def __post_init__(self) -> None:
        if self.battery_levels < 2:
            raise ConfigError(f"grid {self.name}: battery_levels is {self.battery_levels}; needs 2 at least")
        positive = (
            "tick_s",
            "request_lot",
            "example_lot",
            "battery_scale",
            "work_scale",
            "request_scale",
            "burst_lots",
        )
        for key in positive:
            if not getattr(self, key) > 0:
                raise ConfigError(f"grid {self.name}: {key} is {getattr(self, key):g}; it must be positive")
        if self.example_lot % LOCAL_STEPS[Work.SMALL]:
            raise ConfigError(
                f"grid {self.name}: example_lot must be a multiple of {LOCAL_STEPS[Work.SMALL]}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The axes besides the context, in the order of `SHAPE`."""

    battery: Ladder
    """joules"""
    queue: Backlog
    """requests, seconds"""
    fresh: Backlog
    """examples, seconds"""
    model: Version
    """seconds"""
    unsent: Ladder
    """examples"""

    @property
    def shape(self) -> tuple[int, ...]:
        """Points of each."""
        return (
            len(self.battery),
            len(self.queue),
            len(self.fresh),
            len(self.model),
            len(self.unsent),
        )
