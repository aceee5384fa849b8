"""One arm of the demonstration without the waiting: all devices in this process, on a clock that is moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from circadia.wiring import make_policy
from circadia_lab.data.day.result import Drift
from circadia_lab.fleet.demo.device_on_disk import DeviceOnDisk
from circadia_lab.life.life import Life

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_lab.data.day.plan import Plan


@dataclass(slots=True)
class FastArm:
    """An arm's files, after `play`."""

    plan: Plan
    name: str
    policy: str
    folder: Path
    devices: list[DeviceOnDisk] = field(default_factory=list)
    incidents: list[Drift] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        """The aggregator's database."""
        return self.folder / "ledger.db"

    def play(self, show: Callable[[float], None]) -> float:
        """The day → until when it was played: less than all of it after Ctrl-C. `show(t_s)` is told the time now and then."""
        life = Life(self.plan, lambda: make_policy(self.policy), self.folder, policy_name=self.policy)
        with life:
            self.devices = [
                DeviceOnDisk(self.plan, device.index, self.folder, device.config) for device in life.devices
            ]
            try:
                for look in life.play():
                    show(look.t_s)
            except KeyboardInterrupt:
                return life.clock.now_s()
            finally:
                self._note_errors(life)
        return life.end_s

    def _note_errors(self, life: Life) -> None:
        for files, device in zip(self.devices, life.devices, strict=True):
            if errors := device.runtime.errors:
                self.incidents.append(
                    Drift(t_s=life.clock.now_s(), what=f"{files.name} went on after {errors} errors")
                )
