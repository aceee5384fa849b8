"""A phone's body: the `Platform` port over Android's services.

What a phone does not say stays NaN: how busy other programs keep the processor, for Android hides that from apps. How long
work takes is measured; the device profile only bounds it.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from circadia.errors import ConfigError, SensorError
from circadia.physics.params import make_params
from circadia.physics.phases import phases_of
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import time_of_day_s
from circadia.plugs import PlatformConfig, PlatformPlug
from circadia.ports import EVERY_SLEEP
from circadia.types import ClockLevel, Link, Observation, Phase
from circadia_app.hints import ClockHints
from circadia_app.names import TABLE, text, value
from circadia_app.phone_state import NAN, UNKNOWN_POWER, PhoneState
from circadia_app.power import CurrentReader, Look, ampere_hours, sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from circadia.energy.profile import DeviceProfile
    from circadia.plugs import PlatformContext
    from circadia.ports import Clock, EnergyMeter
    from circadia.types import Action, Units, WakeOn
    from circadia_app.jvm import Jvm
    from circadia_app.power import Power

T = TypeVar("T")

log = logging.getLogger(__name__)

READER = "org.circadia.android.PowerReader"
POWER, BATTERY = "android.os.PowerManager", "android.os.BatteryManager"
NETWORKS, CAPABILITIES = "android.net.ConnectivityManager", "android.net.NetworkCapabilities"
KEYGUARD, USAGE = "android.app.KeyguardManager", "android.app.usage.UsageStatsManager"
CHARGING = {
    value(f"{BATTERY}.BATTERY_STATUS_CHARGING"): True,
    value(f"{BATTERY}.BATTERY_STATUS_FULL"): True,
    value(f"{BATTERY}.BATTERY_STATUS_DISCHARGING"): False,
    value(f"{BATTERY}.BATTERY_STATUS_NOT_CHARGING"): False,
}
NETWORK_NEEDS = tuple(
    value(f"{CAPABILITIES}.{name}") for name in ("NET_CAPABILITY_INTERNET", "NET_CAPABILITY_VALIDATED")
)
COOL_C = 25.0
"""Where the thermal headroom is 1."""
COLDEST_C, HOTTEST_C = -30.0, 130.0
"""Outside of this a sensor is wrong."""
HEADROOM_EVERY_S = 2.0
"""Android answers NaN to whoever asks faster than once a second."""
SEVERE = ("severe", "critical", "emergency", "shutdown")
RESTRICTED = "restricted"
FORECAST_S = 6 * 3600.0
"""As far as `Observation.charge_forecast` looks."""
NANO_WH_J = 3.6e-6
NOMINAL_V = 3.85
"""Of a phone's cell: good enough for a capacity that has to be right to a factor of 2."""
MISSING = -(2**63)
"""What PowerReader.java gives for what the system does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidConfig(PlatformConfig):
    """[platform] of an Android phone."""

    kind: str = "android"


class AndroidPlatform:
    """Of the agent's thread, but for `state` and `battery_w`, which any thread may ask for."""

    def __init__(
        self,
        profile: DeviceProfile,
        jvm: Jvm,
        clock: Clock,
        *,
        stopwatch: Callable[[], float] = time.monotonic,
        boot_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """`stopwatch`: seconds that the phone was not suspended; `boot_s`: with those that it was, of the same beginning.

        `wall_s`: since the Unix epoch, for the time of day.
        """
        self.profile = profile
        self.stopwatch = stopwatch
        self.clock = clock
        self.jvm = jvm
        self.state = PhoneState()
        """As of the last look."""
        self.hints = ClockHints(jvm)
        self._boot_s = boot_s
        self._battery_gate = threading.Lock()
        self._wall_s, self._ahead_s = wall_s, 0.0
        self._charge: tuple[float, float] | None = None
        """(Ah, V) as of the last look that had both."""
        self._counted_j = 0.0
        self._counts = False
        """Whether the last look had both."""
        self._params = make_params(profile, scenario_for(profile))
        self._read_battery = jvm.own(READER, "read")
        self._reader = CurrentReader(
            profile.capacity_j / NOMINAL_V / 3600 if profile.capacity_j else math.nan
        )
        self._observed_s = math.nan
        self._headroom, self._headroom_s = math.nan, -math.inf
        self._told: set[str] = set()
        self._troubles: dict[str, str] = {}

    # The port

    def observe(self, now_s: float) -> Observation:
        """The body's part; NaN where the phone does not say."""
        if not math.isfinite(now_s):
            raise ConfigError(f"android platform: the time {now_s} is not a number")
        dt_s, self._observed_s = now_s - self._observed_s, now_s
        self._ahead_s = self._wall_s() - now_s
        self.state = state = self.look()
        temperature_c, headroom = self._heat(state)
        return dataclasses.replace(
            Observation(),
            dt_s=dt_s,
            battery_soc=state.soc,
            charging=_number(state.charging),
            temperature_c=temperature_c,
            thermal_headroom=headroom,
            power_save=self._saves(state),
            user_active=_number(_both(state.interactive, _not(state.locked))),
            link=math.nan if state.link is None else float(state.link),
            link_bytes_per_s=math.nan
            if state.link is None
            else float(self._params.bytes_per_s[..., state.link]),
            charge_forecast=_forecast(state),
            wake_up_j=self.profile.wake_up_j,
            radio_session_j=self.profile.radio_session_j,
            sleep_w=self.profile.sleep_w,
            training_step_j=self.profile.training_step_j,
        )

    def looks_at(self, name: str) -> str:
        """Android's services, and what they said last where they refused."""
        where, readings = {
            "battery_soc": ("the level and scale of ACTION_BATTERY_CHANGED", ("battery",)),
            "charging": ("the status of ACTION_BATTERY_CHANGED", ("battery",)),
            "temperature_c": (
                "the temperature of ACTION_BATTERY_CHANGED, PowerManager's thermal headroom",
                ("battery", "thermal"),
            ),
            "power_save": ("PowerManager.isPowerSaveMode", ("power_save",)),
            "link": (
                "ConnectivityManager.getActiveNetwork; it needs the permission ACCESS_NETWORK_STATE in buildozer.spec",
                ("link",),
            ),
        }.get(name, ("", ()))
        said = [self._troubles[one] for one in readings if one in self._troubles]
        return f"{where}: {'; '.join(said)}" if said else where

    def supports(self, action: Action) -> bool:
        """What the profile's device can do; at the low clock where the phone lets itself be asked to save power over it."""
        return self.profile.can(action) and (
            not action.works or action.clock is ClockLevel.HIGH or self.hints.low
        )

    def at_clock(self, clock: ClockLevel) -> AbstractContextManager[None]:
        """While work goes on in this thread: the phone is told how urgent it is, if it listens."""
        return self.hints.at(clock) if self.hints.any else nullcontext()

    def phases(self, action: Action, units: Units, sync_bytes: int) -> tuple[Phase, ...]:
        """As the profile says: bounds."""
        return phases_of(action, units, sync_bytes, self.state.link or Link.NONE, self._params)

    def spend(self, phases: Sequence[Phase]) -> None:
        """A real battery has paid already."""

    @property
    def wakes_on(self) -> frozenset[WakeOn]:
        """All sleeps: it stays awake, and the agent waits."""
        return EVERY_SLEEP

    def sleep(self, _until_s: float, _wake_on: WakeOn) -> bool:
        """False: the phone itself suspends whenever nobody holds it awake."""
        return False

    def close(self) -> None:
        """Ends what it told the phone of its work."""
        self.hints.close()

    def local_time_s(self, now_s: float) -> float:
        """By the phone's time zone, and its wall clock as of the last look: the agent's own never jumps."""
        return time_of_day_s(now_s + self._ahead_s)

    # For others

    def look(self) -> PhoneState:
        """Ask everything once; one thread at a time."""
        return self.jvm.call(self._look)  # type: ignore[no-any-return]

    def told(self) -> dict[str, Any]:
        """The last look in plain values, from any thread."""
        return self.state.plain

    def battery_w(self) -> float:
        """Watts out of the battery now, from any thread; `SensorError` says why they are not known."""
        nothing: dict[str, Any] = {}
        power: Power = self._asked("battery", self._battery, nothing).get("power", UNKNOWN_POWER)
        if math.isnan(power.power_w):
            raise SensorError(f"battery: {power.why or self._troubles.get('battery', 'no answer')}")
        return power.power_w

    def counted_j(self) -> float:
        """Joules out of the battery by its charge counter, from any beginning to the last look, suspends included; NaN without.

        Σ (Q_{k−1} − Q_k) · (V_{k−1} + V_k) / 2. It goes on in the counter's steps.
        """
        return self._counted_j if self._counts else math.nan

    # Within `Jvm.call`

    def _look(self) -> PhoneState:
        ask = self._asked
        idle = ask("idle", lambda: bool(self._power().isDeviceIdleMode()), None)
        exempt = ask(
            "exempt", lambda: bool(self._power().isIgnoringBatteryOptimizations(self.jvm.package)), None
        )
        nothing: dict[str, Any] = {}
        return PhoneState(
            **ask("battery", self._battery, nothing),
            thermal_status=ask("thermal status", self._thermal_status, ""),
            thermal_share=ask("thermal", self._thermal_share, NAN),
            power_save=ask("power_save", lambda: bool(self._power().isPowerSaveMode()), None),
            idle=idle,
            exempt=exempt,
            bucket=ask("bucket", self._bucket, ""),
            link=ask("link", lambda: self._link(idle=bool(idle) and not exempt), None),
            interactive=ask("screen", lambda: bool(self._power().isInteractive()), None),
            locked=ask("lock", self._locked, None),
            full_in_s=ask("charging", self._full_in_s, NAN),
            empty_in_s=ask("discharging", self._empty_in_s, NAN),
            troubles=dict(self._troubles),
        )

    def _asked(self, what: str, work: Callable[[], T], missing: T) -> T:
        """One answer, or `missing` where Android refuses: said once, and kept for whoever asks why."""
        try:
            answer: T = self.jvm.call(work)
        except SensorError as error:
            self._troubles[what] = str(error)
            if what not in self._told:
                self._told.add(what)
                log.warning("the phone does not tell %s: %s", what, error)
            return missing
        self._troubles.pop(what, None)
        return answer

    def _battery(self) -> dict[str, Any]:
        """One thread at a time, for its reader learns from looks in the order of their time."""
        with self._battery_gate:
            return self._read()

    def _read(self) -> dict[str, Any]:
        level, scale, plugged, status, tenths_c, voltage, current, charge, energy = (
            None if number == MISSING else int(number) for number in self._read_battery()
        )
        soc = level / scale if level is not None and scale else NAN
        soc = soc if 0 <= soc <= 1 else NAN
        battery_c = NAN if tenths_c is None else tenths_c / 10
        seen = Look(
            t_s=self.stopwatch(),
            current=current,
            charge=charge,
            voltage=voltage,
            plugged=None if plugged is None else plugged != 0,
            soc=soc,
            suspended_s=self._boot_s() - self.stopwatch(),
        )
        power, charge_ah = self._reader.look(seen), ampere_hours(charge, soc)
        self._count(charge_ah, power.voltage_v)
        stored = sound(energy)
        return {
            "soc": soc,
            "charging": CHARGING.get(status) if status is not None else None,
            "plugged": seen.plugged,
            "battery_c": battery_c if COLDEST_C < battery_c < HOTTEST_C else NAN,
            "power": power,
            "charge_ah": charge_ah,
            "energy_j": NAN if stored is None or stored < 0 else stored * NANO_WH_J,
        }

    def _count(self, charge_ah: float, voltage_v: float) -> None:
        self._counts = math.isfinite(charge_ah) and math.isfinite(voltage_v)
        if not self._counts:
            return
        if self._charge is not None:
            before_ah, before_v = self._charge
            self._counted_j += (before_ah - charge_ah) * 3600 * (before_v + voltage_v) / 2
        self._charge = charge_ah, voltage_v

    def _thermal_status(self) -> str:
        if not self.jvm.has(POWER, "getCurrentThermalStatus"):
            return ""
        return THERMAL.get(self._power().getCurrentThermalStatus(), "")

    def _thermal_share(self) -> float:
        """As of the last time that Android answered, and not asked faster than it likes."""
        if not self.jvm.has(POWER, "getThermalHeadroom"):
            return NAN
        now_s = self.stopwatch()
        if now_s - self._headroom_s >= HEADROOM_EVERY_S:
            self._headroom_s = now_s
            self._headroom = float(self._power().getThermalHeadroom(0))
        return self._headroom

    def _bucket(self) -> str:
        if not self.jvm.has(USAGE, "getAppStandbyBucket"):
            return ""
        usage = self.jvm.service(USAGE, text("android.content.Context.USAGE_STATS_SERVICE"))
        return "" if usage is None else BUCKETS.get(usage.getAppStandbyBucket(), "")

    def _link(self, *, idle: bool) -> Link:
        networks = self.jvm.needed(NETWORKS, text("android.content.Context.CONNECTIVITY_SERVICE"))
        network = networks.getActiveNetwork()
        if network is None or idle:
            return Link.NONE
        able = networks.getNetworkCapabilities(network)
        if able is None or not all(able.hasCapability(need) for need in NETWORK_NEEDS):
            return Link.NONE
        return Link.METERED if networks.isActiveNetworkMetered() else Link.FREE

    def _locked(self) -> bool:
        keyguard = self.jvm.needed(KEYGUARD, text("android.content.Context.KEYGUARD_SERVICE"))
        return bool(keyguard.isKeyguardLocked())

    def _full_in_s(self) -> float:
        if not self.jvm.has(BATTERY, "computeChargeTimeRemaining"):
            return NAN
        battery = self.jvm.needed(BATTERY, text("android.content.Context.BATTERY_SERVICE"))
        left_ms = battery.computeChargeTimeRemaining()
        return left_ms / 1000 if left_ms >= 0 else NAN

    def _empty_in_s(self) -> float:
        if not self.jvm.has(POWER, "getBatteryDischargePrediction"):
            return NAN
        left = self._power().getBatteryDischargePrediction()
        return NAN if left is None else self.jvm.seen_as("java.time.Duration", left).toMillis() / 1000

    def _power(self) -> Any:
        return self.jvm.needed(POWER, text("android.content.Context.POWER_SERVICE"))

    # What follows from it

    def _heat(self, state: PhoneState) -> tuple[float, float]:
        """°C of the battery, or where the processor stands on the way from 25 °C to the limit; and the headroom.

        Android's headroom is 0 far from severe throttling and 1 at it: there the processor is at its limit.
        """
        limit_c = self.profile.thermal.limit_c.value
        share = 1.0 if state.thermal_status in SEVERE else state.thermal_share
        processor_c = limit_c - min(max(1 - share, 0.0), 1.0) * (limit_c - COOL_C)
        known = [one for one in (state.battery_c, processor_c) if math.isfinite(one)]
        if not known:
            return NAN, NAN
        # What is as cool as the scale goes says nothing against a battery that is cooler.
        cool = math.isfinite(state.battery_c) and processor_c <= COOL_C
        warmest_c = state.battery_c if cool else max(known)
        return warmest_c, min(max((limit_c - warmest_c) / (limit_c - COOL_C), 0.0), 1.0)

    @staticmethod
    def _saves(state: PhoneState) -> float:
        """Battery saver, idle mode or a restricted app: the system saves power, and an agent has to."""
        if state.bucket == RESTRICTED or state.idle:
            return 1.0
        return _number(state.power_save)


def _number(flag: bool | None) -> float:
    return math.nan if flag is None else float(flag)


def _not(flag: bool | None) -> bool | None:
    return None if flag is None else not flag


def _both(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one and other


def _forecast(state: PhoneState) -> float:
    """The share of the battery that comes in within six hours, if it goes on charging as the system foretells."""
    if not state.charging or math.isnan(state.full_in_s) or math.isnan(state.soc):
        return math.nan
    part = 1.0 if state.full_in_s == 0 else min(FORECAST_S / state.full_in_s, 1.0)
    return (1 - state.soc) * part


def _words(owner: str, prefix: str) -> dict[int, str]:
    """What a number of the table means: the rest of its constant's name."""
    return {
        int(one.value or 0): one.name.removeprefix(prefix).lower().replace("_", " ")
        for one in TABLE[owner].members
        if one.name.startswith(prefix)
    }


THERMAL = _words(POWER, "THERMAL_STATUS_")
BUCKETS = _words(USAGE, "STANDBY_BUCKET_")


def _android(_config: AndroidConfig, context: PlatformContext) -> AndroidPlatform:
    from circadia_app.jvm import here

    return AndroidPlatform(context.profile, here(), context.clock)


def _own_meter(body: AndroidPlatform) -> EnergyMeter:
    """Power rails where the phone has them, else its battery."""
    from circadia_app.meters import meter_of

    return meter_of(body)


ANDROID = PlatformPlug(config=AndroidConfig, build=_android, meter=_own_meter)
