"""The figures of one device's day that its log alone gives."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.data.day.result import Series, Stay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circadia.federation.aggregate.records import Version
    from circadia_lab.fleet.demo.device_log import DeviceLog, TickRow
    from circadia_lab.fleet.demo.ledger_log import Verdicts

WINDOW_S = 7200.0
PHASES = (("DEEP_SLEEP", "sleep"), ("SERVE", "serve"), ("TRAIN", "train"))
"""How the loads begin that say themselves what they were for."""


def stays(log: DeviceLog, day_s: float) -> list[Stay]:
    """Each action and how long its tick lasted; the last one's until the day's end."""
    ends = [tick.t_s for tick in log.ticks[1:]] + [day_s]
    return [
        Stay(t_s=tick.t_s, duration_s=max(end - tick.t_s, 0.0), busy_s=tick.busy_s, action=tick.action)
        for tick, end in zip(log.ticks, ends, strict=False)
    ]


def battery(log: DeviceLog) -> Series:
    """State of charge at each tick, 0 to 1."""
    seen = [tick for tick in log.ticks if not math.isnan(tick.battery_soc)]
    return Series(t_s=[tick.t_s for tick in seen], value=[tick.battery_soc for tick in seen])


def charging(log: DeviceLog) -> Series:
    """1 while energy came in, else 0, at each tick."""
    seen = [tick for tick in log.ticks if not math.isnan(tick.charging)]
    return Series(t_s=[tick.t_s for tick in seen], value=[tick.charging for tick in seen])


def version(log: DeviceLog) -> Series:
    """The installed version after each tick; 0 before the first."""
    return Series(t_s=[tick.t_s for tick in log.ticks], value=[float(tick.version) for tick in log.ticks])


def staleness(log: DeviceLog, versions: Mapping[int, Version]) -> Series:
    """Age of the installed version at each tick, s; before the first one, since midnight."""
    published = {0: 0.0} | {number: version.published_s for number, version in versions.items()}
    ages = [max(tick.t_s - published[tick.version], 0.0) for tick in log.ticks]
    return Series(t_s=[tick.t_s for tick in log.ticks], value=ages)


def energy_by_mode(log: DeviceLog) -> dict[str, float]:
    """Joules by phase: deep sleep, serving and training by themselves; waking, radio and waiting as the action's mode."""
    joules = {"sleep": 0.0, "serve": 0.0, "train": 0.0}
    for tick in _settled(log):
        left = tick.energy_j
        for load, amount in tick.by_load_j.items():
            if phase := next((mode for start, mode in PHASES if load.startswith(start)), ""):
                joules[phase] += amount
                left -= amount
        joules[tick.mode] += left
    return joules


def energy_by_load(log: DeviceLog) -> dict[str, float]:
    """Joules by load."""
    joules: dict[str, float] = {}
    for tick in _settled(log):
        for load, amount in tick.by_load_j.items():
            joules[load] = joules.get(load, 0.0) + amount
    return joules


def cumulative(log: DeviceLog, day_s: float) -> Series:
    """Joules spent before each tick, and by the day's end."""
    if not log.ticks:
        return Series(t_s=[0.0, day_s], value=[0.0, 0.0])
    spent = [0.0 if math.isnan(tick.energy_j) else tick.energy_j for tick in log.ticks]
    t_s = [tick.t_s for tick in log.ticks]
    return Series(t_s=[*t_s, max(day_s, t_s[-1])], value=[0.0, *accumulate(spent)])


def latencies(log: DeviceLog) -> list[float]:
    """Of each served request, s."""
    return [row.latency_s for row in log.requests if row.label is not None]


def right_answers(log: DeviceLog, truths: Mapping[int, int]) -> int:
    """Served requests whose answer was right."""
    return sum(log.requests[i].label == label for i, label in truths.items())


def served_accuracy(log: DeviceLog, truths: Mapping[int, int], day_s: float) -> Series:
    """Share of right answers in each window of the day that had any, at the window's middle."""
    edges = np.arange(0.0, day_s + WINDOW_S, WINDOW_S).tolist()
    found = Series()
    for start_s, end_s in pairwise(edges):
        right = [
            log.requests[i].label == label
            for i, label in truths.items()
            if start_s <= log.ticks[log.requests[i].tick].t_s < end_s
        ]
        if right:
            found.t_s.append((start_s + min(end_s, day_s)) / 2)
            found.value.append(sum(right) / len(right))
    return found


def updates(log: DeviceLog, device: str, verdicts: Verdicts) -> dict[str, int]:
    """How many were made, accepted, rejected, and wait.

    The aggregator's ledger has the last word: an update that the device believes accepted and the ledger does not
    know has not been delivered. A rejection counts with a reason only.
    """
    accepted = sum((device, row.update_id) in verdicts.accepted for row in log.updates)
    rejected = sum(
        (device, row.update_id) in verdicts.rejected or (row.accepted is False and bool(row.reason))
        for row in log.updates
        if (device, row.update_id) not in verdicts.accepted
    )
    made = len(log.updates)
    return {"made": made, "accepted": accepted, "rejected": rejected, "waiting": made - accepted - rejected}


def _settled(log: DeviceLog) -> list[TickRow]:
    """The ticks whose energy is known; the last one of a killed process may lack it."""
    return [tick for tick in log.ticks if not math.isnan(tick.energy_j)]
