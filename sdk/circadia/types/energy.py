"""Joules, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia.types.phase import Load


class Source(Enum):
    """Where an energy figure comes from; figures of different sources are never added up."""

    MEASURED = "measured"
    MODELLED = "modelled"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSample:
    """One reading of a meter; discharge is positive."""

    t_ns: int
    voltage_v: float
    current_a: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyReading:
    """The energy of a stretch of time."""

    energy_j: float
    duration_s: float
    source: Source
    gap_s: float = 0.0
    """Time in it that nothing was read."""
    lost_s: float = 0.0
    """Of that, time whose energy is not in the sum either: the meter was off, or had not begun."""
    bound_j: float = 0.0
    """How far `energy_j` can be off by clocks and gaps, and by sampling where the load is steady within the tick; not by
    bursts shorter than a sample or in step with it, nor by the meter’s gain and offset."""
    by_load: dict[Load, float] = field(default_factory=dict)
    """Joules by load, where the source can tell them apart."""
