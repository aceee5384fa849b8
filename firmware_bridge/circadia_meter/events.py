"""What a meter says: the events that the decoder makes of its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Status(IntEnum):
    """What a reply says of a command."""

    OK = 0
    UNKNOWN = 1
    LENGTH = 2
    RANGE = 3
    BUSY = 4
    SENSOR = 5
    VERSION = 6


class What(IntEnum):
    """Of an event."""

    PULSE = 1
    """The sync output turned over; value: its level."""
    MARK = 2
    """The host asked for a mark; value: its label."""
    EDGE = 3
    """An edge on the sync input; value: its level."""


class Flag(IntFlag):
    """Of a frame of samples."""

    SATURATED = 1
    """One of its samples stood at the register's end."""
    GAP = 2
    """A read before it failed: that time is in no sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a meter is, after a boot or when asked."""

    boot: int
    """A count of boots, which survives power cuts."""
    sequence: int
    t_us: int
    firmware: tuple[int, int]
    board: str
    device_id: int
    """0 until somebody names it."""
    shunt_uohm: int
    """0 until it is calibrated."""
    offset_steps: float
    """Zero offset of the shunt register, in its steps."""
    gain_ppm: int
    shunt_step_v: float
    bus_step_v: float
    fastest_us: int
    lag_us: int
    period_us: int
    range: int
    ranges: int
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Consecutive frames of samples, F of them with N samples together."""

    boot: int
    """Its lower 16 bits."""
    sequence: NDArray[np.uint32]
    """(F,)"""
    first_us: NDArray[np.uint32]
    """(F,) when the first sample of each frame was taken, on the meter's 32-bit clock."""
    last_us: NDArray[np.uint32]
    """(F,) … and the last one; the sums reach up to here."""
    charge: NDArray[np.int64]
    """(F,) Σ shunt · Δt since the boot, steps · µs."""
    voltage_time: NDArray[np.int64]
    """(F,) Σ bus · Δt."""
    energy: NDArray[np.int64]
    """(F,) Σ shunt · bus · Δt, modulo 2⁶⁴."""
    dropped: NDArray[np.uint16]
    """(F,) frames that the meter had no room for, since the boot, modulo 2¹⁶."""
    missed: NDArray[np.uint16]
    """(F,) samples that were due and not taken, modulo 2¹⁶."""
    flags: NDArray[np.uint16]
    """(F,) of `Flag`."""
    count: NDArray[np.intp]
    """(F,) samples in each frame; their sum is N."""
    shunt: NDArray[np.int16]
    """(N,) steps of the shunt register; discharge is positive."""
    bus: NDArray[np.uint16]
    """(N,) steps of the bus register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """To a command."""

    boot: int
    sequence: int
    t_us: int
    token: int
    """The command's own."""
    kind: int
    """The command's."""
    status: int
    """A `Status`, or one of a later firmware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """To a ping."""

    boot: int
    sequence: int
    t_us: int
    """When the ping's last byte had arrived, on the meter's clock."""
    token: int
    answered_us: int
    """How long after that it began to build this frame …"""
    queued_bytes: int
    """… and how many bytes had to be sent before it."""
    building_us: int
    """What building takes at least; 0 if not known yet."""
    length: int
    """Of this frame on the line, bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A pulse, a mark or an edge."""

    boot: int
    sequence: int
    t_us: int
    what: int
    """A `What`, or one of a later firmware."""
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt:
    """Bytes between two zeros that are no frame."""

    length: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherVersion:
    """A whole frame of a protocol that this host does not speak."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A whole frame of a kind that this host does not know, from a later firmware of the same protocol version."""

    kind: int


Event = Hello | Samples | Reply | Pong | Happening | Corrupt | OtherVersion | Unknown
