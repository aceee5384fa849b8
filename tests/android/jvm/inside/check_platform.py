"""The phone's body over fakes of Android: what it says, what it leaves open, and what it leaves behind."""

from __future__ import annotations

import gc
import json
import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.android.jvm.inside.battery import battery
from tests.android.jvm.inside.in_threads import in_threads

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.errors import PlatformUnavailable, SensorError
from circadia.platforms.clocks import HandClock, SystemClock
from circadia.plugs import PlatformContext
from circadia.ports import HintsClock
from circadia.testing.platform import PlatformContract
from circadia.types import ClockLevel, Link, Load
from circadia.wiring import Parts, build
from circadia_app.agent_run import Tells
from circadia_app.exits import exits
from circadia_app.jvm import is_pythons
from circadia_app.meters import meter_of
from circadia_app.names import MIN_API
from circadia_app.platform import ANDROID, AndroidConfig, AndroidPlatform
from circadia_app.rails import RailsMeter
from circadia_meter.sampled_meter import SampledMeter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_app.jvm import Jvm

NEWEST = 36
PROFILE = shipped_profile("pixel-3")
START_S = 9 * 3600.0
LONG_MIN, INT_MIN = -(2**63), -(2**31)


class Wanting:
    """A policy that wants one action."""

    name = "wanting"
    offered = np.ones(len(CATALOGUE), bool)

    def scores(self, _x: Any) -> Any:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[0], scores[INDEX["train/low/small"]] = 0.0, 100.0
        return scores


class Stopwatch:
    """Turned by hand."""

    def __init__(self) -> None:
        self.t_s = 1000.0

    def __call__(self) -> float:
        return self.t_s


def body(jvm: Jvm, **parts: Any) -> AndroidPlatform:
    return AndroidPlatform(PROFILE, jvm, HandClock(START_S), **parts)


# The contract, at every level that changes something


class TestNewestPhone(PlatformContract):
    level = NEWEST

    @pytest.fixture(autouse=True)
    def _phone(self, phone: Any, at_level: Callable[[int], Jvm]) -> None:
        self.phone, self.jvm = phone, at_level(self.level)

    def make(self) -> AndroidPlatform:
        return body(self.jvm)


class TestOldestPhone(TestNewestPhone):
    level = MIN_API


class TestAndroid11(TestNewestPhone):
    level = 30


class TestPhoneThatSaysNothing(TestNewestPhone):
    @pytest.fixture(autouse=True)
    def _mute(self, _phone: None) -> None:
        self.phone.reset()
        self.phone.broadcasts = False
        self.phone.forbidden = "battery"
        self.phone.headroom = math.nan


# What it says


def test_a_phone_is_seen_as_it_is(phone: Any, jvm: Jvm) -> None:
    phone.interactive, phone.locked = True, False
    seen = body(jvm).observe(START_S)
    assert seen.battery_soc == pytest.approx(0.6)
    assert seen.charging == 0
    assert seen.temperature_c == pytest.approx(31.2)
    assert 0 < seen.thermal_headroom < 1
    assert seen.power_save == 0
    assert seen.user_active == 1
    assert seen.link == Link.FREE
    assert seen.link_bytes_per_s > 0
    assert math.isnan(seen.cpu_load), "Android hides it from apps"
    assert math.isnan(seen.charge_forecast)


@pytest.mark.parametrize(
    ("status", "plugged", "charging"), [(2, 1, 1.0), (5, 2, 1.0), (3, 0, 0.0), (4, 1, 0.0), (1, 0, math.nan)]
)
def test_charging(phone: Any, jvm: Jvm, status: int, plugged: int, charging: float) -> None:
    battery(phone, status=status, plugged=plugged)
    assert body(jvm).observe(START_S).charging == pytest.approx(charging, nan_ok=True)


@pytest.mark.parametrize(
    ("network", "validated", "metered", "link"),
    [
        (False, True, False, Link.NONE),
        (True, False, False, Link.NONE),
        (True, True, True, Link.METERED),
        (True, True, False, Link.FREE),
    ],
)
def test_links(phone: Any, jvm: Jvm, *, network: bool, validated: bool, metered: bool, link: Link) -> None:
    phone.network, phone.validated, phone.metered = network, validated, metered
    assert body(jvm).observe(START_S).link == link


@pytest.mark.parametrize("exempt", [True, False])
def test_idle_mode_saves_power_and_takes_the_network(phone: Any, jvm: Jvm, *, exempt: bool) -> None:
    phone.idle, phone.exempt = True, exempt
    seen = body(jvm).observe(START_S)
    assert seen.power_save == 1
    assert seen.link == (Link.FREE if exempt else Link.NONE)


def test_a_restricted_app_saves_power(phone: Any, jvm: Jvm) -> None:
    phone.bucket = 45
    platform = body(jvm)
    assert platform.observe(START_S).power_save == 1
    assert platform.state.bucket == "restricted"


def test_what_the_battery_gave_is_counted_through_a_suspend(phone: Any, jvm: Jvm) -> None:
    platform = body(jvm)
    battery(phone, charge=2_100_000)
    platform.observe(START_S)
    before_j = platform.counted_j()
    battery(phone, charge=-(2**63))
    platform.observe(START_S + 1)
    assert math.isnan(platform.counted_j())
    battery(phone, charge=2_090_000)
    platform.observe(START_S + 600)
    assert platform.counted_j() - before_j == pytest.approx(0.010 * 3600 * 3.9)


def test_a_throttling_processor_is_at_its_limit(phone: Any, jvm: Jvm) -> None:
    phone.headroom = 0.5
    half = body(jvm).observe(START_S)
    assert half.thermal_headroom == pytest.approx(0.5)
    phone.thermalStatus = 3
    severe = body(jvm).observe(START_S)
    assert severe.thermal_headroom == 0
    assert severe.temperature_c == PROFILE.thermal.limit_c.value


def test_the_headroom_is_not_polled_faster_than_android_likes(phone: Any, jvm: Jvm) -> None:
    stopwatch = Stopwatch()
    platform = body(jvm, stopwatch=stopwatch)
    for n in range(50):
        platform.observe(START_S + n / 10)
        stopwatch.t_s += 0.1
    assert phone.headroomCalls <= 3
    platform = body(jvm)
    phone.reset()
    battery(phone)
    shares = []
    for n in range(4):
        platform.observe(START_S + n)
        shares.append(platform.state.thermal_share)
        time.sleep(0.2)
    assert shares == pytest.approx([0.2] * 4), "asked in earnest, it never answers NaN"


def test_a_broken_thermometer_says_nothing(phone: Any, at_level: Callable[[int], Jvm]) -> None:
    battery(phone, temperature=-9999)
    seen = body(at_level(MIN_API)).observe(START_S)
    assert math.isnan(seen.temperature_c)
    assert math.isnan(seen.thermal_headroom)


def test_what_the_system_foretells_of_the_charge(phone: Any, jvm: Jvm) -> None:
    battery(phone, status=2, plugged=1)
    phone.chargeMs = 12 * 3600 * 1000
    assert body(jvm).observe(START_S).charge_forecast == pytest.approx(0.2)
    phone.chargeMs = 3600 * 1000
    assert body(jvm).observe(START_S).charge_forecast == pytest.approx(0.4)
    phone.dischargeMs = 7200 * 1000
    assert body(jvm).look().empty_in_s == pytest.approx(7200)


def test_one_refusal_takes_one_reading_and_is_told(
    phone: Any, jvm: Jvm, caplog: pytest.LogCaptureFixture
) -> None:
    phone.forbidden = "network"
    platform = body(jvm)
    with caplog.at_level(logging.WARNING):
        seen = [platform.observe(START_S + n) for n in range(3)]
    assert all(math.isnan(one.link) and one.battery_soc == pytest.approx(0.6) for one in seen)
    assert len(caplog.records) == 1, "said once"
    assert "SecurityException" in platform.looks_at("link")
    assert "ACCESS_NETWORK_STATE" in platform.looks_at("link")
    phone.forbidden = ""
    assert platform.observe(START_S + 9).link == Link.FREE
    assert "SecurityException" not in platform.looks_at("link")


def test_the_plug_is_found_by_its_entry_point(phone: Any, context: Any) -> None:
    from circadia.plugs import PLATFORMS
    from circadia_app.jvm import here

    phone.serve(None)
    here.cache_clear()
    with pytest.raises(PlatformUnavailable, match="neither service nor activity"):
        here()
    phone.serve(context)
    plug = PLATFORMS.find("android").plug
    assert plug is ANDROID
    made = plug.build(
        AndroidConfig(), PlatformContext(profile=PROFILE, clock=SystemClock(), midnight_s=0.0, last=None)
    )
    assert made.observe(START_S).battery_soc == pytest.approx(0.6)
    assert here() is here()
    assert here().level == NEWEST


def test_an_agent_lives_in_a_phone(phone: Any, context: Any, jvm: Jvm, tmp_path: Path) -> None:
    """Found by its kind, with the phone's rails as its meter and its clock's hints."""
    from circadia_app.jvm import here

    phone.serve(context)
    here.cache_clear()
    phone.rail("VSYS", 1, 10**9)
    phone.railsMs = round(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) - 1000
    config = parse_config({"store": {"path": str(tmp_path / "device.db")}, "platform": {"kind": "android"}})
    agent = build(config, parts=Parts(policy=Wanting())).agent
    try:
        assert isinstance(agent.platform, AndroidPlatform)
        assert isinstance(agent.meter, RailsMeter)
        phone.HINTS.clear()
        agent.add_example(np.zeros(agent.workload.task.input_shape, np.float32), 1)
        agent.ingest()
        agent.learn()
        record = agent.tick()
    finally:
        agent.close()
        agent.meter.close()
        agent.platform.close()
    assert record.decision.action.name == "train/low/small"
    assert record.observation.link == Link.FREE
    assert record.outcome.training is not None
    assert [phase.load for phase in record.outcome.phases] == [Load.TRAIN_LOW]
    told = [phone.HINTS.get(n) for n in range(phone.HINTS.size())]
    assert "efficient true" in told
    assert "actual true" in told


def test_what_it_says_goes_into_json(phone: Any, jvm: Jvm) -> None:
    platform = body(jvm)
    platform.observe(START_S)
    assert isinstance(platform, Tells)
    told = json.loads(json.dumps(platform.told(), allow_nan=False))
    assert told["soc"] == pytest.approx(0.6)
    assert told["link"] == "free"
    assert told["power"]["power_w"] is None
    assert told["power"]["why"]
    assert told["bucket"] == "active"


# Power


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("sign", [1, -1])
def test_watts_come_right_through_java(phone: Any, jvm: Jvm, unit: int, sign: int) -> None:
    """home-assistant/android#2846: this maker gives mA where µA are documented."""
    stopwatch = Stopwatch()
    platform = body(jvm, stopwatch=stopwatch)
    told = []
    charge_uah = 2_100_000.0
    for _ in range(120):
        battery(phone, current=round(sign * -400_000 / unit), charge=round(charge_uah))
        told.append(platform.look().power.power_w)
        stopwatch.t_s += 5.0
        charge_uah -= 400_000 * 5 / 3600
    known = [watts for watts in told if not math.isnan(watts)]
    assert known == pytest.approx([0.4 * 3.9] * len(known))
    assert platform.battery_w() == pytest.approx(0.4 * 3.9)


@pytest.mark.parametrize("current", [LONG_MIN, INT_MIN, 0])
def test_a_missing_current_is_no_watt(phone: Any, jvm: Jvm, current: int) -> None:
    battery(phone, current=current)
    platform = body(jvm)
    assert math.isnan(platform.look().power.power_w)
    with pytest.raises(SensorError, match="gives no current"):
        platform.battery_w()


def test_counters_are_read_in_their_units(phone: Any, jvm: Jvm) -> None:
    state = body(jvm).look()
    assert state.charge_ah == pytest.approx(2.1)
    assert state.energy_j == pytest.approx(8 * 3600)


def test_rails_are_the_meter_where_there_are_any(phone: Any, jvm: Jvm) -> None:
    for name, kind, joules in (("CPU", 0, 9), ("S4M_VDD_CPUCL0", 1, 100), ("VSYS_PWR_MODEM", 1, 50)):
        phone.rail(name, kind, joules * 1_000_000)
    phone.railsMs = round(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)
    meter = meter_of(body(jvm))
    try:
        assert isinstance(meter, RailsMeter)
        assert "S4M_VDD_CPUCL0" in str(meter.about()["meter"])
        phone.railEnergy(0, 99_000_000)
        phone.railEnergy(1, 103_000_000)
        phone.railsMs = phone.railsMs + 10_000
        meter.sample()
        reading = meter.read(START_S - 0.5, START_S + 9.0)
        assert reading is not None
        assert reading.energy_j == pytest.approx(3.0, rel=0.15)
    finally:
        meter.close()


def test_rails_that_fail_leave_the_battery(phone: Any, jvm: Jvm, caplog: pytest.LogCaptureFixture) -> None:
    phone.rail("VSYS", 1, 1)
    phone.railsFail = True
    meter = meter_of(body(jvm))
    meter.close()
    assert isinstance(meter, SampledMeter)
    assert "rails are busy" in caplog.text


@pytest.mark.parametrize("level", [MIN_API, 34, NEWEST])
def test_a_phone_without_rails_reads_its_battery(
    phone: Any, at_level: Callable[[int], Jvm], level: int
) -> None:
    meter = meter_of(body(at_level(level)))
    meter.close()
    assert isinstance(meter, SampledMeter)


# Hints of the clock


def test_a_new_phone_is_told_how_urgent_work_is(phone: Any, jvm: Jvm) -> None:
    platform = body(jvm)
    assert isinstance(platform, HintsClock)
    low = [action for action in CATALOGUE if action.works and action.clock is ClockLevel.LOW]
    assert low
    assert all(platform.supports(action) == PROFILE.can(action) for action in low)
    phone.HINTS.clear()
    with platform.at_clock(ClockLevel.LOW):
        pass
    with platform.at_clock(ClockLevel.HIGH):
        pass
    platform.close()
    told = [phone.HINTS.get(n) for n in range(phone.HINTS.size())]
    assert [line.split()[0] for line in told] == ["target", "efficient", "actual"] * 2 + ["close"]
    assert told[1] == "efficient true"
    assert told[4] == "efficient false"


@pytest.mark.parametrize(("level", "listens"), [(30, True), (34, True), (NEWEST, False)])
def test_without_efficiency_the_low_clock_is_not_offered(
    phone: Any, at_level: Callable[[int], Jvm], level: int, *, listens: bool
) -> None:
    phone.hints = listens
    platform = body(at_level(level))
    assert not any(
        platform.supports(action) for action in CATALOGUE if action.works and action.clock is ClockLevel.LOW
    )
    with platform.at_clock(ClockLevel.HIGH):
        pass
    platform.close()


# Exits


def test_exits_are_told_in_words(phone: Any, jvm: Jvm) -> None:
    phone.exit(3, 1_790_000_000_123, 9, 4711, "org.circadia.app:service_agent", "lmk")
    phone.exit(99, 1_780_000_000_000, 0, 1, None, None)
    first, second = exits(jvm)
    assert (first.reason, first.pid, first.status) == ("low memory", 4711, 9)
    assert first.t_s == pytest.approx(1_790_000_000.123)
    assert first.process == "org.circadia.app:service_agent"
    assert second.reason == "reason 99"
    assert len(exits(jvm, most=1)) == 1


def test_an_older_phone_remembers_no_exits(phone: Any, at_level: Callable[[int], Jvm]) -> None:
    phone.exit(3, 0, 0, 0, "p", "d")
    assert exits(at_level(29)) == ()


# What it leaves behind


def settled(phone: Any, wanted: int) -> int:
    """JVM threads, once those that end have ended."""
    gc.collect()
    end_s = time.monotonic() + 10
    while phone.threads() > wanted and time.monotonic() < end_s:
        time.sleep(0.05)
    return int(phone.threads())


def test_a_thousand_threads_leave_no_thread_of_javas(phone: Any, jvm: Jvm) -> None:
    """The public fault of pyjnius#107: each Python thread that calls Java stays attached."""
    platform = body(jvm)
    platform.observe(START_S)
    before = settled(phone, phone.threads())
    raised: list[BaseException] = []
    for _ in range(20):
        raised += in_threads(platform.look, 50)
    assert raised == []
    assert settled(phone, before) == before


def test_threads_that_java_refuses_leave_none_either(phone: Any, jvm: Jvm) -> None:
    platform = body(jvm)
    battery(phone, current=0)
    phone.forbidden = "network"
    platform.observe(START_S)
    before = settled(phone, phone.threads())
    raised = in_threads(platform.battery_w, 200) + in_threads(
        lambda: jvm.own("org.example.Missing", "read"), 20
    )
    assert len(raised) == 220
    assert {type(error) for error in raised} == {SensorError, PlatformUnavailable}
    del raised
    assert settled(phone, before) == before


def test_without_letting_go_they_would_stay(phone: Any) -> None:
    """What the tests above look for is there to be found."""
    before, seen = settled(phone, phone.threads()), []
    in_threads(lambda: seen.append(phone.threads()), 20)
    time.sleep(0.3)
    assert phone.threads() >= before + 20


def test_a_thread_that_java_made_is_not_let_go_of(phone: Any, jvm: Jvm) -> None:
    """Android ends a process that lets go of one."""
    from jnius import PythonJavaClass, autoclass, java_method

    platform = body(jvm)
    seen: list[object] = []

    class Work(PythonJavaClass):  # type: ignore[misc]
        __javainterfaces__ = ("java/lang/Runnable",)
        __javacontext__ = "app"

        @java_method("()V")  # type: ignore[untyped-decorator]
        def run(self) -> None:
            seen.append(is_pythons(threading.current_thread()))
            seen.append(platform.look().soc)
            seen.append(platform.look().soc)

    work = Work()
    threads = autoclass("java.util.concurrent.Executors").newSingleThreadExecutor()
    threads.execute(work)
    threads.shutdown()
    end_s = time.monotonic() + 20
    while not threads.isTerminated() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert seen == [False, pytest.approx(0.6), pytest.approx(0.6)]
    assert not is_pythons(threading.main_thread())
    mine: list[bool] = []
    in_threads(lambda: mine.append(is_pythons(threading.current_thread())), 1)
    assert mine == [True]


def test_own_classes_are_found_where_jnius_does_not_find_them(phone: Any, jvm: Jvm) -> None:
    """The public fault of pyjnius#758: in the service's process, and in Python's threads, no class of the app is found."""
    from jnius import JavaException, find_javaclass

    with pytest.raises(JavaException):
        find_javaclass("org.circadia.android.PowerReader")
    assert in_threads(lambda: body(jvm).observe(START_S), 1) == []


def test_a_class_that_was_not_built_in_is_named(jvm: Jvm) -> None:
    with pytest.raises(PlatformUnavailable, match=r"org\.example\.Missing.*android\.add_src"):
        jvm.own("org.example.Missing", "read")
    with pytest.raises(PlatformUnavailable, match="no method nothing"):
        jvm.own("org.circadia.android.PowerReader", "nothing")


@pytest.mark.parametrize("level", [MIN_API, 28, 29, 30, 31, 34, 35, NEWEST])
def test_nothing_newer_than_the_phone_is_there_to_be_called(
    at_level: Callable[[int], Jvm], level: int
) -> None:
    from circadia_app.jvm import declared
    from circadia_app.names import TABLE

    jvm = at_level(level)
    owner = TABLE["android.os.PowerManager"]
    offered = jvm.call(lambda: set(dir(declared(owner.name, jvm.level))))
    for member in owner.members:
        if member.type.startswith("("):
            assert (member.name in offered) == (member.level <= level)


def test_a_phone_without_a_service_lacks_its_reading_only(phone: Any, at_level: Callable[[int], Jvm]) -> None:
    phone.absent = "connectivity"
    platform = body(at_level(NEWEST))
    seen = platform.observe(START_S)
    assert math.isnan(seen.link)
    assert seen.battery_soc == pytest.approx(0.6)
    assert "no android.net.ConnectivityManager" in platform.looks_at("link")
