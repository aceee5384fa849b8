"""`circadia meter calibrate`: the shunt's value, and what the meter shows without a current."""

from __future__ import annotations

import secrets

import numpy as np

from circadia.errors import ConfigError, MeterError
from circadia.platforms.clocks import SystemClock
from circadia_meter.calibration import LARGEST_GAIN_PPM
from circadia_meter.connection import port_of
from circadia_meter.dialogue import Dialogue
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

LARGEST_OFFSET_V = 100e-6
"""An INA226 is off by 10 µV at most; ten times that is a current."""


def run(
    port: str, *, seconds: float, shunt_ohm: float | None, gain_ppm: int | None, device_id: int | None
) -> int:
    """Measure the zero, store everything in the meter, say what is stored."""
    if shunt_ohm is not None and not 1e-5 <= shunt_ohm <= 1000:
        raise ConfigError(f"--shunt is {shunt_ohm:g} Ω; one that is marked R010 has 0.01 Ω")
    if gain_ppm is not None and abs(gain_ppm) > LARGEST_GAIN_PPM:
        raise ConfigError(f"--gain-ppm is {gain_ppm}; it is a correction, of {LARGEST_GAIN_PPM:,} at most")
    with port_of(port, lambda _t_s: (0.0, 5.0)) as path:
        with Dialogue(path) as dialogue:
            hello = dialogue.hello()
        kept_ohm = hello.shunt_uohm * 1e-6 if shunt_ohm is None else shunt_ohm
        if not kept_ohm:
            raise ConfigError(f"{path}: the meter does not know its shunt yet; give --shunt OHM")
        offset, error = hello.offset_steps, 0.0
        if seconds > 0:
            offset, error = _zero(path, seconds, kept_ohm)
            _check(offset * hello.shunt_step_v, path)
        with Dialogue(path) as dialogue:
            dialogue.ask(dialogue.commands.stop())
            dialogue.ask(
                dialogue.commands.settings(
                    device_id=device_id or hello.device_id or secrets.randbelow(0xFFFFFFFF) + 1,
                    shunt_uohm=round(kept_ohm * 1e6),
                    offset_steps=offset,
                    gain_ppm=hello.gain_ppm if gain_ppm is None else gain_ppm,
                )
            )
            now = dialogue.hello()
    step_ua = now.shunt_step_v / kept_ohm * 1e6
    print(f"meter {now.device_id:08x} at {path}: shunt {kept_ohm:g} Ω, gain {now.gain_ppm:+d} ppm,")
    print(
        f"zero {now.offset_steps * step_ua:+.1f} µA ± {1.96 * error * step_ua:.1f} (95 %), kept in the meter"
    )
    return 0


def _check(offset_v: float, path: str) -> None:
    if abs(offset_v) > LARGEST_OFFSET_V:
        raise MeterError(
            f"{path}: {offset_v * 1e6:+.0f} µV over the shunt is a current, not an offset; disconnect the load first"
        )


def _zero(path: str, seconds: float, shunt_ohm: float) -> tuple[float, float]:
    """Mean of the shunt register and its standard error, from blocks of a tenth of the time."""
    meter = SerialMeter(clock=SystemClock(), port=path, session=MeterSession(shunt_ohm=shunt_ohm))
    meter.start()
    try:
        meter.settle(seconds + 1)
    finally:
        meter.close()
    series, rate = meter.session.series, meter.session.line.rate if meter.session.line else 1.0
    ends = np.linspace(series.start_us, series.end_us, 11)
    charge = np.array([series.at(t_us).charge for t_us in ends], float)
    blocks = np.diff(charge) / (np.diff(ends) * rate)
    return float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(len(blocks)))
