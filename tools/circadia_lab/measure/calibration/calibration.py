"""A device profile out of measurements, and how well it foretells those that were held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circadia.energy.profile import Curve, Quantity, Reference
from circadia.energy.profile_file import with_quantities
from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.measure.calibration.capacity import Capacity, capacity_quantity, from_ticks, together
from circadia_lab.measure.calibration.cell_fit import fit_cell, terminal_error_v
from circadia_lab.measure.calibration.discharge import capacities
from circadia_lab.measure.calibration.held_out import foretell
from circadia_lab.measure.calibration.pace_fit import CLOCKS, KINDS, fit_paces
from circadia_lab.measure.calibration.power_fit import LoadPower, fit_powers
from circadia_lab.measure.joules.joules import Estimate, with_intervals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from circadia.energy.profile import Cell, DeviceProfile
    from circadia.energy.work import TaskWork
    from circadia_lab.measure.calibration.cell_fit import CellFit
    from circadia_lab.measure.calibration.discharge import Discharge
    from circadia_lab.measure.calibration.held_out import Foretold
    from circadia_lab.measure.calibration.material import Material
    from circadia_lab.measure.calibration.power_fit import PowerFit

LEAST_TICKS = 40
LEAST_HELD_OUT = 8
BY = "circadia lab calibrate"
DURATIONS = frozenset(f"duration.{kind}_{clock}_s" for kind in KINDS for clock in CLOCKS)
CURVE, RESISTANCE = "battery.open_circuit_v", "battery.internal_resistance_ohm"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VoltageError:
    """Volts at the battery in recordings that were held out: root of the mean square of foretold minus recorded, with 95 % intervals."""

    rows: int
    rms_v: Estimate
    before_v: Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What was found, and what it is worth."""

    profile: DeviceProfile
    begun: DeviceProfile
    """What it began with."""
    changed: dict[str, Quantity | Curve]
    """By their keys in the profile."""
    kept: dict[str, str]
    """Key → why it stays as it was."""
    powers: PowerFit | None
    """None without a store."""
    cell: CellFit | None
    """None without a discharge."""
    discharges: list[Discharge]
    foretold: Foretold | None
    voltage: VoltageError | None
    source: str
    """Of the ticks, or without them of the recordings: `measured` or `simulated`."""
    ticks: int
    """That the powers were fitted to."""
    left_out: int
    """Ticks in which somebody used the device: a screen's watts are not the agent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one step found."""

    changed: dict[str, Quantity | Curve]
    kept: dict[str, str]


def calibrate(
    material: Material, profile: DeviceProfile, *, name: str, seed: int = 0, work: TaskWork | None = None
) -> Calibration:
    """Powers out of ticks; voltage curve, resistance and capacity out of recordings; capacity, else, out of ticks.

    With the `work` of the devices' task also how long that takes.

    `ConfigError` for too few ticks, and if nothing at all is told. What the material does not tell stays as it was, with the reason.
    """
    split = material.ticks()
    powers = None
    found = [_Part(changed={}, kept={f"power.{load.name.lower()}_w": "no store was given" for load in Load})]
    if split:
        _check_enough(split[0].count, split[1].count, material.left_out)
        powers = fit_powers(split[0], profile, seed=seed)
        source = _source(split[0].source, material)
        found = [_powers_part(powers, profile, source), _paces_part(material, work, profile, source)]
    discharges, unused, judges = material.discharges()
    cell = _fitted_cell(discharges, profile, seed)
    found.append(_cell_part(cell, unused))
    with_cell = _with(profile, found, name)
    found.append(_capacity_part(material, discharges, with_cell.battery))
    fitted = _with(profile, found, name)
    if not any(one.changed for one in found):
        reasons = dict.fromkeys(reason for one in found for reason in one.kept.values())
        raise ConfigError(f"nothing was found: {'; '.join(reasons)}")
    return Calibration(
        profile=fitted,
        begun=profile,
        changed={key: value for one in found for key, value in one.changed.items()},
        kept={key: reason for one in found for key, reason in one.kept.items()},
        powers=powers,
        cell=cell,
        discharges=discharges,
        foretold=foretell(split[1], fitted, profile, seed=seed) if split else None,
        voltage=_voltage(judges, fitted, profile, seed),
        source=split[0].source if split else material.recordings[0].flow.source,
        ticks=split[0].count if split else 0,
        left_out=material.left_out,
    )


def _check_enough(fits: int, judges: int, left_out: int) -> None:
    without = f" ({left_out} in which somebody used the device are left out)" if left_out else ""
    if fits + judges < LEAST_TICKS:
        raise ConfigError(
            f"{fits + judges} ticks have joules{without}; a calibration needs {LEAST_TICKS} at least"
        )
    if judges < LEAST_HELD_OUT:
        raise ConfigError(
            f"{judges} ticks are held out{without}; to judge by them takes {LEAST_HELD_OUT} at least"
        )


def _source(source: str, material: Material) -> str:
    return f"{source}: ticks of {', '.join(one.name for one in material.stores)}, {BY}"


def _powers_part(powers: PowerFit, profile: DeviceProfile, source: str) -> _Part:
    changed: dict[str, Quantity | Curve] = {one.key: _power_quantity(one, source) for one in powers.found}
    kept = dict(powers.held)
    rest = changed.get("power.deep_sleep_w")
    awake = profile.power.awake_w
    if isinstance(rest, Quantity) and rest.value > awake.value and "power.awake_w" not in changed:
        told = f"at least deep_sleep_w ({rest.source}); it was {awake.value:g} W: {awake.source}"
        changed["power.awake_w"] = replace(rest, source=told)
        kept.pop("power.awake_w", None)
    return _Part(changed=changed, kept=kept)


def _paces_part(material: Material, work: TaskWork | None, profile: DeviceProfile, source: str) -> _Part:
    if not material.worked:
        return _Part(changed={}, kept={})
    fit = fit_paces(material.worked, work, profile, source)
    both = {"work.train_step_macs", "work.serve_request_macs"} <= fit.found.keys()
    if fit.found and profile.work is None and not both:
        why = "the profile does not say whose its other durations are ([work]); training and serving are needed both"
        return _Part(changed={}, kept=fit.kept | dict.fromkeys(DURATIONS & fit.found.keys(), why))
    return _Part(changed=dict(fit.found), kept=fit.kept)


def _power_quantity(one: LoadPower, source: str) -> Quantity:
    return Quantity(value=one.watts.mean, uncertainty=one.sd_w, source=source)


def _recorded_in(discharges: Iterable[Discharge]) -> str:
    flows = [one.flow for one in discharges]
    return f"{flows[0].source}: discharge in {', '.join(flow.name for flow in flows)}, {BY}"


def _fitted_cell(discharges: list[Discharge], profile: DeviceProfile, seed: int) -> CellFit | None:
    if not discharges:
        return None
    return fit_cell(discharges, profile.battery, _recorded_in(discharges), seed=seed)


def _cell_part(cell: CellFit | None, unused: list[str]) -> _Part:
    if cell is None:
        why = "; ".join(unused) or "no recording of a discharge was given (--recording FILE.cimr)"
        return _Part(changed={}, kept=dict.fromkeys((CURVE, RESISTANCE), why))
    part = _Part(changed={}, kept={})
    for key, value, why in (
        (CURVE, cell.curve, cell.curve_reason),
        (RESISTANCE, cell.resistance, cell.resistance_reason),
    ):
        if value is None:
            part.kept[key] = why
        else:
            part.changed[key] = value
    return part


def _capacity_part(material: Material, discharges: list[Discharge], cell: Cell) -> _Part:
    key = "battery.capacity_c" if cell.capacity_c is not None else "battery.capacity_wh"
    if recorded := capacities(discharges):
        return _Part(
            changed=dict([capacity_quantity(together(recorded), cell, _recorded_in(discharges))]), kept={}
        )
    reasons = [one.capacity for one in discharges if isinstance(one.capacity, str)]
    if not material.stores:
        return _Part(changed={}, kept={key: "; ".join(reasons) or "no discharge was told"})
    found = from_ticks([one.states for one in material.stores], cell)
    if isinstance(found, Capacity):
        source = _source(material.stores[0].ticks.source, material)
        return _Part(changed=dict([capacity_quantity(found, cell, source)]), kept={})
    return _Part(changed={}, kept={key: "; ".join([*reasons, found])})


def _with(profile: DeviceProfile, parts: list[_Part], name: str) -> DeviceProfile:
    changed = {key: value for one in parts for key, value in one.changed.items()}
    curve = changed.pop(CURVE, None)
    if isinstance(curve, Curve):
        profile = replace(profile, battery=replace(profile.battery, open_circuit_v=curve))
    numbers = {key: value for key, value in changed.items() if isinstance(value, Quantity)}
    if profile.work is None and "work.train_step_macs" in numbers:
        macs = {key: numbers[f"work.{key}"] for key in ("train_step_macs", "serve_request_macs")}
        profile = replace(profile, work=Reference(**macs))
    return replace(with_quantities(profile, numbers), name=name)


def _voltage(
    judges: list[Discharge], fitted: DeviceProfile, begun: DeviceProfile, seed: int
) -> VoltageError | None:
    if not judges:
        return None
    after, before = (
        np.concatenate([terminal_error_v(one, profile.battery) for one in judges])
        for profile in (fitted, begun)
    )

    def statistic(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.sqrt([(error[rows] ** 2).mean() for error in (after, before)])

    rms, earlier = with_intervals(statistic, np.square(after), seed)
    return VoltageError(rows=len(after), rms_v=_not_negative(rms), before_v=_not_negative(earlier))


def _not_negative(estimate: Estimate) -> Estimate:
    return replace(estimate, low=max(estimate.low, 0.0))
