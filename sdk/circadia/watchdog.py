"""systemd's watchdog, told that the device lives: by the protocol of sd_notify(3), one datagram each time."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIVE = b"WATCHDOG=1"
SHARE = 0.5
"""Of the watchdog's time, after which it is told again, as sd_watchdog_enabled(3) advises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """Where it listens, and how often it has to hear."""

    address: str
    every_s: float
    """Real seconds."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """The one that started this process; None: there is none."""
        address, limit = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        if not (mine and address and limit.isdecimal() and int(limit) > 0):
            return None
        return cls(address=address, every_s=SHARE * int(limit) / 1e6)

    def feed(self) -> None:
        """It lives. `OSError` where nobody listens any more."""
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
            told.sendto(ALIVE, address)
