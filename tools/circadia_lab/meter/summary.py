"""The figures of a demonstration as one flat object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circadia import __version__
from circadia_lab.meter.live_device import PROFILE, SHUNT_OHM

if TYPE_CHECKING:
    from circadia_lab.meter.arrivals import Arrivals
    from circadia_lab.meter.live_device import LiveDevice


def live_figures(device: LiveDevice) -> dict[str, Any]:
    """Of the line and the clocks, at any time."""
    session = device.serial.session
    counts, line, last_us = session.counts, session.line, session.last_us
    known = line is not None and last_us is not None
    return {
        "samples": counts.samples,
        "lost_samples": device.listener.lost,
        "missed": counts.missed,
        "dropped": counts.dropped,
        "corrupt": counts.corrupt,
        "saturated": counts.saturated,
        "connections": counts.connections,
        "clock_bound_us": round(line.bound_s(last_us) * 1e6, 1) if known and line and last_us else None,
        "clock_ppm": round(line.drift_ppm, 1) if line else None,
    }


def figures(
    device: LiveDevice, arrivals: Arrivals, *, policy: str, seed: int, seconds: float
) -> dict[str, Any]:
    """After `finish`. Joules are simulated, watts times the device's seconds; NaN and unknown values are None.

    `accumulator_j` is the difference of the meter's own sums between the first decision and the end of the last settled
    one; `closure_j` the ticks' sum less that; `body_j` what the simulated body drew meanwhile.
    """
    ledger = device.ledger
    found: dict[str, Any] = {
        "source": "simulated",
        "circadia": __version__,
        "policy": policy,
        "profile": PROFILE,
        "shunt_ohm": SHUNT_OHM,
        "seed": seed,
        "speed": device.speed,
        "seconds": round(seconds, 3),
        "requests": arrivals.requests,
        "examples": arrivals.examples,
        "served": sum(one.served for one in ledger.decisions),
        "training_steps": sum(one.steps for one in ledger.decisions),
        "ticks": len(ledger.decisions),
        "settled": ledger.settled,
        "energy_j": ledger.energy_j,
        "gap_s": ledger.gap_s,
    }
    found |= _closure(device) | live_figures(device)
    found |= {f"energy_j_{mode}": joules for mode, joules in ledger.by_mode.items()}
    found |= {f"energy_j_{action}": joules for action, joules in sorted(ledger.joules.items())}
    found |= {f"ticks_{action}": count for action, count in sorted(ledger.counts.items())}
    return found | {
        "board_behind_s": round(device.board.behind_s, 4),
        "flow_late_s": round(device.flow.late_s, 4),
    }


def _closure(device: LiveDevice) -> dict[str, Any]:
    ledger = device.ledger
    settled = ledger.decisions[: ledger.settled]
    if not settled:
        return dict.fromkeys(("accumulator_j", "closure_j", "body_j"))
    start_s = settled[0].made_s
    last = settled[-1].reading
    assert last is not None
    end_s = settled[-1].made_s + last.duration_s
    whole = device.meter.look(start_s, end_s)
    body_j = sum(device.body.joules(start_s, end_s)[0].values())
    if whole is None:
        return {"accumulator_j": None, "closure_j": None, "body_j": body_j}
    return {
        "accumulator_j": whole.energy_j,
        "closure_j": ledger.energy_j - whole.energy_j,
        "body_j": body_j,
    }
