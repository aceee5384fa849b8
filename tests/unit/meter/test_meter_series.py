"""The sums over time: exact through lost frames, honest about when something flowed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia_meter.clock import Unwrapper
from circadia_meter.commands import Commands
from circadia_meter.events import Samples
from circadia_meter.frames import Decoder
from circadia_meter.series import Series

if TYPE_CHECKING:
    from circadia_lab.meter.board.host_core import HostCore

PERIOD = 1000


class Feed:
    """Random samples through the firmware's core and a line that damages frames, into a series."""

    def __init__(self, core: HostCore, seed: int, start_us: int = 5000) -> None:
        self.core, self.rng, self.t_us = core, np.random.default_rng(seed), start_us
        core.take()
        core.receive(Commands().start())
        self.series, self.decoder, self.unwrap = Series(keep_s=1e6), Decoder(), Unwrapper()
        self.times: list[int] = []
        self.power: list[int] = []

    def run(self, count: int, *, damage: float = 0.0, flags: int = 0) -> None:
        t_us = self.t_us + PERIOD * np.arange(count)
        self.t_us = int(t_us[-1]) + PERIOD
        shunt = self.rng.integers(-32768, 32768, count)
        bus = self.rng.integers(0, 32768, count)
        data = self.core.sample(t_us, shunt, bus, np.full(count, flags))
        self.times += t_us.tolist()
        self.power += (shunt * bus).tolist()
        frames = [bytearray(one) for one in data.split(b"\0") if one]
        for one in frames:
            if self.rng.random() < damage:
                one[self.rng.integers(len(one))] ^= 0x55
        for event in self.decoder.receive(b"".join(bytes(one) + b"\0" for one in frames)):
            if isinstance(event, Samples):
                last = self.unwrap.all(event.last_us)
                first = last - (event.last_us - event.first_us).astype(np.int64)
                self.series.add(event, first, last)

    def injected(self, start: int, end: int) -> int:
        """Exact, from the sample with the first index to that with the second."""
        return sum(self.power[start + 1 : end + 1]) * PERIOD


def test_every_sample_is_a_node(core: HostCore) -> None:
    feed = Feed(core, 0)
    feed.run(160)
    for start, end in ((0, 1), (3, 77), (15, 16), (0, 159)):
        passed = feed.series.at(feed.times[end]) - feed.series.at(feed.times[start])
        assert passed.energy == feed.injected(start, end)
    middle = feed.series.at(feed.times[4] - PERIOD // 2) - feed.series.at(feed.times[3])
    assert middle.energy == pytest.approx(feed.injected(3, 4) / 2, abs=1)
    assert feed.series.gaps(0, 1e9) == []


def test_the_sum_closes_through_damaged_frames(core: HostCore) -> None:
    feed = Feed(core, 1)
    feed.run(16)
    for _ in range(20):
        feed.run(1600, damage=0.05)
    feed.run(16)
    passed = feed.series.at(feed.times[-1]) - feed.series.at(feed.times[0])
    assert passed.energy == feed.injected(0, len(feed.times) - 1)
    gaps = feed.series.gaps(0, 1e12)
    assert gaps
    assert not any(gap.lost for gap in gaps)


def test_ticks_sum_up_to_the_accumulator(core: HostCore) -> None:
    feed = Feed(core, 2)
    feed.run(3200, damage=0.1)
    feed.run(16)
    cuts = np.sort(feed.rng.uniform(feed.times[0], feed.times[-1], 50))
    ends = [feed.series.at(t) for t in (feed.times[0], *cuts, feed.times[-1])]
    ticks = sum((b - a).energy for a, b in pairwise(ends))
    assert ticks == feed.injected(0, len(feed.times) - 1)


@pytest.mark.slow
def test_the_meters_own_sums_may_wrap(core: HostCore) -> None:
    feed = Feed(core, 3)
    feed.core._library.host_begin(1)
    feed.core.receive(Commands().start())
    big = np.full(16, 32767)
    for start in range(0, 16 * 3000, 16):  # 48,000 × 2³⁰ × 10⁶ µs passes 2⁶³ five times
        data = feed.core.sample((start + np.arange(16)) * 1_000_000, big, big)
        for event in feed.decoder.receive(data):
            if isinstance(event, Samples):
                last = feed.unwrap.all(event.last_us)
                feed.series.add(event, last - (event.last_us - event.first_us).astype(np.int64), last)
    passed = feed.series.at(feed.series.end_us) - feed.series.at(feed.series.start_us)
    assert passed.energy == 32767 * 32767 * (feed.series.end_us - feed.series.start_us)
    assert passed.energy > 2**64


def test_a_sensor_that_fell_silent_is_a_lost_gap(core: HostCore) -> None:
    feed = Feed(core, 4)
    feed.run(32)
    feed.run(20, flags=2)
    feed.run(32)
    (gap,) = feed.series.gaps(0, 1e9)
    assert gap.lost
    assert (gap.start_us, gap.end_us) == (feed.times[31], feed.times[52])


def test_after_a_reboot_the_sums_go_on(core: HostCore) -> None:
    feed = Feed(core, 5)
    feed.run(32)
    end = feed.series.at(feed.series.end_us)
    feed.core.boot(2)
    feed.core.take()
    feed.core.receive(Commands().start())
    feed.run(32)
    passed = feed.series.at(feed.series.end_us) - end
    assert passed.energy == feed.injected(32, 63)
    (gap,) = feed.series.gaps(0, 1e9)
    assert gap.lost


def test_only_the_last_while_is_kept(core: HostCore) -> None:
    feed = Feed(core, 6)
    feed.series = Series(keep_s=1.0)
    for _ in range(10):
        feed.run(512)
    assert 1.0 <= (feed.series.end_us - feed.series.start_us) * 1e-6 <= 1.7
    before = feed.series.at(0)
    assert before == feed.series.at(feed.series.start_us)
