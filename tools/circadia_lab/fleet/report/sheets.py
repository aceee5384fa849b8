"""The tables of the report: seeds, kinds of device, devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from circadia_lab.data.day.group import kind_figures, over_time
from circadia_lab.fleet.report import curve
from circadia_lab.fleet.report.fleet import names
from circadia_lab.fleet.report.sheet import Row, Sheet
from circadia_lab.fleet.report.verdict import ABSENT, duration, number, share, whole
from circadia_lab.page.style import arm_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.data.day.result import ArmResult, DeviceResult

SEED_ROWS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("right answers of a hundred", lambda a: number(_or_nan(a["right_of_hundred"]))),
    ("accuracy over the day", lambda a: share(a["mean_accuracy"])),
    ("right answers among those given", lambda a: share(a["served_accuracy"])),
    ("accuracy at the end, federated", lambda a: share(a["federated_accuracy"])),
    ("… of the best with all data in one place", lambda a: share(a["federated_of_central"])),
    ("recovery from the drift", lambda a: _back(a["recovery_s"])),
    ("requests expired", lambda a: number(_or_nan(a["expired"]), 0)),
    ("agent’s battery kJ", lambda a: number(_or_nan(a["battery_agent_j"]) / 1e3)),
    ("device’s battery kJ", lambda a: number(_or_nan(a["battery_device_j"]) / 1e3)),
    ("agent’s kJ", lambda a: number(_or_nan(a["agent_j"]) / 1e3)),
    ("overruns", lambda a: number(_or_nan(a["overruns"]), 0)),
)
KIND_COLUMNS = (
    "devices", "accuracy over the day", "at the end", "recovery", "expired", "right", "of 100", "battery hours",
    "agent’s battery kJ", "device’s battery kJ", "agent’s kJ", "device’s kJ",
)  # fmt: skip
DEVICE_COLUMNS = (
    "over the day", "at the end", "own data", "served", "expired", "right", "p95", "recovery", "battery kJ", "all kJ",
    "lowest battery", "steps", "updates", "over- runs", "re- starts",
)  # fmt: skip


def seeds_sheet(summary: dict[str, Any]) -> Sheet:
    """Each figure of each arm: the median, and every seed."""
    found = []
    for title, cell in SEED_ROWS:
        for index, name in enumerate(summary["arms"]):
            tables = [summary["arms"][name], *(run["arms"].get(name) for run in summary["runs"])]
            row = Row(
                name=title,
                first=index == 0,
                arm=name,
                colour=arm_colour(index),
                cells=[ABSENT if table is None else cell(table) for table in tables],
            )
            found.append(row)
    return Sheet(
        name="seeds",
        title="Seed by seed",
        caption="Look at whether the order of the arms is the same in each column: what changes with the seed is chance.",
        head="figure",
        columns=("median", *(f"seed {run['seed']}" for run in summary["runs"])),
        rows=found,
    )


def kinds_sheet(arms: Sequence[ArmResult]) -> Sheet:
    """Kinds of device in order, the arms under each."""
    figures = [kind_figures(arm, arms) for arm in arms]
    found = []
    for kind in dict.fromkeys(kind for each in figures for kind in each):
        there = [index for index, each in enumerate(figures) if kind in each]
        for index in there:
            row = Row(
                name=kind,
                first=index == there[0],
                arm=arms[index].arm,
                colour=arm_colour(index),
                cells=_kind_cells(figures[index][kind]),
            )
            found.append(row)
    return Sheet(
        name="kinds",
        title="Kinds of device",
        caption=(
            "Look at each kind by itself: a fleet’s sum hides that a board pays for everything it does, and a phone on its "
            "charger for nothing. Joules and hours are simulated; a dash under recovery: not that day."
        ),
        head="kind",
        columns=KIND_COLUMNS,
        rows=found,
    )


def _kind_cells(found: dict[str, Any]) -> list[str]:
    kilojoules = ("battery_agent_j", "battery_device_j", "agent_j", "device_j")
    return [
        f"{found['devices']}",
        share(found["mean_accuracy"]),
        share(found["federated_accuracy"]),
        _back(found["recovery_s"]),
        f"{found['expired']:,}",
        share(found["served_accuracy"]),
        number(_or_nan(found["right_of_hundred"])),
        whole(_or_nan(found["battery_hours"])),
        *(number(_or_nan(found[key]) / 1e3) for key in kilojoules),
    ]


def devices_sheet(arms: Sequence[ArmResult]) -> Sheet:
    """Devices in order, the arms under each."""
    found = []
    for name in names(arms):
        shown = [(i, arm, d) for i, arm in enumerate(arms) for d in arm.devices if d.name == name]
        for place, (index, arm, device) in enumerate(shown):
            row = Row(
                name=device.name,
                note=device.drift,
                first=place == 0,
                arm=arm.arm,
                colour=arm_colour(index),
                cells=_device_cells(device),
            )
            found.append(row)
    return Sheet(
        name="devices",
        title="Device by device",
        caption=(
            "Look at the spread: a mean hides devices that fare badly. Accuracy is that of the installed model; battery kJ are "
            "the agent’s that the battery paid; a dash under recovery: not that day; updates are made / accepted / rejected / still waiting."
        ),
        head="device",
        columns=DEVICE_COLUMNS,
        rows=found,
    )


def _device_cells(device: DeviceResult) -> list[str]:
    joules = [value for value in device.energy_j.values() if math.isfinite(value)]
    return [
        share(over_time(device.accuracy_common)),
        share(curve.last(device.accuracy_common)),
        share(curve.last(device.accuracy_own)),
        f"{device.served:,}",
        f"{device.expired:,}",
        share(device.served_correct / device.served if device.served else None),
        duration(curve.percentile(device.latency_s, 0.95)),
        _back(device.recovery_s),
        number(device.joules.battery_work_j / 1e3, 2),
        number(sum(joules) / 1e3 if joules else math.nan),
        share(curve.lowest(device.battery_soc)),
        f"{device.training_steps:,}",
        " / ".join(f"{device.updates.get(key, 0)}" for key in ("made", "accepted", "rejected", "waiting")),
        f"{device.overruns}",
        f"{device.restarts}",
    ]


def _back(recovery_s: float | None) -> str:
    if recovery_s is None:
        return ABSENT
    return duration(recovery_s) if recovery_s >= 60 else "at once"


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
