"""What time it was on the host when the meter's clock said so: alignment by pings, with a bound on its error.

A ping is sent at host time s and answered by a pong that is complete at r. The meter stamped its arrival with m. On a
serial line of b baud, what lies between is known but for the delays of host and adapter, which are never negative:

    s + 10 · bytes out / b  ≤  host time of m  ≤  r − (pong begun − m) − max(building, 10 · queued / b) − 10 · bytes / b

Both clocks run evenly over two minutes, so the host's time is a line in m that passes through all these intervals: the
shortest delays of each way bound it from one side. The mean of all lines that pass is taken: it is the posterior mean if
delays are exponential, with any mean that is the same for both ways, for then all of them are equally likely. How far
the others are from it, at any m, is the bound on its error. When no line passes, a clock was set or its drift changed,
and old pings are let go until one does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_meter.events import Pong

WRAP = 1 << 32
BITS_PER_BYTE = 10
"""8N1 with its start and stop bit."""
RESONATORS = 0.01
"""Two clocks differ by less than this, as a share: boards of the Arduino kind have ceramic resonators, good for 0.5 %."""
STAMPS_S = 10e-6
"""What the meter's stamps and the clocks' evenness are good for."""
ROUNDS, SLOPES = 8, 65
"""Of the search for the corridor: each round cuts the slopes down to those that pass."""


class Unwrapper:
    """The meter's 32-bit µs as a count that does not wrap; readings may be up to 35 minutes apart, either way."""

    def __init__(self) -> None:
        self._raw: int | None = None
        self._count = 0

    def restart(self, t_us: int, count: int) -> None:
        """The meter's clock began anew: `t_us` is to be read as `count`."""
        self._raw, self._count = t_us, count

    def __call__(self, t_us: int) -> int:
        """Of one reading."""
        if self._raw is None:
            self.restart(t_us, t_us)
        else:
            self.restart(t_us, self._count + shorter_way(t_us - self._raw))
        return self._count

    def all(self, t_us: NDArray[np.uint32]) -> NDArray[np.int64]:
        """(F,) of readings in a row."""
        first = self(int(t_us[0]))
        steps = shorter_way(np.diff(t_us.astype(np.int64)))
        counts: NDArray[np.int64] = np.cumsum(np.concatenate([[first], steps]))
        self.restart(int(t_us[-1]), int(counts[-1]))
        return counts


def shorter_way(difference: Any) -> Any:
    """Of a difference of two 32-bit counts: up to half a wrap forwards or back."""
    return (difference + WRAP // 2) % WRAP - WRAP // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A ping and its pong."""

    meter_us: int
    """Unwrapped; when the ping had arrived."""
    earliest_s: float
    """Host time before which that cannot have been …"""
    latest_s: float
    """… and after which it cannot."""


def exchange(
    pong: Pong, *, meter_us: int, sent_s: float, returned_s: float, bytes_out: int, baud: int
) -> Exchange:
    """Of a ping of `bytes_out` that left at `sent_s`, and its pong, complete at `returned_s`.

    `meter_us` is the pong's stamp, unwrapped.
    """
    byte_s = BITS_PER_BYTE / baud
    waited_s = max(pong.building_us * 1e-6, pong.queued_bytes * byte_s)
    back_s = pong.answered_us * 1e-6 + waited_s + pong.length * byte_s
    return Exchange(meter_us=meter_us, earliest_s=sent_s + bytes_out * byte_s, latest_s=returned_s - back_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Host seconds as a line in meter µs, and the corridor around it."""

    origin_us: float
    origin_s: float
    s_per_us: float
    slopes: NDArray[np.float64]
    """(K,) of lines through all intervals …"""
    lowest_s: NDArray[np.float64]
    """(K,) … and for each slope the lowest …"""
    highest_s: NDArray[np.float64]
    """(K,) … and highest time at the origin."""

    def host_s(self, meter_us: float) -> float:
        """Host time when the meter's clock said `meter_us`."""
        return self.origin_s + (meter_us - self.origin_us) * self.s_per_us

    def meter_us(self, host_s: float) -> float:
        """The inverse."""
        return self.origin_us + (host_s - self.origin_s) / self.s_per_us

    def bound_s(self, meter_us: float) -> float:
        """Largest error of `host_s` there."""
        turned = (self.slopes - self.s_per_us) * (meter_us - self.origin_us)
        high = (self.highest_s - self.origin_s + turned).max()
        low = (self.lowest_s - self.origin_s + turned).min()
        return float(max(high, -low))

    @property
    def rate(self) -> float:
        """Host's µs in one of the meter's."""
        return self.s_per_us * 1e6

    @property
    def rate_bound(self) -> float:
        """Largest error of `rate`."""
        return float(np.abs(self.slopes - self.s_per_us).max() * 1e6)

    @property
    def drift_ppm(self) -> float:
        """How much faster than the host's the meter's clock runs."""
        return (1e-6 / self.s_per_us - 1) * 1e6


class Alignment:
    """The line through the pings of the last while."""

    def __init__(self, *, window_s: float = 120.0) -> None:
        """So much of the past takes part."""
        self._window_s = window_s
        self._exchanges: deque[Exchange] = deque()
        self._line: Line | None = None

    def add(self, exchange: Exchange) -> bool:
        """Take a ping; False if it contradicts those before it, which are let go as far as they do."""
        self._exchanges.append(exchange)
        while self._exchanges[-1].latest_s - self._exchanges[0].latest_s > self._window_s:
            self._exchanges.popleft()
        agreed = True
        while (line := _line_through(self._exchanges)) is None:
            agreed = False
            for _ in range(max(len(self._exchanges) // 2, 1)):
                self._exchanges.popleft()
            if not self._exchanges:
                break
        self._line = line
        return agreed

    def restart(self) -> None:
        """Forget all pings: the meter booted."""
        self._exchanges.clear()
        self._line = None

    @property
    def line(self) -> Line | None:
        """The present one; None before the first ping came back."""
        return self._line


def _line_through(exchanges: Sequence[Exchange]) -> Line | None:
    """The middle of the corridor; None if there is none."""
    if not exchanges:
        return None
    origin_us = exchanges[-1].meter_us
    origin_s = exchanges[-1].latest_s
    m = np.array([one.meter_us - origin_us for one in exchanges], float)
    low = np.array([one.earliest_s - origin_s for one in exchanges]) - STAMPS_S
    high = np.array([one.latest_s - origin_s for one in exchanges]) + STAMPS_S

    def corridor(slopes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        turned = np.outer(slopes, m)
        return (low - turned).max(axis=1), (high - turned).min(axis=1)

    slowest, fastest = 1e-6 * (1 - RESONATORS), 1e-6 * (1 + RESONATORS)
    for _ in range(ROUNDS):
        slopes = np.linspace(slowest, fastest, SLOPES)
        lowest, highest = corridor(slopes)
        widest = int(np.argmax(highest - lowest))
        passing = np.flatnonzero(highest >= lowest)
        first, last = (passing[0], passing[-1]) if len(passing) else (widest, widest)
        slowest, fastest = slopes[max(first - 1, 0)], slopes[min(last + 1, SLOPES - 1)]
    if len(passing) == 0:
        return None
    width = (highest - lowest)[passing] + STAMPS_S * 1e-6
    middle = (highest + lowest)[passing] / 2
    return Line(
        origin_us=origin_us,
        origin_s=origin_s + float(np.average(middle, weights=width)),
        s_per_us=float(np.average(slopes[passing], weights=width)),
        slopes=slopes[passing],
        lowest_s=origin_s + lowest[passing],
        highest_s=origin_s + highest[passing],
    )
