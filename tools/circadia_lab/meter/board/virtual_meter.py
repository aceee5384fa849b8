"""A simulated board and a host's session in virtual time: minutes of measurements in seconds, and the truth beside them.

The host's clock is true time from `origin_s` on. What lies between host and board is delayed by `least_s` and an
exponential of mean `mean_s` each way, and may be damaged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circadia.types import Source

if TYPE_CHECKING:
    from circadia.types import EnergyReading
    from circadia_lab.meter.board.simulator import SimulatedBoard
    from circadia_meter.session import MeterSession

STEP_S = 0.005
"""The host's thread looks so often …"""
QUICK_STEP_S = 0.0002
"""… and while it awaits a pong."""


class VirtualMeter:
    """An `EnergyMeter` whose time is advanced by hand."""

    def __init__(
        self,
        board: SimulatedBoard,
        session: MeterSession,
        *,
        origin_s: float = 0.0,
        least_s: float = 1e-4,
        mean_s: float = 3e-4,
        damage: float = 0.0,
        seed: int = 0,
    ) -> None:
        """`damage`: chance that a byte to the host is changed."""
        self.board, self.session, self.origin_s = board, session, origin_s
        self._least_s, self._mean_s, self._damage = least_s, mean_s, damage
        self._rng = np.random.default_rng(seed)
        session.connected(origin_s + board.now_s)

    def advance(self, until_s: float) -> None:
        """Let board and host work until then, host time."""
        while self.board.now_s < until_s - self.origin_s - 1e-6:
            now_s = self.board.now_s
            if data := self.session.outgoing(self.origin_s + now_s):
                self.board.write(data, now_s + self._delay_s())
            step_s = QUICK_STEP_S if self.session.awaits_pong else STEP_S
            self.board.run(min(now_s + step_s, until_s - self.origin_s))
            data, times = self.board.read()
            if data:
                self.session.receive(self._damaged(data), self.origin_s + float(times[-1]) + self._delay_s())

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`; its joules are simulated, and say so."""
        reading = self.session.read(start_s, end_s)
        return None if reading is None else replace(reading, source=Source.SIMULATED)

    def about(self) -> dict[str, str | float]:
        """As `MeterSession.about`."""
        return self.session.about()

    def close(self) -> None:
        """Free the board."""
        self.board.close()

    def true_j(self, start_s: float, end_s: float) -> float:
        """Joules that flowed."""
        ends = (self.board.true_sums(t_s - self.origin_s)[2] for t_s in (start_s, end_s))
        before, after = ends
        return after - before

    def _delay_s(self) -> float:
        return self._least_s + float(self._rng.exponential(self._mean_s))

    def _damaged(self, data: bytes) -> bytes:
        if not self._damage:
            return data
        values = np.frombuffer(data, np.uint8).copy()
        hit = self._rng.random(len(values)) < self._damage
        values[hit] ^= self._rng.integers(1, 256, int(hit.sum()), np.uint8)
        return values.tobytes()
