"""What a demonstration found, in short: for `--json`, for the report's head, for the terminal."""

from __future__ import annotations

import datetime as dt
import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

import circadia
from circadia.tflite.interpreter import backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.result import ArmResult

ENERGY_SOURCE = "simulated"
Row = tuple[str, "Callable[[dict[str, Any]], str]"]


def summary(arms: Sequence[ArmResult], plan: Plan, report: Path) -> dict[str, Any]:
    """Plain numbers and texts; what is not known is None. Accuracies are shares, times seconds, energies joules."""
    return {
        "seed": plan.seed,
        "devices": plan.devices,
        "minutes": plan.minutes,
        "chaos": plan.chaos,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "versions": versions(),
        "energy_source": ENERGY_SOURCE,
        "arms": {arm.arm: arm_summary(arm) | {"report": str(report)} for arm in arms},
        "report": str(report),
    }


def versions() -> dict[str, str]:
    """Of Circadia and what its figures depend on."""
    interpreter = backend()
    return {
        "circadia": circadia.__version__,
        "Python": platform.python_version(),
        interpreter.name: interpreter.version,
        "numpy": np.__version__,
        "paho-mqtt": metadata.version("paho-mqtt"),
    }


def arm_summary(arm: ArmResult) -> dict[str, Any]:
    """One arm's figures, without the curves."""
    latency_s = [x for device in arm.devices for x in device.latency_s]
    joules = sum(arm.energy_j.values())
    return {
        "policy": arm.policy,
        "complete": arm.complete,
        "day_s": arm.day_s,
        "wall_s": arm.wall_s,
        "federated_accuracy": arm.federated_accuracy,
        "federated_accuracy_own": arm.federated_accuracy_own,
        "own_accuracy": arm.own_accuracy,
        "own_accuracy_own": arm.own_accuracy_own,
        "centralised_accuracy": arm.centralised_accuracy,
        "centralised_accuracy_own": arm.centralised_accuracy_own,
        "mean_accuracy": _mean_over_time(arm),
        "recovery_s": arm.recovery_s,
        "served": arm.served,
        "expired": arm.expired,
        "unanswered": arm.unanswered,
        "served_accuracy": sum(d.served_correct for d in arm.devices) / arm.served if arm.served else None,
        "latency_median_s": float(np.median(latency_s)) if latency_s else None,
        "latency_p95_s": float(np.quantile(latency_s, 0.95)) if latency_s else None,
        "energy_j": dict(arm.energy_j),
        "energy_total_j": joules,
        "energy_per_served_j": joules / arm.served if arm.served else None,
        "training_steps": sum(device.training_steps for device in arm.devices),
        "versions": len(arm.versions.value),
        "updates_made": arm.updates_made,
        "updates_accepted": sum(device.updates["accepted"] for device in arm.devices),
        "updates_rejected": sum(device.updates["rejected"] for device in arm.devices),
        "updates_lost": arm.updates_lost,
        "overruns": arm.overruns,
        "restarts": sum(device.restarts for device in arm.devices),
        "incidents": [{"t_s": incident.t_s, "what": incident.what} for incident in arm.incidents],
        "drifts": [{"t_s": drift.t_s, "what": drift.what} for drift in arm.drifts],
    }


def _mean_over_time(arm: ArmResult) -> float | None:
    """The fleet's accuracy on the common set, averaged over the day by trapezoids."""
    t_s, value = np.array(arm.accuracy.t_s), np.array(arm.accuracy.value)
    if len(t_s) < 2 or t_s[-1] <= t_s[0]:
        return None
    return float(((value[1:] + value[:-1]) / 2 * np.diff(t_s)).sum() / (t_s[-1] - t_s[0]))


ROWS: tuple[Row, ...] = (
    ("accuracy at the end, federated", lambda a: _share(a["federated_accuracy"])),
    ("… each device by itself", lambda a: _share(a["own_accuracy"])),
    ("… all data in one place", lambda a: _share(a["centralised_accuracy"])),
    ("accuracy over the day", lambda a: _share(a["mean_accuracy"])),
    ("recovery from the drift", lambda a: _hours(a["recovery_s"]) if a["drifts"] else "no drift"),
    (
        "served / expired / unanswered",
        lambda a: f"{a['served']} / {a['expired']} / {a['unanswered']}",
    ),
    ("right answers among them", lambda a: _share(a["served_accuracy"])),
    (
        "latency, median / 95 %",
        lambda a: f"{_number(a['latency_median_s'])} / {_number(a['latency_p95_s'])} s",
    ),
    ("energy, simulated", lambda a: f"{a['energy_total_j'] / 1000:.1f} kJ"),
    ("… sleep / serve / train", lambda a: " / ".join(f"{j / 1000:.1f}" for j in a["energy_j"].values())),
    ("updates made / lost", lambda a: f"{a['updates_made']} / {a['updates_lost']}"),
    ("overruns of a tick", lambda a: str(a["overruns"])),
)


def print_summary(console: Console, found: dict[str, Any]) -> None:
    """The arms side by side."""
    from rich.table import Table

    table = Table(title=f"{found['devices']} devices, seed {found['seed']}")
    table.add_column("")
    for name, arm in found["arms"].items():
        table.add_column(name if arm["complete"] else f"{name} (stopped)", justify="right")
    for title, cell in ROWS:
        table.add_row(title, *(cell(arm) for arm in found["arms"].values()))
    console.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _hours(value: float | None) -> str:
    return "not that day" if value is None else f"{value / 3600:.1f} h"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
