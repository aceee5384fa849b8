"""The battery as array functions: energy ↔ state of charge ↔ voltage.

The open-circuit voltage U(q) is linear between its points, q being the state of charge. The energy up to q is

    E(q) = C · ∫₀^q U dq,    in the segment that starts at q_k:  E_k(u) = C · (U_k·u + ½·s_k·u²),  u = q − q_k

and its inverse, stable for flat segments too:  u = 2e / (U_k + √(U_k² + 2·s_k·e)),  e = E / C − E_k / C.

All arrays may carry leading batch dimensions; the segments are the last axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from circadia.energy.profile import Cell

J_PER_WH = 3600.0


class Battery(NamedTuple):
    """A cell as arrays: (…,) scalars and (…, segments) pieces of its voltage curve."""

    charge_c: Any
    """From full to empty."""
    resistance_ohm: Any
    start_soc: Any
    width_soc: Any
    start_v: Any
    slope_v: Any
    """dU/dq in each segment."""
    start_v_soc: Any
    """∫ U dq up to each segment: the energy there divided by the charge."""


def battery_of(cell: Cell) -> Battery:
    """The arrays of a profile's cell, as float64."""
    soc, voltage = (np.array(x, np.float64) for x in (cell.open_circuit_v.soc, cell.open_circuit_v.value))
    width = np.diff(soc)
    areas = np.concatenate([[0.0], np.cumsum(width * (voltage[1:] + voltage[:-1]) / 2)])
    return Battery(
        charge_c=np.float64(_charge_c(cell, float(areas[-1]))),
        resistance_ohm=np.float64(cell.internal_resistance_ohm.value),
        start_soc=soc[:-1],
        width_soc=width,
        start_v=voltage[:-1],
        slope_v=np.diff(voltage) / width,
        start_v_soc=areas[:-1],
    )


def _charge_c(cell: Cell, mean_v: float) -> float:
    if cell.capacity_wh is not None:
        return cell.capacity_wh.value * J_PER_WH / mean_v
    assert cell.capacity_c is not None, "the loader allows exactly one of them"
    return cell.capacity_c.value


def energy_j(soc: Any, battery: Battery, xp: Any = np) -> Any:
    """(…,) state of charge, clipped to [0, 1] → (…,) joules left."""
    u = xp.clip(xp.asarray(soc)[..., None] - battery.start_soc, 0, battery.width_soc)
    return battery.charge_c * xp.sum(u * (battery.start_v + battery.slope_v * u / 2), axis=-1)


def soc_of(energy: Any, battery: Battery, xp: Any = np) -> Any:
    """(…,) joules left → (…,) state of charge in [0, 1]: the inverse of `energy_j`."""
    whole = battery.width_soc * (battery.start_v + battery.slope_v * battery.width_soc / 2)
    v_soc = xp.asarray(energy / battery.charge_c)[..., None]
    e = xp.clip(v_soc - battery.start_v_soc, 0, whole)
    root = xp.sqrt(xp.maximum(battery.start_v**2 + 2 * battery.slope_v * e, 0))
    return xp.clip(xp.sum(2 * e / (battery.start_v + root), axis=-1), 0, 1)


def capacity_j(battery: Battery, xp: Any = np) -> Any:
    """(…,) joules from full to empty."""
    return energy_j(xp.ones_like(xp.asarray(battery.charge_c)), battery, xp)


def open_circuit_v(soc: Any, battery: Battery, xp: Any = np) -> Any:
    """(…,) state of charge → (…,) volts without load."""
    u = xp.clip(xp.asarray(soc)[..., None] - battery.start_soc, 0, battery.width_soc)
    return battery.start_v[..., 0] + xp.sum(battery.slope_v * u, axis=-1)


def terminal_v(soc: Any, power_w: Any, battery: Battery, xp: Any = np) -> Any:
    """(…,) volts at the terminals while `power_w` leaves them (discharge positive, charging negative).

    V = (U + √(U² − 4·R·P)) / 2; at the most power the cell can give, U² / 4R, it stays at U / 2.
    """
    u = open_circuit_v(soc, battery, xp)
    return (u + xp.sqrt(xp.maximum(u**2 - 4 * battery.resistance_ohm * power_w, 0))) / 2
