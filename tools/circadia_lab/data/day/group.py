"""The figures of some devices of an arm: one, all of a kind, or the whole fleet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.data.day.result import Series
from circadia_lab.data.day.run import recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from circadia_lab.data.day.result import ArmResult, DeviceResult


def kinds(arm: ArmResult) -> list[str]:
    """The profiles of an arm's devices, in order of appearance."""
    return list(dict.fromkeys(device.profile for device in arm.devices))


def kind_figures(arm: ArmResult, arms: Sequence[ArmResult]) -> dict[str, dict[str, Any]]:
    """By profile. Recovery is to the level that the same devices had in all arms."""
    found: dict[str, dict[str, Any]] = {}
    for kind in kinds(arm):
        own = mean_accuracy(_of_kind(arm, kind))
        rivals = [mean_accuracy(_of_kind(other, kind)) for other in arms]
        recovery = {"recovery_s": recovered(own, rivals, arm)}
        found[kind] = {"devices": len(_of_kind(arm, kind))} | group_figures(_of_kind(arm, kind)) | recovery
    return found


def device_figures(arm: ArmResult) -> dict[str, dict[str, Any]]:
    """By the device's name."""
    return {
        device.name: {"kind": device.profile, "drift": device.drift}
        | group_figures([device])
        | {"recovery_s": device.recovery_s}
        for device in arm.devices
    }


def group_figures(devices: Sequence[DeviceResult]) -> dict[str, Any]:
    """What can be added up or averaged over devices; None where there is no such figure.

    Accuracies are of the installed weights on the common held-out images; joules are simulated.
    """
    latency_s = [x for device in devices for x in device.latency_s]
    accuracy = mean_accuracy(devices)
    served, asked = _sum(devices, lambda d: d.served), _sum(devices, lambda d: d.asked)
    correct = _sum(devices, lambda d: d.served_correct)
    return {
        "mean_accuracy": over_time(accuracy),
        "federated_accuracy": accuracy.value[-1] if accuracy.value else None,
        "served": served,
        "expired": _sum(devices, lambda d: d.expired),
        "unanswered": _sum(devices, lambda d: d.unanswered),
        "served_accuracy": correct / served if served else None,
        "right_of_hundred": 100 * correct / asked if asked else None,
        "latency_median_s": float(np.median(latency_s)) if latency_s else None,
        "latency_p95_s": float(np.quantile(latency_s, 0.95)) if latency_s else None,
        **joules_figures(devices),
        "battery_hours": _known(np.mean([d.battery_hours for d in devices])) if devices else None,
        "training_steps": _sum(devices, lambda d: d.training_steps),
        "ticks": _sum(devices, lambda d: len(d.stays)),
        "overruns": _sum(devices, lambda d: d.overruns),
    }


def joules_figures(devices: Sequence[DeviceResult]) -> dict[str, float | None]:
    """Joules of the agent's work and of the whole devices, and what of each their batteries paid."""
    return {
        "agent_j": _known(_sum(devices, lambda d: d.joules.work_j)),
        "device_j": _known(_sum(devices, lambda d: d.joules.device_j)),
        "battery_agent_j": _known(_sum(devices, lambda d: d.joules.battery_work_j)),
        "battery_device_j": _known(_sum(devices, lambda d: d.joules.battery_j)),
    }


def mean_accuracy(devices: Sequence[DeviceResult]) -> Series:
    """Over the devices, on the common held-out images, at the times at which all were looked at."""
    if not devices:
        return Series()
    shared = min((d.accuracy_common for d in devices), key=lambda series: len(series.t_s))
    values = [d.accuracy_common.value[: len(shared.t_s)] for d in devices]
    return Series(t_s=shared.t_s, value=np.mean(values, axis=0).tolist())


def over_time(series: Series) -> float | None:
    """The mean over the day by trapezoids; None of less than two values."""
    t_s, value = np.array(series.t_s), np.array(series.value)
    if len(t_s) < 2 or t_s[-1] <= t_s[0]:
        return None
    return _known(((value[1:] + value[:-1]) / 2 * np.diff(t_s)).sum() / (t_s[-1] - t_s[0]))


def _of_kind(arm: ArmResult, kind: str) -> list[DeviceResult]:
    return [device for device in arm.devices if device.profile == kind]


def _sum(devices: Iterable[DeviceResult], pick: Callable[[DeviceResult], float]) -> Any:
    return sum(pick(device) for device in devices)


def _known(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None
