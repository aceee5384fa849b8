"""A calibration as one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import circadia
from circadia.energy.profile import Curve, Quantity, profile_fields, quantities
from circadia_lab.measure.calibration.calibration import CURVE
from circadia_lab.measure.calibration.figures import plates
from circadia_lab.measure.calibration.text import as_json, deviation, millivolts, percent, share, short
from circadia_lab.page.page import rendered, write
from circadia_lab.page.table import Cell, Table, cells
from circadia_lab.page.tile import Tile

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.energy.profile import DeviceProfile
    from circadia_lab.measure.calibration.calibration import Calibration


def write_page(found: Calibration, path: Path) -> None:
    """Whole or not at all; folders are made."""
    write(render(found), path)


def render(found: Calibration) -> str:
    """The page."""
    return rendered(
        "measure/calibration/page.html",
        title=f"Calibration: {found.profile.name}",
        lead=_lead(found),
        notes=_notes(found),
        facts=_facts(found),
        tiles=list(_tiles(found)),
        parts=[*plates(found), _table(found)],
        summary=as_json(found),
    )


def _notes(found: Calibration) -> list[str]:
    if found.source == "simulated":
        return ["All joules here are simulated: no device was measured."]
    flows = [one.flow for one in found.discharges]
    return [f"The discharge in {flow.name} is simulated." for flow in flows if flow.source == "simulated"]


def _lead(found: Calibration) -> str:
    whole = len(found.changed) + len(found.kept)
    text = f"Of {whole} quantities, {len(found.changed)} were found and {len(found.kept)} stay as they were."
    if (judged := found.foretold) is None:
        return text
    return (
        f"{text} The joules of {judged.count:,} ticks that were held out are foretold to {percent(judged.total_error)} "
        f"in sum; by the profile as it was, to {percent(judged.before_error)}."
    )


def _facts(found: Calibration) -> list[tuple[str, str]]:
    facts = [
        ("Began with", found.begun.name),
        ("Joules", found.source),
        (
            "Ticks to fit / to judge by",
            f"{found.ticks:,} / {found.foretold.count:,}" if found.foretold else "",
        ),
        ("Left out, in use by somebody", f"{found.left_out:,} ticks" if found.left_out else ""),
        ("Discharges", ", ".join(one.flow.name for one in found.discharges)),
        ("Version", f"circadia {circadia.__version__}"),
    ]
    return [(name, value) for name, value in facts if value]


def _tiles(found: Calibration) -> list[Tile]:
    tiles = []
    if (judged := found.foretold) is not None:
        better = abs(judged.total_error.mean) < abs(judged.before_error.mean)
        tiles += [
            Tile(
                title="Sum of joules held out",
                value=f"{share(judged.total_error.mean)} off",
                note=f"95 %: {share(judged.total_error.low)} to {share(judged.total_error.high)}; before {share(judged.before_error.mean)}",
                verdict="good" if better else "bad",
            ),
            Tile(title="Single ticks", value=f"R² {judged.r2:.3f}", note=f"before {judged.before_r2:.3f}"),
        ]
    if found.powers and (wake := found.powers.wake_up_j):
        tiles.append(
            Tile(
                title="One wake-up",
                value=f"{wake.mean:.3g} J",
                note=f"95 %: {wake.low:.3g} to {wake.high:.3g} J, {found.powers.wake_up_s:.3g} s",
            )
        )
    if found.voltage is not None:
        better = found.voltage.rms_v.mean < found.voltage.before_v.mean
        tiles.append(
            Tile(
                title="Volts held out",
                value=f"{1e3 * found.voltage.rms_v.mean:.1f} mV rms off",
                note=f"95 %: {millivolts(found.voltage.rms_v)}; before {1e3 * found.voltage.before_v.mean:.1f} mV",
                verdict="good" if better else "bad",
            )
        )
    return tiles


def _table(found: Calibration) -> Table:
    units = {field.key: field.unit for field in profile_fields()}
    keys = [key for key in units if key in found.changed or key in found.kept]
    return Table(
        name="quantities",
        title="Every quantity",
        caption="What the material did not tell stays as it was; the last column says why.",
        columns=("in the profile", "before", "now", "1 sd", "where from"),
        names=(0, 4),
        rows=[_row(key, units[key], found) for key in keys],
    )


def _row(key: str, unit: str, found: Calibration) -> tuple[Cell, ...]:
    before, now = _value(found.begun, key), _value(found.profile, key)
    assert now is not None, "what was found or kept is in the profile"
    return cells(
        key,
        _shown(before, unit),
        _shown(now, unit),
        f"{deviation(now.uncertainty)} {unit}",
        now.source if key in found.changed else f"as it was: {found.kept[key]}",
    )


def _value(profile: DeviceProfile, key: str) -> Quantity | Curve | None:
    """None: the profile does not say it."""
    return profile.battery.open_circuit_v if key == CURVE else quantities(profile).get(key)


def _shown(value: Quantity | Curve | None, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Curve):
        return f"{value.value[0]:.2f} to {value.value[-1]:.2f} {unit}"
    return f"{short(value.value)} {unit}"
