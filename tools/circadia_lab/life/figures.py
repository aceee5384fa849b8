"""What a fleet's life came to, in the words of `./tools/run --json`."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia_lab.data.day.group import over_time
from circadia_lab.data.day.recovery import level_before, recovery_s
from circadia_lab.data.day.result import Joules, Series
from circadia_lab.life.life import Life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from circadia.ports import Policy
    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.world import World
    from circadia_lab.life.life import Device, Look

MEMORY = Path("/dev/shm")  # noqa: S108  a folder of its own is made there
"""Where files that nobody keeps wait for no disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLife:
    """What became of one device."""

    name: str
    profile: str
    served: int
    right: int
    """Of the served."""
    expired: int
    unanswered: int
    """When the day ended."""
    latency_s: tuple[float, ...]
    joules: Joules
    capacity_j: float
    wakes: int
    steps: int
    """Of training."""
    errors: int
    """From which its runtime went on; they stand in the log."""
    accuracy: Series
    """Of the installed weights, on the common held-out images."""
    looks: tuple[Look, ...]

    @property
    def asked(self) -> int:
        """Requests of its users."""
        return self.served + self.expired + self.unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What became of a fleet."""

    devices: tuple[DeviceLife, ...]
    versions: int
    drifts_s: tuple[float, ...]

    @property
    def accuracy(self) -> Series:
        """The devices' mean."""
        return _mean(self.devices)

    def figures(self, rivals: Sequence[Lived] = ()) -> dict[str, Any]:
        """Plain numbers and texts; None where not known. Recovery is to the level that all `rivals` had, itself with none."""
        kinds = dict.fromkeys(device.profile for device in self.devices)
        lives = [other.accuracy for other in rivals or (self,)]
        return {
            **group(self.devices),
            "recovery_s": self._recovery_s(lives),
            "versions": self.versions,
            "kinds": {
                kind: group([device for device in self.devices if device.profile == kind]) for kind in kinds
            },
        }

    def _recovery_s(self, lives: Sequence[Series]) -> float | None:
        if not self.drifts_s:
            return None
        level = level_before(lives, self.drifts_s[0])
        return None if level is None else recovery_s(self.accuracy, self.drifts_s[0], level)


def live(
    policy: Callable[[], Policy],
    plan: Plan,
    *,
    folder: Path | None = None,
    world: World | None = None,
    end_s: float = math.inf,
) -> Lived:
    """A fleet's days under a policy, of which `policy` makes one for each device; files in `folder`, or nowhere for long.

    `end_s`: less than all of its days.
    """
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="circadia-life-", dir=memory) as nowhere:
        life = Life(plan, policy, folder or Path(nowhere), world=world, end_s=end_s)
        with life:
            looks = list(life.play())
            devices = tuple(
                _device(life, device, [look for look in looks if look.device == device.index])
                for device in life.devices
            )
            versions = life.aggregator.version.number
    return Lived(devices=devices, versions=versions, drifts_s=life.world.drifts_s)


def _device(life: Life, device: Device, looks: Sequence[Look]) -> DeviceLife:
    served = [
        (one.answer.result(), one.label)
        for one in device.user.asked
        if one.answer.done() and one.answer.exception() is None
    ]
    expired = sum(one.answer.done() for one in device.user.asked) - len(served)
    return DeviceLife(
        name=life.plan.name(device.index),
        profile=life.plan.profile(device.index),
        served=len(served),
        right=sum(answer.label == label for answer, label in served),
        expired=expired,
        unanswered=len(device.user.asked) - len(served) - expired,
        latency_s=tuple(answer.latency_s for answer, _ in served),
        joules=device.joules,
        capacity_j=float(device.body.params.capacity_j),
        wakes=device.runtime.ticks,
        steps=device.steps,
        errors=device.runtime.errors,
        accuracy=Series(t_s=[look.t_s for look in looks], value=[look.accuracy for look in looks]),
        looks=tuple(looks),
    )


def group(devices: Sequence[DeviceLife]) -> dict[str, Any]:
    """Sums and means over some devices, as `circadia_lab.data.day.group.group_figures` names them."""
    accuracy = _mean(devices)
    served, asked = sum(d.served for d in devices), sum(d.asked for d in devices)
    right = sum(d.right for d in devices)
    latency_s = [x for device in devices for x in device.latency_s]
    hours = [_hours(device) for device in devices]
    return {
        "mean_accuracy": over_time(accuracy),
        "federated_accuracy": accuracy.value[-1],
        "served_accuracy": right / served if served else None,
        "right_of_hundred": 100 * right / asked if asked else None,
        "served": served,
        "expired": sum(d.expired for d in devices),
        "unanswered": sum(d.unanswered for d in devices),
        "latency_median_s": float(np.median(latency_s)) if latency_s else None,
        "latency_p95_s": float(np.quantile(latency_s, 0.95)) if latency_s else None,
        "agent_j": sum(d.joules.work_j for d in devices),
        "device_j": sum(d.joules.device_j for d in devices),
        "battery_agent_j": sum(d.joules.battery_work_j for d in devices),
        "battery_device_j": sum(d.joules.battery_j for d in devices),
        "battery_hours": _known(float(np.mean(hours))),
        "ticks": sum(d.wakes for d in devices),
        "training_steps": sum(d.steps for d in devices),
        "errors": sum(d.errors for d in devices),
    }


def _mean(devices: Iterable[DeviceLife]) -> Series:
    series = [device.accuracy for device in devices]
    return Series(t_s=series[0].t_s, value=np.mean([one.value for one in series], axis=0).tolist())


def _hours(device: DeviceLife) -> float:
    """See `circadia_lab.data.day.result.DeviceResult.battery_hours`."""
    joules = device.joules
    watts = joules.battery_j / joules.battery_s if joules.battery_s > 0 else 0.0
    return device.capacity_j / watts / 3600 if watts > 0 else math.nan


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
