"""How the demonstration says joules, watts and times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_lab.meter.decision import Decision

PENDING = "…"


def joules(value: float | None) -> str:
    """Three digits behind the point below 100 J."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.3f} J" if abs(value) < 100 else f"{value:,.1f} J"


def small_joules(value: float | None) -> str:
    """For differences: µJ, mJ or J."""
    if value is None or not math.isfinite(value):
        return "–"
    for limit, scale, unit in ((1e-3, 1e6, "µJ"), (1.0, 1e3, "mJ")):
        if abs(value) < limit:
            return signed(value * scale, ".1f", unit)
    return signed(value, ".2f", "J")


def signed(value: float, digits: str, unit: str) -> str:
    """With a sign that is as wide as a plus; none if all digits are 0."""
    text = f"{value:+{digits}}".replace("-", "−")
    return f"{text if text.strip('+−0.') else text[1:]} {unit}"


def clock(t_s: float) -> str:
    """`H:MM:SS.s` of seconds since the beginning, hours only if there are any."""
    tenths = round(t_s * 10)
    hours, minutes, seconds = tenths // 36_000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02d}:{seconds:04.1f}" if hours else f"{minutes:02d}:{seconds:04.1f}"


def line(decision: Decision) -> str:
    """A settled decision in one line of plain text; its joules say that they are simulated."""
    reading = decision.reading
    told = PENDING
    if reading is not None:
        watts = reading.energy_j / reading.duration_s
        told = f"{joules(reading.energy_j):>10} ±{reading.bound_j:6.3f} {watts:6.3f} W  simulated"
        if reading.gap_s:
            told += f"  gap {reading.gap_s:.1f} s"
    return (
        f"{clock(decision.t_s):>9}  {decision.action:<28}{decision.work:<10}"
        f"{decision.end_s - decision.t_s:6.1f} s  {told}"
    )
