from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia_meter.clock import WRAP, Alignment, Exchange, Unwrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pings(
    times: NDArray[np.float64], *, drift_ppm: float, delay_s: float, seed: int, host_s: float = 1.8e9
) -> list[Exchange]:
    """Of a meter whose clock was 0 at `host_s`; delays of each way are exponential."""
    rng = np.random.default_rng(seed)
    there, back = rng.exponential(delay_s, (2, len(times)))
    return [
        Exchange(
            meter_us=round(t * (1 + drift_ppm * 1e-6) * 1e6),
            earliest_s=host_s + t - a,
            latest_s=host_s + t + b,
        )
        for t, a, b in zip(times, there, back, strict=True)
    ]


@pytest.mark.parametrize("drift_ppm", [-4000.0, -80.0, 0.0, 80.0])
def test_the_line_is_close_and_its_bound_holds(drift_ppm: float) -> None:
    errors, covered = [], []
    for seed in range(20):
        alignment = Alignment()
        times = np.arange(0, 60, 0.5)
        for exchange in pings(times, drift_ppm=drift_ppm, delay_s=500e-6, seed=seed):
            assert alignment.add(exchange)
        line = alignment.line
        assert line is not None
        assert line.drift_ppm == pytest.approx(drift_ppm, abs=2)
        for t in (0, 30, 60, 65):
            meter_us = t * (1 + drift_ppm * 1e-6) * 1e6
            errors.append(abs(line.host_s(meter_us) - 1.8e9 - t))
            covered.append(errors[-1] <= line.bound_s(meter_us))
            assert line.meter_us(line.host_s(meter_us)) == pytest.approx(meter_us, abs=0.5)
    assert np.percentile(errors, 95) < 60e-6
    assert all(covered)


def test_one_ping_bounds_by_its_own_width() -> None:
    alignment = Alignment()
    alignment.add(Exchange(meter_us=1_000_000, earliest_s=10.0, latest_s=10.004))
    line = alignment.line
    assert line is not None
    assert line.host_s(1_000_000) == pytest.approx(10.002, abs=1e-6)
    assert 0.002 <= line.bound_s(1_000_000) < 0.0021
    assert 0.1 < line.bound_s(11_000_000) < 0.11  # ten seconds later it may have drifted


def test_a_clock_that_was_set_is_noticed_and_followed() -> None:
    alignment = Alignment()
    times = np.arange(0, 30, 0.5)
    before = pings(times, drift_ppm=50, delay_s=300e-6, seed=1)
    after = pings(times + 30, drift_ppm=50, delay_s=300e-6, seed=2, host_s=1.8e9 + 2)
    assert all(alignment.add(exchange) for exchange in before)
    assert not alignment.add(after[0])
    assert all(alignment.add(exchange) for exchange in after[1:])
    line = alignment.line
    assert line is not None
    assert line.host_s(60e6 * (1 + 50e-6)) == pytest.approx(1.8e9 + 62, abs=1e-4)


def test_stamps_that_contradict_each_other_leave_no_line() -> None:
    alignment = Alignment()
    assert not alignment.add(Exchange(meter_us=0, earliest_s=2.0, latest_s=1.0))
    assert alignment.line is None


@given(st.integers(0, WRAP - 1), st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=30))
def test_unwrapping_follows_steps_of_up_to_half_a_wrap(start: int, steps: list[int]) -> None:
    unwrap = Unwrapper()
    count = unwrap(start)
    for step in steps:
        count += step
        assert unwrap(count % WRAP) == count


@given(st.integers(0, WRAP - 1), st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=30))
def test_a_row_unwraps_as_its_parts(start: int, steps: list[int]) -> None:
    counts = start + np.cumsum([0, *steps])
    whole, parts = Unwrapper(), Unwrapper()
    assert whole.all((counts % WRAP).astype(np.uint32)).tolist() == [parts(int(c) % WRAP) for c in counts]
    assert whole(int(counts[-1]) % WRAP) == counts[-1]
