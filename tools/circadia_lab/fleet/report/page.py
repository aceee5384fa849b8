"""The report as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import circadia
from circadia.errors import ConfigError
from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.figures import plates
from circadia_lab.fleet.report.fleet import names
from circadia_lab.fleet.report.verdict import ABSENT, duration, lead, number, share, tiles
from circadia_lab.page.page import rendered, write
from circadia_lab.page.plate import Plate
from circadia_lab.page.style import arm_colour, clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia_lab.data.day.result import ArmResult, DeviceResult


def write_report(arms: Sequence[ArmResult], summary: dict[str, Any], path: Path) -> None:
    """Write the page to `path`, whole or not at all; folders are made.

    `summary` is embedded as JSON, NaN as null. Of its top level, `seed`, `date`, `machine` and `versions` (name →
    version) appear in the header where they are given. `ConfigError` without an arm.
    """
    write(render(arms, summary), path)


def render(arms: Sequence[ArmResult], summary: dict[str, Any]) -> str:
    """The page."""
    if not arms:
        raise ConfigError("report: there is no arm to report on; run one at least")
    return rendered(
        "fleet/report/page.html",
        title="Circadia: one simulated day",
        facts=facts(arms, summary),
        lead=lead(arms),
        notes=notes(arms),
        tiles=tiles(arms),
        parts=[*plates(arms), DEVICES],
        rows=rows(arms),
        columns=COLUMNS,
        summary=summary,
    )


DEVICES = Plate(
    name="devices",
    title="Device by device",
    caption="Look at the spread: a mean hides devices that fare badly. Accuracy is that of the installed model at the end; "
    "joules are simulated; updates are made / accepted / rejected / still waiting.",
    svg="",
)
"""The part that is a table."""


def facts(arms: Sequence[ArmResult], summary: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of what was run."""
    versions = summary.get("versions") or {
        "circadia": circadia.__version__,
        "Python": platform.python_version(),
    }
    found = [
        ("Devices", f"{len(names(arms))} processes"),
        ("Seed", str(summary.get("seed", ""))),
        ("Simulated day", ", ".join(dict.fromkeys(f"{clock(0)}–{clock(arm.day_s)}" for arm in arms))),
        ("Wall time", " + ".join(duration(arm.wall_s) for arm in arms)),
        ("Drift", "; ".join(f"{clock(drift.t_s)} {drift.what}" for drift in arms[0].drifts)),
        ("Policies", ", ".join(dict.fromkeys(arm.policy for arm in arms))),
        ("Machine", str(summary.get("machine", ""))),
        ("Date", str(summary.get("date", ""))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(name, value) for name, value in found if value]


def notes(arms: Sequence[ArmResult]) -> list[str]:
    """What a reader has to know about this run beside its figures."""
    found = [f"{arm.arm} was stopped at {clock(arm.day_s)}; its figures cover that part of the day." for arm in arms
             if not arm.complete]  # fmt: skip
    for arm in arms:
        if arm.incidents:
            told = ", ".join(f"{clock(incident.t_s)} {incident.what}" for incident in arm.incidents)
            found.append(f"{arm.arm}: {told}.")
    found.append(
        "Joules are all that the devices drew, from the charger too; what came out of the batteries may differ."
    )
    if len(arms) == 1:
        found.append("There is one arm only: nothing to compare it with.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A device under an arm, in the table."""

    device: str
    profile: str
    drift: str
    first: bool
    """Of the device's rows."""
    arm: str
    colour: str
    cells: list[str]


COLUMNS = (
    "accuracy", "own data", "served", "expired", "right", "p95", "kJ", "J / served", "lowest battery", "steps",
    "updates", "version", "over- runs", "re- starts",
)  # fmt: skip


def rows(arms: Sequence[ArmResult]) -> list[Row]:
    """The table's rows: devices in order, the arms under each."""
    found = []
    for name in names(arms):
        shown = [(i, arm, d) for i, arm in enumerate(arms) for d in arm.devices if d.name == name]
        for place, (index, arm, device) in enumerate(shown):
            row = Row(
                device=device.name,
                profile=device.profile,
                drift=device.drift,
                first=place == 0,
                arm=arm.arm,
                colour=arm_colour(index),
                cells=_cells(device),
            )
            found.append(row)
    return found


def _cells(device: DeviceResult) -> list[str]:
    joules = (
        sum(value for value in device.energy_j.values() if math.isfinite(value))
        if device.energy_j
        else math.nan
    )
    version = curve.last(device.version)
    return [
        share(curve.last(device.accuracy_common)),
        share(curve.last(device.accuracy_own)),
        f"{device.served:,}",
        f"{device.expired:,}",
        share(device.served_correct / device.served if device.served else None),
        duration(curve.percentile(device.latency_s, 0.95)),
        number(joules / 1e3),
        number(joules / device.served if device.served else math.nan),
        share(curve.lowest(device.battery_soc)),
        f"{device.training_steps:,}",
        " / ".join(f"{device.updates.get(key, 0)}" for key in ("made", "accepted", "rejected", "waiting")),
        f"{version:.0f}" if math.isfinite(version) else ABSENT,
        f"{device.overruns}",
        f"{device.restarts}",
    ]
