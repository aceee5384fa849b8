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
from circadia_lab.data.day.group import device_figures, group_figures, kind_figures
from circadia_lab.fleet.demo.against import against
from circadia_lab.fleet.demo.medians import medians, whole_of
from circadia_lab.fleet.report.headline import ABSENT, headline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console, RenderableType

    from circadia_lab.data.day.result import ArmResult
    from circadia_lab.data.day.run import Run

ENERGY_SOURCE = "simulated"
Row = tuple[str, "Callable[[dict[str, Any]], str]"]


def summary(runs: Sequence[Run], report: Path) -> dict[str, Any]:
    """Plain numbers and texts; what is not known is None. Accuracies are shares, times seconds, energies joules.

    `arms` holds each arm's medians over the seeds that nobody stopped (`whole_seeds`), `against` the first one's against each other's, `runs` every seed.
    """
    plan = runs[0].plan
    by_seed = [run_summary(run) for run in runs]
    whole = whole_of(by_seed)
    arms = medians([found["arms"] for found in whole])
    return {
        "seed": plan.seed,
        "seeds": [run.plan.seed for run in runs],
        "whole_seeds": [found["seed"] for found in whole],
        "devices": plan.devices,
        "fleet": plan.fleet,
        "work": plan.work,
        "minutes": plan.minutes,
        "chaos": plan.chaos,
        "fast": plan.fast,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "versions": versions(),
        "energy_source": ENERGY_SOURCE,
        "arms": arms,
        "against": against(arms),
        "runs": by_seed,
        "report": str(report),
    }


def run_summary(run: Run) -> dict[str, Any]:
    """One seed's arms. `federated_of_central` is a share of the best model that any arm's data made in one place."""
    arms = {arm.arm: arm_summary(arm, run.arms) for arm in run.arms}
    best = max((arm["centralised_accuracy"] for arm in arms.values()), default=0.0)
    for arm in arms.values():
        arm["federated_of_central"] = arm["federated_accuracy"] / best if best > 0 else None
    return {"seed": run.plan.seed, "arms": arms}


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


def arm_summary(arm: ArmResult, arms: Sequence[ArmResult]) -> dict[str, Any]:
    """One arm's figures, of the fleet, of each kind of device and of each device, without the curves."""
    joules = sum(arm.energy_j.values())
    return {
        "policy": arm.policy,
        "complete": arm.complete,
        "day_s": arm.day_s,
        "wall_s": arm.wall_s,
        **group_figures(arm.devices),
        "federated_accuracy": arm.federated_accuracy,
        "federated_accuracy_own": arm.federated_accuracy_own,
        "own_accuracy": arm.own_accuracy,
        "own_accuracy_own": arm.own_accuracy_own,
        "centralised_accuracy": arm.centralised_accuracy,
        "centralised_accuracy_own": arm.centralised_accuracy_own,
        "recovery_s": arm.recovery_s,
        "energy_j": dict(arm.energy_j),
        "energy_total_j": joules,
        "energy_per_served_j": joules / arm.served if arm.served else None,
        "battery_hours": {kind: found["battery_hours"] for kind, found in kind_figures(arm, arms).items()},
        "versions": len(arm.versions.value),
        "updates_made": arm.updates_made,
        "updates_accepted": sum(device.updates["accepted"] for device in arm.devices),
        "updates_rejected": sum(device.updates["rejected"] for device in arm.devices),
        "updates_lost": arm.updates_lost,
        "restarts": sum(device.restarts for device in arm.devices),
        "incidents": [{"t_s": incident.t_s, "what": incident.what} for incident in arm.incidents],
        "drifts": [{"t_s": drift.t_s, "what": drift.what} for drift in arm.drifts],
        "kinds": kind_figures(arm, arms),
        "by_device": device_figures(arm),
    }


ROWS: tuple[Row, ...] = (
    ("right of a hundred questions", lambda a: _number(a["right_of_hundred"])),
    ("accuracy over the day", lambda a: _share(a["mean_accuracy"])),
    ("right answers among those given", lambda a: _share(a["served_accuracy"])),
    ("accuracy at the end, federated", lambda a: _share(a["federated_accuracy"])),
    ("… of the best with all data in one place", lambda a: _share(a["federated_of_central"])),
    ("… each device by itself", lambda a: _share(a["own_accuracy"])),
    ("… all data in one place", lambda a: _share(a["centralised_accuracy"])),
    ("recovery from the drift", lambda a: _hours(a["recovery_s"]) if a["drifts"] else "no drift"),
    (
        "served / expired / unanswered",
        lambda a: f"{a['served']:.0f} / {a['expired']:.0f} / {a['unanswered']:.0f}",
    ),
    (
        "latency, median / 95 %",
        lambda a: f"{_number(a['latency_median_s'])} / {_number(a['latency_p95_s'])} s",
    ),
    ("battery joules, agent’s / device’s", lambda a: _pair(a["battery_agent_j"], a["battery_device_j"])),
    ("all joules, agent’s / device’s", lambda a: _pair(a["agent_j"], a["device_j"])),
    (
        "… sleep / serve / train",
        lambda a: " / ".join(f"{j / 1000:.1f}" for j in a["energy_j"].values()) or ABSENT,
    ),
    ("updates made / lost", lambda a: f"{a['updates_made']:.0f} / {a['updates_lost']:.0f}"),
    ("overruns of a tick", lambda a: f"{a['overruns']:.0f}"),
)
KIND_ROWS: tuple[Row, ...] = (
    ("battery hours", lambda k: _number(k["battery_hours"])),
    (
        "requests expired",
        lambda k: f"{k['expired']:.0f} of {k['served'] + k['expired'] + k['unanswered']:.0f}",
    ),
    ("battery joules, agent’s / device’s", lambda k: _pair(k["battery_agent_j"], k["battery_device_j"])),
)
"""Of each kind of device."""


def print_summary(console: Console, found: dict[str, Any]) -> None:
    """What a person feels, then the arms side by side, then the kinds of device."""
    from rich.table import Table

    console.print(headline(found["arms"]), highlight=False)
    seeds = ", ".join(map(str, found["whole_seeds"]))
    of = f"medians over seeds {seeds}" if len(found["whole_seeds"]) > 1 else f"seed {seeds}"
    table = Table(title=f"{found['devices']} devices, {of}; joules and batteries are simulated")
    table.add_column("")
    for name, arm in found["arms"].items():
        table.add_column(name if arm["complete"] else f"{name} (stopped)", justify="right")
    arms = found["arms"].values()
    for title, cell in ROWS:
        table.add_row(title, *(cell(arm) for arm in arms))
    for kind in next(iter(arms))["kinds"]:
        table.add_section()
        for title, cell in KIND_ROWS:
            table.add_row(f"{kind}: {title}", *(cell(arm["kinds"][kind]) for arm in arms))
    console.print(table)
    if len(found["seeds"]) > 1:
        console.print(_seeds(found))
    first = next(iter(found["arms"]))
    for name, told in found["against"].items():
        console.print(f"{first} against {name}: {_against(told)}", highlight=False)


SEED_ROWS: tuple[Row, ...] = (
    ("of 100", lambda a: _number(a["right_of_hundred"])),
    ("over the day", lambda a: _share(a["mean_accuracy"])),
    ("right", lambda a: _share(a["served_accuracy"])),
    ("at the end", lambda a: _share(a["federated_accuracy"])),
    ("recovery", lambda a: _hours(a["recovery_s"])),
    ("battery kJ, agent’s / device’s", lambda a: _pair(a["battery_agent_j"], a["battery_device_j"])),
)


def _seeds(found: dict[str, Any]) -> RenderableType:
    from rich.table import Table

    table = Table(title="seed by seed")
    table.add_column("")
    table.add_column("seed", justify="right")
    for title, _ in SEED_ROWS:
        table.add_column(title, justify="right")
    for name in found["arms"]:
        table.add_section()
        for run in found["runs"]:
            if name in run["arms"]:
                cells = (cell(run["arms"][name]) for _, cell in SEED_ROWS)
                table.add_row(name, str(run["seed"]), *cells)
    return table


def _against(told: dict[str, float | None]) -> str:
    points = {key: told[key] for key in ("mean_accuracy", "served_accuracy", "federated_accuracy")}
    times = {"recovery": told["recovery_s"], "battery joules of the agent": told["battery_agent_j"]}
    words = [
        f"{key.replace('_', ' ')} {ABSENT if x is None else f'{100 * x:+.1f} points'}"
        for key, x in points.items()
    ]
    words += [f"{key} {ABSENT if x is None else f'{x:.2f} ×'}" for key, x in times.items()]
    return ", ".join(words)


def _share(value: float | None) -> str:
    return ABSENT if value is None else f"{100 * value:.1f} %"


def _hours(value: float | None) -> str:
    return "not that day" if value is None else f"{value / 3600:.1f} h"


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1f}"


def _pair(one: float | None, other: float | None) -> str:
    return " / ".join(ABSENT if j is None else f"{j / 1000:.1f}" for j in (one, other)) + " kJ"
