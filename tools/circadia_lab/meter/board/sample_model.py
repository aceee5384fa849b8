"""The reference meter at the level of its samples: what the firmware and its INA226 make of a load, in NumPy.

    register_j = round((I_j · R · (1 + gain) + offset + noise) / 2.5 µV),   I_j the mean over a round of conversions
    E(t_k)     = E(t_{k−1}) + register_j · bus · (t_k − t_{k−1}),           j the round before the last at t_k

No line, no clock's drift: those the clock's alignment takes out. A thousand times faster than the firmware in its
simulator, against which it is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.meter.board.simulator import BoardErrors

    Floats = NDArray[np.float64]

SHUNT_STEP_V, BUS_STEP_V = 2.5e-6, 1.25e-3
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)
TYPICAL_US = (140, 204, 332, 588, 1100, 2116, 4156, 8244)
SLOWEST_US = (154, 224, 365, 646, 1210, 2328, 4572, 9068)
BUS_US, BUS_SLOWEST_US = 140, 154
NOISE_OF_S = 140e-6
"""The noise is given for a conversion of this length; longer ones average it."""


def round_of(period_us: int) -> tuple[int, int]:
    """(averages, µs of a shunt conversion) of the longest round that is over before the next sample."""
    fitting = [
        (averages * (typical + BUS_US), averages, typical)
        for averages in AVERAGES
        for typical, slowest in zip(TYPICAL_US, SLOWEST_US, strict=True)
        if averages * (slowest + BUS_SLOWEST_US) <= period_us
    ]
    _, averages, typical = max(fitting, default=(0, 1, TYPICAL_US[0]), key=lambda one: one[0])
    return averages, typical


class SampleModel:
    """Of one meter."""

    def __init__(self, errors: BoardErrors, period_us: int, rng: np.random.Generator) -> None:
        """`rng` draws the noise."""
        self._errors, self._rng = errors, rng
        self._period_s = period_us * 1e-6
        averages, shunt_us = round_of(period_us)
        self._round_s = averages * (shunt_us + BUS_US) * 1e-6 * (1 + errors.oscillator)
        self._noise_v = errors.noise_v * np.sqrt(NOISE_OF_S / (averages * shunt_us * 1e-6))

    def joules(self, edges_s: Floats, power_w: Floats, voltage_v: float, cuts_s: Floats) -> Floats:
        """(M + 1,) rising edges of M stretches of constant power → (K − 1,) joules between K rising cuts within them."""
        start_s, end_s = float(edges_s[0]), float(edges_s[-1])
        charge_c = np.concatenate([[0.0], np.cumsum(power_w / voltage_v * np.diff(edges_s))])
        rounds_s = np.arange(start_s, end_s + 3 * self._round_s, self._round_s)
        current_a = np.diff(np.interp(rounds_s, edges_s, charge_c)) / self._round_s
        watts = self._watts(current_a, voltage_v)
        samples_s = np.arange(start_s, end_s + 4 * self._period_s, self._period_s)
        newest = np.floor((samples_s - start_s) / self._round_s).astype(np.int64) - 1
        steps_j = watts[np.clip(newest, 0, len(watts) - 1)] * self._period_s
        # A value belongs to the middle of its round, half a round and more before it is read.
        lag_s = self._round_s - self._period_s / 2
        energy_j: Floats = np.diff(np.interp(cuts_s + lag_s, samples_s, np.cumsum(steps_j)))
        return energy_j

    def _watts(self, current_a: Floats, voltage_v: float) -> Floats:
        errors = self._errors
        shunt_v = current_a * errors.shunt_ohm * (1 + errors.gain) + errors.offset_v
        if self._noise_v:
            shunt_v = shunt_v + self._noise_v * self._rng.standard_normal(len(shunt_v))
        shunt = np.rint(shunt_v / SHUNT_STEP_V)
        bus = np.rint(voltage_v / BUS_STEP_V)
        watts: Floats = shunt * SHUNT_STEP_V / errors.shunt_ohm * bus * BUS_STEP_V
        return watts
