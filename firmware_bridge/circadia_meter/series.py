"""The sums over time: what had flowed at any moment of the last while, and where only a sum is known.

A sample stands for the time since the one before it, so between two samples the sums run straight. Each frame carries
the meter's own sums at its last sample; where frames are missing, the sums at both ends of the hole are still right:
nothing is lost but when it flowed. That is a gap. After a reboot the meter's sums begin anew; what flowed meanwhile is
lost, which is a gap, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from circadia_meter.events import Flag, Samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

LONGEST_STEP = 2.5
"""Periods between two samples; more is a gap."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Raw units as in `events.Samples`, but in the host's µs; whole numbers, so that parts add up to the whole."""

    charge: int
    voltage_time: int
    energy: int

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.charge - other.charge, self.voltage_time - other.voltage_time, self.energy - other.energy
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without samples, in the meter's time."""

    start_us: int
    end_us: int
    lost: bool
    """Not even summed: the meter was off, or its sensor did not answer."""

    def within(self, start_us: float, end_us: float) -> float:
        """µs of it in that stretch."""
        return max(min(self.end_us, end_us) - max(self.start_us, start_us), 0.0)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Frames whose sums run straight between their samples, which are only laid out where somebody asks."""

    start_us: int
    """The end of the chunk before."""
    base: Sums
    """There."""
    first_us: NDArray[np.int64]
    last_us: NDArray[np.int64]
    """(F,) ascending: of each frame's first and last sample."""
    ends: NDArray[np.int64]
    """(F, 3) at each frame's last sample, since `base`, in the meter's µs."""
    shunt: NDArray[np.int16]
    bus: NDArray[np.uint16]
    """(F, N)"""
    rate: float
    """Host's µs in one of the meter's."""

    @property
    def end_us(self) -> int:
        """Of the last sample."""
        return int(self.last_us[-1])

    def at(self, t_us: float) -> Sums:
        """The sums at a time within."""
        times, sums = self._nodes(min(int(np.searchsorted(self.last_us, t_us)), len(self.last_us) - 1))
        right = min(max(int(np.searchsorted(times, t_us)), 1), len(times) - 1)
        left_us, right_us = int(times[right - 1]), int(times[right])
        share = (t_us - left_us) / max(right_us - left_us, 1)
        low, high = sums[right - 1].tolist(), sums[right].tolist()
        since = (a + share * (b - a) for a, b in zip(low, high, strict=True))
        charge, voltage_time, energy = (round(one * self.rate) for one in since)
        return Sums(
            self.base.charge + charge, self.base.voltage_time + voltage_time, self.base.energy + energy
        )

    def _nodes(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N + 1,) times and (N + 1, 3) sums: where the frame before ended, and every sample, back from the frame's own."""
        t_us, left = self._left(frame)
        before_us = int(self.last_us[frame - 1]) if frame else self.start_us
        before = self.ends[frame - 1] if frame else np.zeros(3, np.int64)
        return np.append(before_us, t_us), np.concatenate([before[None], self.ends[frame] - left])

    def grown(self) -> NDArray[np.int64]:
        """(3,) by how much the sums grew from the first frame's first sample to its last."""
        left: NDArray[np.int64] = self._left(0)[1][0]
        return left

    def _left(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) times of a frame's samples, and (N, 3) how much was to come until its last one."""
        first_us, last_us = int(self.first_us[frame]), int(self.last_us[frame])
        shunt, bus = self.shunt[frame].astype(np.int64), self.bus[frame].astype(np.int64)
        place = np.arange(len(shunt)) / max(len(shunt) - 1, 1)
        t_us = first_us + np.rint((last_us - first_us) * place).astype(np.int64)
        inner = np.stack([shunt, bus, shunt * bus], axis=-1)[1:] * np.diff(t_us)[:, None]
        return t_us, np.concatenate([np.cumsum(inner[::-1], axis=0)[::-1], np.zeros((1, 3), np.int64)])


class Series:
    """What one meter measured, in its own unwrapped µs."""

    def __init__(self, *, keep_s: float = 900.0) -> None:
        """So much of the past can be asked for."""
        self._keep_us = keep_s * 1e6
        self._chunks: deque[_Chunk] = deque()
        self._gaps: deque[Gap] = deque()
        self._boot = -1
        self._raw = np.zeros(3, np.int64)
        """The meter's own sums at the last node."""
        self._period_us = 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing came yet."""
        return not self._chunks

    @property
    def start_us(self) -> int:
        """Of what is kept."""
        return self._chunks[0].start_us

    @property
    def end_us(self) -> int:
        """Of what came."""
        return self._chunks[-1].end_us

    def add(
        self, samples: Samples, first_us: NDArray[np.int64], last_us: NDArray[np.int64], *, rate: float = 1.0
    ) -> None:
        """Take frames in the order in which they came; (F,) times unwrapped.

        `rate`: µs of the host in one of the meter's, whose resonator may be off by half a per cent, and its joules too.
        """
        self._find_gaps(samples, first_us, last_us)
        raw = np.stack([samples.charge, samples.voltage_time, samples.energy], axis=-1)
        shape = len(first_us), int(samples.count[0])
        chunk = _Chunk(
            start_us=int(first_us[0]) if self.empty else self.end_us,
            base=Sums(0, 0, 0) if self.empty else self._chunks[-1].at(self.end_us),
            first_us=first_us,
            last_us=last_us,
            ends=np.zeros_like(raw),
            shunt=samples.shunt.reshape(shape),
            bus=samples.bus.reshape(shape),
            rate=rate,
        )
        before = self._raw if samples.boot == self._boot else raw[0] - chunk.grown()
        chunk.ends[:] = np.cumsum(np.diff(raw, axis=0, prepend=before[None]), axis=0)
        self._chunks.append(chunk)
        self._boot, self._raw = samples.boot, raw[-1]
        self._forget()

    def restart(self) -> None:
        """What comes next has nothing to do with the sums before."""
        self._boot = -1

    def _find_gaps(self, samples: Samples, first_us: NDArray[np.int64], last_us: NDArray[np.int64]) -> None:
        per_frame = int(samples.count[0])
        if per_frame > 1:
            self._period_us = float(np.median(last_us - first_us)) / (per_frame - 1)
        before = np.concatenate([[first_us[0] if self.empty else self.end_us], last_us[:-1]])
        unread = (samples.flags & Flag.GAP) != 0
        rebooted = np.arange(len(before)) == 0 if samples.boot != self._boot else np.zeros(len(before), bool)
        holes = (first_us - before > LONGEST_STEP * self._period_us) | unread | rebooted
        for frame in np.flatnonzero(holes & (first_us > before)):
            lost = bool(unread[frame] or rebooted[frame])
            self._gaps.append(Gap(int(before[frame]), int(first_us[frame]), lost))

    def _forget(self) -> None:
        while len(self._chunks) > 1 and self._chunks[0].end_us < self.end_us - self._keep_us:
            self._chunks.popleft()
        while self._gaps and self._gaps[0].end_us <= self.start_us:
            self._gaps.popleft()

    def at(self, t_us: float) -> Sums:
        """The sums since the first sample that came; before and after what is known, those at its ends."""
        for chunk in reversed(self._chunks):
            if chunk.start_us <= t_us:
                return chunk.at(min(t_us, self.end_us))
        return self._chunks[0].at(self.start_us)

    def gaps(self, start_us: float, end_us: float) -> list[Gap]:
        """Those that reach into the stretch, whole."""
        return [gap for gap in self._gaps if gap.start_us < end_us and gap.end_us > start_us]


Timed = tuple["Samples", "NDArray[np.int64]", "NDArray[np.int64]"]
"""Frames with the unwrapped times of their first and last samples, (F,)."""


def joined(parts: Iterable[Timed]) -> Iterator[Timed]:
    """The same with neighbours of one boot and one length put together."""
    for _, run in groupby(parts, lambda part: (part[0].boot, int(part[0].count[0]))):
        samples, first_us, last_us = zip(*run, strict=True)
        if len(samples) == 1:
            yield samples[0], first_us[0], last_us[0]
            continue
        columns = {
            name: np.concatenate([getattr(one, name) for one in samples])
            for name in Samples.__slots__
            if name != "boot"
        }
        yield Samples(boot=samples[0].boot, **columns), np.concatenate(first_us), np.concatenate(last_us)
