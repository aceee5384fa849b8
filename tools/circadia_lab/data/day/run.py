"""A run: several arms on the same seed, data, arrivals and drift, and what only all of them together tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from circadia_lab.data.day.recovery import level_before, recovery_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.result import ArmResult, DeviceResult, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One seed's arms, the first of them the one that the report is about."""

    plan: Plan
    arms: list[ArmResult]


def judged(arms: Sequence[ArmResult]) -> list[ArmResult]:
    """The arms with their recovery, and their devices': against one level for all arms."""
    return [_judged(arm, arms) for arm in arms]


def _judged(arm: ArmResult, arms: Sequence[ArmResult]) -> ArmResult:
    rivals = {
        device.name: [d.accuracy_common for other in arms for d in other.devices if d.name == device.name]
        for device in arm.devices
    }
    devices: list[DeviceResult] = [
        replace(device, recovery_s=recovered(device.accuracy_common, rivals[device.name], arm))
        for device in arm.devices
    ]
    found = recovered(arm.accuracy, [other.accuracy for other in arms], arm)
    return replace(arm, devices=devices, recovery_s=found)


def recovered(accuracy: Series, rivals: Sequence[Series], arm: ArmResult) -> float | None:
    """From the arm's first drift until `accuracy` is back at the level that all `rivals` had; None if it is not."""
    if not arm.drifts:
        return None
    drift_s = arm.drifts[0].t_s
    level = level_before(rivals, drift_s)
    return None if level is None else recovery_s(accuracy, drift_s, level)
