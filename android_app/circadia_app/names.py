"""Every `android.*` name that the app uses, from Python or from its Java: with its level, its type and its constant.

The only way from Python to Android leads through this table (`circadia_app.jvm`): a name that is not in it cannot be used,
and one that is newer than the device is not there. What a level is and what a constant says is checked against the
published description of the API, types against Android 6's own classes.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_API = 24
"""Android 7: the oldest that the app installs on."""
OLDEST = 21
"""Stands for this level and all before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A method, or a field; of a class, if it is `static`."""

    name: str
    type: str
    """As in class files: `(I)J` takes an int and gives a long; without parentheses a field's type."""
    level: int = OLDEST
    """The first that has it."""
    static: bool = False
    value: int | str | None = None
    """Of a constant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A class or an interface."""

    name: str
    """With dots; a nested one after `$`."""
    level: int = OLDEST
    members: tuple[Member, ...] = ()

    def at(self, level: int) -> tuple[Member, ...]:
        """Those that a device of that level has."""
        return tuple(member for member in self.members if max(member.level, self.level) <= level)


def _of(name: str, *members: Member, level: int = OLDEST) -> Owner:
    return Owner(name=name, level=level, members=members)


def _method(name: str, kind: str, level: int = OLDEST, *, static: bool = False) -> Member:
    return Member(name=name, type=kind, level=level, static=static)


def _constant(name: str, value: int | str, level: int = OLDEST) -> Member:
    kind = "I" if isinstance(value, int) else "Ljava/lang/String;"
    return Member(name=name, type=kind, level=level, static=True, value=value)


OWNERS: tuple[Owner, ...] = (
    _of(
        "android.content.Context",
        _method("getSystemService", "(Ljava/lang/String;)Ljava/lang/Object;"),
        _method("getPackageName", "()Ljava/lang/String;"),
        _method("getClassLoader", "()Ljava/lang/ClassLoader;"),
        _method(
            "registerReceiver",
            "(Landroid/content/BroadcastReceiver;Landroid/content/IntentFilter;)Landroid/content/Intent;",
        ),
        _constant("POWER_SERVICE", "power"),
        _constant("BATTERY_SERVICE", "batterymanager"),
        _constant("CONNECTIVITY_SERVICE", "connectivity"),
        _constant("KEYGUARD_SERVICE", "keyguard"),
        _constant("ACTIVITY_SERVICE", "activity"),
        _constant("USAGE_STATS_SERVICE", "usagestats", 22),
        _constant("SYSTEM_HEALTH_SERVICE", "systemhealth", 24),
        _constant("PERFORMANCE_HINT_SERVICE", "performance_hint", 31),
    ),
    _of("android.content.BroadcastReceiver"),
    _of("android.content.IntentFilter", _method("<init>", "(Ljava/lang/String;)V")),
    _of(
        "android.content.Intent",
        _method("getIntExtra", "(Ljava/lang/String;I)I"),
        _constant("ACTION_BATTERY_CHANGED", "android.intent.action.BATTERY_CHANGED"),
        _constant("ACTION_BOOT_COMPLETED", "android.intent.action.BOOT_COMPLETED"),
        _constant("ACTION_MY_PACKAGE_REPLACED", "android.intent.action.MY_PACKAGE_REPLACED"),
    ),
    _of("android.os.Build$VERSION", Member(name="SDK_INT", type="I", static=True)),
    _of(
        "android.os.BatteryManager",
        _method("getLongProperty", "(I)J"),
        _method("computeChargeTimeRemaining", "()J", 28),
        _constant("BATTERY_PROPERTY_CHARGE_COUNTER", 1),
        _constant("BATTERY_PROPERTY_CURRENT_NOW", 2),
        _constant("BATTERY_PROPERTY_ENERGY_COUNTER", 5),
        _constant("EXTRA_LEVEL", "level"),
        _constant("EXTRA_SCALE", "scale"),
        _constant("EXTRA_PLUGGED", "plugged"),
        _constant("EXTRA_STATUS", "status"),
        _constant("EXTRA_TEMPERATURE", "temperature"),
        _constant("EXTRA_VOLTAGE", "voltage"),
        _constant("BATTERY_STATUS_UNKNOWN", 1),
        _constant("BATTERY_STATUS_CHARGING", 2),
        _constant("BATTERY_STATUS_DISCHARGING", 3),
        _constant("BATTERY_STATUS_NOT_CHARGING", 4),
        _constant("BATTERY_STATUS_FULL", 5),
    ),
    _of(
        "android.os.PowerManager",
        _method("isInteractive", "()Z"),
        _method("isPowerSaveMode", "()Z"),
        _method("isDeviceIdleMode", "()Z", 23),
        _method("isIgnoringBatteryOptimizations", "(Ljava/lang/String;)Z", 23),
        _method("getCurrentThermalStatus", "()I", 29),
        _method("getThermalHeadroom", "(I)F", 30),
        _method("getBatteryDischargePrediction", "()Ljava/time/Duration;", 31),
        _constant("THERMAL_STATUS_NONE", 0, 29),
        _constant("THERMAL_STATUS_LIGHT", 1, 29),
        _constant("THERMAL_STATUS_MODERATE", 2, 29),
        _constant("THERMAL_STATUS_SEVERE", 3, 29),
        _constant("THERMAL_STATUS_CRITICAL", 4, 29),
        _constant("THERMAL_STATUS_EMERGENCY", 5, 29),
        _constant("THERMAL_STATUS_SHUTDOWN", 6, 29),
    ),
    _of(
        "android.app.usage.UsageStatsManager",
        _method("getAppStandbyBucket", "()I", 28),
        _constant("STANDBY_BUCKET_ACTIVE", 10, 28),
        _constant("STANDBY_BUCKET_WORKING_SET", 20, 28),
        _constant("STANDBY_BUCKET_FREQUENT", 30, 28),
        _constant("STANDBY_BUCKET_RARE", 40, 28),
        _constant("STANDBY_BUCKET_RESTRICTED", 45, 30),
    ),
    _of(
        "android.net.ConnectivityManager",
        _method("getActiveNetwork", "()Landroid/net/Network;", 23),
        _method("getNetworkCapabilities", "(Landroid/net/Network;)Landroid/net/NetworkCapabilities;"),
        _method("isActiveNetworkMetered", "()Z"),
    ),
    _of("android.net.Network"),
    _of(
        "android.net.NetworkCapabilities",
        _method("hasCapability", "(I)Z"),
        _constant("NET_CAPABILITY_INTERNET", 12),
        _constant("NET_CAPABILITY_VALIDATED", 16, 23),
    ),
    _of("android.app.KeyguardManager", _method("isKeyguardLocked", "()Z")),
    _of(
        "android.app.ActivityManager",
        _method("getHistoricalProcessExitReasons", "(Ljava/lang/String;II)Ljava/util/List;", 30),
    ),
    _of(
        "android.app.ApplicationExitInfo",
        _method("getReason", "()I"),
        _method("getTimestamp", "()J"),
        _method("getStatus", "()I"),
        _method("getPid", "()I"),
        _method("getProcessName", "()Ljava/lang/String;"),
        _method("getDescription", "()Ljava/lang/String;"),
        _constant("REASON_UNKNOWN", 0),
        _constant("REASON_EXIT_SELF", 1),
        _constant("REASON_SIGNALED", 2),
        _constant("REASON_LOW_MEMORY", 3),
        _constant("REASON_CRASH", 4),
        _constant("REASON_CRASH_NATIVE", 5),
        _constant("REASON_ANR", 6),
        _constant("REASON_INITIALIZATION_FAILURE", 7),
        _constant("REASON_PERMISSION_CHANGE", 8),
        _constant("REASON_EXCESSIVE_RESOURCE_USAGE", 9),
        _constant("REASON_USER_REQUESTED", 10),
        _constant("REASON_USER_STOPPED", 11),
        _constant("REASON_DEPENDENCY_DIED", 12),
        _constant("REASON_OTHER", 13),
        _constant("REASON_FREEZER", 14, 33),
        _constant("REASON_PACKAGE_STATE_CHANGE", 15, 34),
        _constant("REASON_PACKAGE_UPDATED", 16, 34),
        level=30,
    ),
    _of(
        "android.os.PerformanceHintManager",
        _method("createHintSession", "([IJ)Landroid/os/PerformanceHintManager$Session;"),
        level=31,
    ),
    _of(
        "android.os.PerformanceHintManager$Session",
        _method("updateTargetWorkDuration", "(J)V"),
        _method("reportActualWorkDuration", "(J)V"),
        _method("setPreferPowerEfficiency", "(Z)V", 35),
        _method("close", "()V"),
        level=31,
    ),
    _of(
        "android.os.health.SystemHealthManager",
        _method(
            "getSupportedPowerMonitors",
            "(Ljava/util/concurrent/Executor;Ljava/util/function/Consumer;)V",
            35,
        ),
        _method(
            "getPowerMonitorReadings",
            "(Ljava/util/List;Ljava/util/concurrent/Executor;Landroid/os/OutcomeReceiver;)V",
            35,
        ),
        level=24,
    ),
    _of(
        "android.os.PowerMonitor",
        _method("getName", "()Ljava/lang/String;"),
        _method("getType", "()I"),
        _constant("POWER_MONITOR_TYPE_CONSUMER", 0),
        _constant("POWER_MONITOR_TYPE_MEASUREMENT", 1),
        level=35,
    ),
    _of(
        "android.os.PowerMonitorReadings",
        _method("getConsumedEnergy", "(Landroid/os/PowerMonitor;)J"),
        _method("getTimestampMillis", "(Landroid/os/PowerMonitor;)J"),
        _constant("ENERGY_UNAVAILABLE", -1),
        level=35,
    ),
    _of("android.os.OutcomeReceiver", level=31),
    # Of the screens' Java, by import, as the service's below.
    _of("android.app.Activity"),
    _of("android.hardware.Sensor"),
    _of("android.hardware.SensorEvent"),
    _of("android.hardware.SensorEventListener"),
    _of("android.hardware.SensorManager"),
    _of("android.provider.Settings"),
    _of("android.speech.tts.TextToSpeech"),
    _of("android.view.WindowInsets"),
    # Of USB serial lines, in Java by import: as below.
    _of("android.hardware.usb.UsbConstants"),
    _of("android.hardware.usb.UsbDevice"),
    _of("android.hardware.usb.UsbDeviceConnection"),
    _of("android.hardware.usb.UsbEndpoint"),
    _of("android.hardware.usb.UsbInterface"),
    _of("android.hardware.usb.UsbManager"),
    _of("android.hardware.usb.UsbRequest"),
    # Of the service's Java, by import: what it uses of them, javac checks against Android 6's own.
    _of("android.app.Notification"),
    _of("android.app.NotificationChannel", level=26),
    _of("android.app.NotificationManager"),
    _of("android.app.PendingIntent"),
    _of("android.app.Service"),
    _of("android.app.job.JobInfo"),
    _of("android.app.job.JobParameters"),
    _of("android.app.job.JobScheduler"),
    _of("android.app.job.JobService"),
    _of("android.content.ClipData"),
    _of("android.content.ComponentName"),
    _of("android.content.ContentProvider"),
    _of("android.content.ContentValues"),
    _of("android.content.ServiceConnection"),
    _of("android.database.Cursor"),
    _of("android.database.MatrixCursor"),
    _of("android.net.Uri"),
    _of("android.os.Binder"),
    _of("android.os.Build"),
    _of("android.os.Bundle"),
    _of("android.os.Handler"),
    _of("android.os.IBinder"),
    _of("android.os.Looper"),
    _of("android.os.Parcel"),
    _of("android.os.ParcelFileDescriptor"),
    _of("android.os.PersistableBundle"),
    _of("android.os.RemoteException"),
    _of("android.provider.OpenableColumns"),
    _of("android.util.Log"),
)
"""In the order in which the app meets them."""

TABLE: dict[str, Owner] = {owner.name: owner for owner in OWNERS}


def value(name: str) -> int:
    """A number by its full name, `android.os.BatteryManager.BATTERY_STATUS_FULL`; `KeyError` for one that is not here."""
    found = _found(name)
    if not isinstance(found, int):
        raise KeyError(f"{name} is no number but {found!r}")
    return found


def text(name: str) -> str:
    """A text by its full name, `android.content.Context.POWER_SERVICE`; `KeyError` for one that is not here."""
    found = _found(name)
    if not isinstance(found, str):
        raise KeyError(f"{name} is no text but {found!r}")
    return found


def _found(name: str) -> int | str | None:
    owner, _, member = name.rpartition(".")
    for one in TABLE[owner].members:
        if one.name == member:
            return one.value
    raise KeyError(f"{name} is not in the table of names")
