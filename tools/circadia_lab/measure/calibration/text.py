"""A calibration as lines of text and as JSON."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.energy.profile import Curve, Quantity
from circadia.physics.scenario import scenario_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circadia_lab.measure.calibration.calibration import Calibration
    from circadia_lab.measure.joules.joules import Estimate


def share(value: float) -> str:
    """In percent with its sign; nothing is not negative."""
    return f"{round(value, 4) + 0.0:+.2%}"


def percent(estimate: Estimate) -> str:
    """A share with its interval."""
    return f"{share(estimate.mean)} [{share(estimate.low)}, {share(estimate.high)}]"


def millivolts(estimate: Estimate) -> str:
    """Of volts, with the interval."""
    mean, low, high = (1e3 * value for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean:.1f} mV [{low:.1f}, {high:.1f}]"


def short(value: float) -> str:
    """Four digits, without an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def deviation(value: float) -> str:
    """Two digits, without an exponent for what is large."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def lines(found: Calibration) -> Iterator[str]:
    """For people."""
    yield from _power_lines(found)
    yield from _pace_lines(found)
    yield from _cell_lines(found)
    yield from (f"as it was: {', '.join(keys)}: {reason}" for reason, keys in _by_reason(found.kept).items())
    if found.left_out:
        yield f"left out: {found.left_out} ticks in which somebody used the device"
    if (judged := found.foretold) is not None:
        yield (
            f"of {judged.count} ticks held out ({found.source}): sum foretold {percent(judged.total_error)} off, before "
            f"{percent(judged.before_error)}; R² of single ticks {judged.r2:.3f}, before {judged.before_r2:.3f}"
        )
    if (volts := found.voltage) is not None:
        yield (
            f"of {volts.rows} rows held out: volts foretold {millivolts(volts.rms_v)} rms off, before "
            f"{millivolts(volts.before_v)}"
        )


def _power_lines(found: Calibration) -> Iterator[str]:
    if found.powers is None:
        return
    for one in found.powers.found:
        watts = one.watts
        yield (
            f"{one.load.lower():12} {one.seconds:9.1f} s  {watts.mean:.4g} W  [{watts.low:.4g}, {watts.high:.4g}]  "
            f"before {one.before.value:.4g}"
        )
    if wake := found.powers.wake_up_j:
        yield (
            f"one wake-up  {found.powers.wake_up_s:9.2f} s  {wake.mean:.4g} J  [{wake.low:.4g}, {wake.high:.4g}]"
        )


def _pace_lines(found: Calibration) -> Iterator[str]:
    for key, value in found.changed.items():
        if key.startswith("duration.") and isinstance(value, Quantity):
            yield f"{key}: {short(value.value)} ± {deviation(value.uncertainty)} s ({value.source.partition(':')[0]})"


def _cell_lines(found: Calibration) -> Iterator[str]:
    for key, value in found.changed.items():
        if not key.startswith("battery."):
            continue
        if isinstance(value, Curve):
            assert found.cell is not None
            told = int(found.cell.found.sum())
            yield (
                f"{key}: {told} of {len(value.soc)} points, ±{float(np.nanmax(found.cell.sd_v)):.2g} V; left over "
                f"{1e3 * found.cell.left_over_v:.1f} mV rms ({value.source.partition(':')[0]})"
            )
        else:
            yield f"{key}: {short(value.value)} ± {deviation(value.uncertainty)} ({value.source.partition(':')[0]})"


def _by_reason(kept: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, reason in kept.items():
        found.setdefault(reason, []).append(key.partition(".")[2])
    return found


def next_command(found: Calibration, path: Path) -> str:
    """Shell words that train on the profile at `path`: a problem file beside it, then the training."""
    problem = path.with_name(f"{path.stem}-problem.toml")
    device = f'devices = [{{ profile = "{path.name}", scenario = "{scenario_for(found.profile).name}" }}]'
    trained = path.with_name(f"{path.stem}.tflite")
    return (
        f"echo {shlex.quote(device)} > {shlex.quote(str(problem))} && "
        f"circadia policy train --problem {shlex.quote(str(problem))} --out {shlex.quote(str(trained))}"
    )


def as_json(found: Calibration) -> dict[str, Any]:
    """Everything; what is not a number is None."""
    powers, judged = found.powers, found.foretold
    summary = {
        "profile": found.profile.name,
        "begun": found.begun.name,
        "source": found.source,
        "ticks": found.ticks,
        "left_out": found.left_out,
        "found": {key: asdict(value) for key, value in found.changed.items()},
        "as_they_were": found.kept,
        "loads": {
            one.load: {"seconds": one.seconds, "watts": _numbers(one.watts), "before": one.before.value}
            for one in (powers.found if powers else ())
        },
        "wake_up_j": _numbers(powers.wake_up_j) if powers and powers.wake_up_j else None,
        "curve_sd_v": found.cell.sd_v.tolist() if found.cell else None,
        "held_out": judged
        and {
            "ticks": judged.count,
            "total_error": _numbers(judged.total_error),
            "before_error": _numbers(judged.before_error),
            "r2": judged.r2,
            "before_r2": judged.before_r2,
        },
        "held_out_volts": found.voltage
        and {
            "rows": found.voltage.rows,
            "rms_v": _numbers(found.voltage.rms_v),
            "before_v": _numbers(found.voltage.before_v),
        },
    }
    finite: dict[str, Any] = _finite(summary)
    return finite


def _numbers(estimate: Estimate) -> list[float]:
    return [estimate.mean, estimate.low, estimate.high]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
