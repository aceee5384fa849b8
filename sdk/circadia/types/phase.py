"""What draws power, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Load(IntEnum):
    """What draws power during a phase; the index into a device profile's table of powers."""

    DEEP_SLEEP = 0
    AWAKE = 1
    WAKE_UP = 2
    SERVE_LOW = 3
    SERVE_HIGH = 4
    TRAIN_LOW = 5
    TRAIN_HIGH = 6
    RADIO = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time under one load; the mark by which energy is attributed."""

    load: Load
    duration_s: float
