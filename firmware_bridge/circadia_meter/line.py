"""The line to a meter: bytes both ways, over a serial port or whatever else carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

BAUD = 500_000
READ_TIMEOUT_S = 0.02


class Line(Protocol):
    """An open one. It raises `OSError` or `CircadiaError` once nobody is at the other end any more."""

    def read(self) -> bytes:
        """What has come, at least a byte; nothing after `READ_TIMEOUT_S` without one."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        ...


class Lines(Protocol):
    """Where a meter may be, of one kind of line."""

    look_again_s: float
    """Between two looks for a meter that is not there."""

    def candidates(self) -> Sequence[str]:
        """Names of lines that a meter could be behind. `MeterError` says why there are none, if that is known."""
        ...

    def open(self, name: str) -> Line:
        """For us alone, at `BAUD`, 8 bits, no parity. `MeterError` says why not."""
        ...
