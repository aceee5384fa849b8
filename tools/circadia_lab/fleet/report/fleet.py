"""Devices across the arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_lab.data.day.result import ArmResult, DeviceResult


def names(arms: Sequence[ArmResult]) -> list[str]:
    """The devices' names, those of all arms, in order of appearance."""
    return list(dict.fromkeys(device.name for arm in arms for device in arm.devices))


def device_named(arm: ArmResult, name: str) -> DeviceResult | None:
    """An arm's device of that name; None where it has none."""
    return next((device for device in arm.devices if device.name == name), None)


def span_s(arms: Sequence[ArmResult]) -> float:
    """The longest day among the arms."""
    return max(arm.day_s for arm in arms)
