"""`circadia meter probe`: what a meter is, whether it measures, and what looks wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from circadia.platforms.clocks import SystemClock
from circadia_meter.connection import SHUNT_OHM, SIMULATED, port_of
from circadia_meter.dialogue import Dialogue
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from circadia_meter.events import Hello

BACKWARDS_A = -1e-3
"""A mean current below this flows the wrong way."""


def run(port: str, seconds: float, *, as_json: bool) -> int:
    """Print what was found; 1 if something looks wrong."""
    with port_of(port) as path:
        with Dialogue(path) as dialogue:
            hello = dialogue.hello()
        found = {"source": "simulated" if port == SIMULATED else "measured"} | _identity(path, hello)
        shunt_ohm = SHUNT_OHM if port == SIMULATED else hello.shunt_uohm * 1e-6
        warnings = [] if shunt_ohm else ["its shunt is not known: circadia meter calibrate --shunt OHM"]
        measured, more = _measure(path, seconds, shunt_ohm or 1.0)
    found |= measured
    warnings += more
    if as_json:
        print(json.dumps(found | {"warnings": warnings}))
    else:
        for name, value in found.items():
            print(f"{name:24} {value}")
        for warning in warnings:
            print(f"→ {warning}")
    return int(bool(warnings))


def _identity(path: str, hello: Hello) -> dict[str, Any]:
    return {
        "port": path,
        "board": hello.board,
        "firmware": ".".join(map(str, hello.firmware)),
        "device_id": f"{hello.device_id:08x}",
        "boots": hello.boot,
        "shunt_ohm": hello.shunt_uohm * 1e-6,
        "offset_uv": round(hello.offset_steps * hello.shunt_step_v * 1e6, 3),
        "gain_ppm": hello.gain_ppm,
        "fastest_hz": round(1e6 / hello.fastest_us),
    }


def _measure(path: str, seconds: float, shunt_ohm: float) -> tuple[dict[str, Any], list[str]]:
    meter = SerialMeter(clock=SystemClock(), port=path, session=MeterSession(shunt_ohm=shunt_ohm))
    meter.start()
    session = meter.session
    try:
        meter.settle(seconds)
    finally:
        meter.close()
    series, calibration, line = session.series, session.calibration, session.line
    assert calibration is not None
    assert line is not None
    start_us, end_us = series.start_us, series.end_us
    passed = series.at(end_us) - series.at(start_us)
    duration_us = (end_us - start_us) * line.rate
    current_a = calibration.charge_c(passed.charge, duration_us) / (duration_us * 1e-6)
    counts = session.counts
    found: dict[str, Any] = {
        "samples": counts.samples,
        "samples_per_s": round(1e6 / session.hello.period_us, 1) if session.hello else None,
        "mean_w": round(calibration.energy_j(passed.energy, passed.voltage_time) / (duration_us * 1e-6), 6),
        "mean_a": round(current_a, 6),
        "mean_v": round(calibration.voltage_v(passed.voltage_time / duration_us), 4),
        "clock_ppm": round(line.drift_ppm, 1),
        "clock_bound_us": round(line.bound_s(end_us) * 1e6, 1),
        "corrupt": counts.corrupt,
        "dropped": counts.dropped,
        "missed": counts.missed,
    }
    warnings = []
    if current_a < BACKWARDS_A:
        warnings.append(
            "the current flows backwards: swap IN+ and IN−, or the device is being charged through it"
        )
    if counts.saturated:
        warnings.append(
            "the shunt register saturates: the current is too high for this shunt, take a smaller one"
        )
    if found["mean_v"] < 0.1:
        warnings.append("there is no voltage on VBUS: connect it to the load's positive side")
    if counts.dropped or counts.corrupt:
        warnings.append("frames are lost on the line: try another cable or port, or a lower --rate")
    return found, warnings
