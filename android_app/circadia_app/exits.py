"""Why the app's processes ended before, as Android remembers: from Android 11 on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_app.names import TABLE, text

if TYPE_CHECKING:
    from circadia_app.jvm import Jvm

MANAGER, INFO = "android.app.ActivityManager", "android.app.ApplicationExitInfo"
PREFIX = "REASON_"
REASONS = {
    one.value: one.name.removeprefix(PREFIX).lower().replace("_", " ")
    for one in TABLE[INFO].members
    if one.name.startswith(PREFIX)
}
"""What Android calls them, by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """One end of one process."""

    t_s: float
    """Since the Unix epoch."""
    process: str
    """`org.circadia.app:service_agent`, for example."""
    pid: int
    reason: str
    """`low memory`, `user requested`, `anr`, …; `reason 99` for one that this version does not know."""
    status: int
    """The signal, or what the process returned."""
    description: str
    """Android's own words; may be empty."""


def exits(jvm: Jvm, most: int = 20) -> tuple[Exit, ...]:
    """The newest first; none on an older phone. `SensorError` where Android refuses."""
    if not jvm.has(MANAGER, "getHistoricalProcessExitReasons"):
        return ()
    return jvm.call(lambda: _exits(jvm, most))  # type: ignore[no-any-return]


def _exits(jvm: Jvm, most: int) -> tuple[Exit, ...]:
    manager = jvm.needed(MANAGER, text("android.content.Context.ACTIVITY_SERVICE"))
    found = jvm.seen_as("java.util.List", manager.getHistoricalProcessExitReasons(jvm.package, 0, most))
    return tuple(_exit(jvm.seen_as(INFO, found.get(at))) for at in range(found.size()))


def _exit(info: object) -> Exit:
    ended: dict[str, object] = {
        name: getattr(info, f"get{name}")()
        for name in ("Timestamp", "ProcessName", "Pid", "Reason", "Status", "Description")
    }
    reason = int(str(ended["Reason"]))
    return Exit(
        t_s=int(str(ended["Timestamp"])) / 1000,
        process=str(ended["ProcessName"] or ""),
        pid=int(str(ended["Pid"])),
        reason=REASONS.get(reason, f"reason {reason}"),
        status=int(str(ended["Status"])),
        description=str(ended["Description"] or ""),
    )
