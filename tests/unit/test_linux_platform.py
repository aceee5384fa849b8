"""The Linux body over files as the kernel writes them."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia.actions import action_named
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, PlatformUnavailable, SensorError
from circadia.platforms.clocks import HandClock
from circadia.platforms.linux import LinuxPlatform
from circadia.types import Link
from circadia.wiring import build
from circadia_meter import kernel_sensors
from circadia_meter.sampled_meter import SampledMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

BOARD = shipped_profile("pi-solar")
BATTERY = "sys/class/power_supply/BAT0"
FILES = {
    "sys/class/power_supply/AC/type": "Mains",
    f"{BATTERY}/type": "Battery",
    f"{BATTERY}/capacity": "73",
    f"{BATTERY}/status": "Discharging",
    f"{BATTERY}/temp": "312",
    f"{BATTERY}/voltage_now": "3850000",
    f"{BATTERY}/current_now": "-420000",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "41250",
    "sys/class/thermal/thermal_zone1/type": "pmic-die",
    "sys/class/thermal/thermal_zone1/temp": "88000",
    "sys/class/net/lo/operstate": "unknown",
    "sys/class/net/wlan0/operstate": "up",
    "sys/class/net/wlan0/device/vendor": "0x14e4",
    "sys/class/net/docker0/operstate": "up",
    "proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4",
}


def tree(root: Path, changes: Mapping[str, str] | None = None) -> Path:
    for name, line in (FILES | dict(changes or {})).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n", encoding="ascii")
    return root


def test_it_reads_the_body(tmp_path: Path) -> None:
    seen = LinuxPlatform(BOARD, root=tree(tmp_path)).observe(1000.0)
    assert seen.battery_soc == pytest.approx(0.73)
    assert seen.charging == 0
    assert seen.temperature_c == pytest.approx(41.25)  # the power chip's own die does not count
    assert 0 < seen.thermal_headroom < 1
    assert (seen.power_save, seen.link) == (0, Link.FREE)
    assert seen.link_bytes_per_s > 0
    assert math.isnan(seen.cpu_load)


def test_the_load_of_others_is_told_from_the_second_look_on(tmp_path: Path) -> None:
    platform = LinuxPlatform(BOARD, root=tree(tmp_path))
    platform.observe(0.0)
    tree(tmp_path, {"proc/stat": "cpu  3100 0 2100 5800 0 0 0 0 0 0"})
    assert platform.observe(60.0).cpu_load == pytest.approx(0.5, abs=0.02)
    assert platform.observe(60.0).dt_s == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({f"{BATTERY}/capacity": "250"}, "battery_soc"),
        ({f"{BATTERY}/capacity": ""}, "battery_soc"),
        ({f"{BATTERY}/status": "Unknown"}, "charging"),
        ({"sys/class/thermal/thermal_zone0/temp": "-274000", f"{BATTERY}/temp": "9999"}, "temperature_c"),
    ],
)
def test_nonsense_is_nan(tmp_path: Path, changes: dict[str, str], field: str) -> None:
    seen = LinuxPlatform(BOARD, root=tree(tmp_path, changes)).observe(0.0)
    assert math.isnan(getattr(seen, field))


def test_interfaces_that_cost_are_metered(tmp_path: Path) -> None:
    down = {"sys/class/net/wlan0/operstate": "down"}
    assert LinuxPlatform(BOARD, root=tree(tmp_path, down)).observe(0).link == Link.NONE
    mobile = down | {"sys/class/net/wwan0/operstate": "unknown", "sys/class/net/wwan0/carrier": "1"}
    assert LinuxPlatform(BOARD, root=tree(tmp_path, mobile)).observe(0).link == Link.METERED


def test_on_the_mains_the_battery_is_full(tmp_path: Path) -> None:
    seen = LinuxPlatform(BOARD, mains=True, root=tmp_path).observe(0.0)
    assert (seen.battery_soc, seen.charging) == (1, 1)


def test_it_cannot_set_the_clock(tmp_path: Path) -> None:
    platform = LinuxPlatform(BOARD, root=tree(tmp_path))
    assert platform.supports(action_named("train/high/large"))
    assert not platform.supports(action_named("train/low/large"))


def test_a_profile_with_which_this_body_could_do_nothing_is_refused(tmp_path: Path) -> None:
    shipped = files("circadia.energy").joinpath("data/pi-solar.toml").read_text(encoding="utf-8")
    profile = tmp_path / "slow.toml"
    profile.write_text(shipped.replace('clocks = ["low", "high"]', 'clocks = ["low"]'), encoding="utf-8")
    table = {
        "platform": {"kind": "linux", "profile": str(profile), "mains": True},
        "limits": {"thermometer": False},
        "store": {"path": str(tmp_path / "a.db")},
    }
    for _ in range(2):  # and the store is let go of
        with pytest.raises(
            ConfigError, match=r"slow\.toml.*can do nothing.*its clocks are low.*name the profile"
        ):
            build(parse_config(table))


def sampled(powers: list[float], step_s: float = 0.1) -> SampledMeter:
    meter = SampledMeter(lambda: powers.pop(0), clock=HandClock(), period_s=step_s, step_w=0.01, name="test")
    for place in range(len(powers)):
        meter.sample(place * step_s)
    return meter


def test_a_sampled_meter_sums_and_bounds() -> None:
    meter = sampled([1.0] * 11 + [3.0] * 10)
    reading = meter.read(0.5, 1.5)
    assert reading is not None
    assert reading.energy_j == pytest.approx(0.5 * 1 + 0.5 * 3)
    edge = meter.read(0.5, 1.0)
    assert edge is not None
    assert edge.bound_j == pytest.approx(0.1 * 2 + 0.005 * 0.5)
    assert meter.read(1.5, 3.0) is None
    parts = [meter.read(a / 10, (a + 1) / 10) for a in range(20)]
    whole = meter.read(0.0, 2.0)
    assert whole is not None
    assert sum(part.energy_j for part in parts if part) == pytest.approx(whole.energy_j, rel=1e-12)


def test_a_sensor_that_does_not_know_yet_is_waited_for_by_whoever_is_patient() -> None:
    def look() -> float:
        raise SensorError("the unit is not known yet")

    meter = SampledMeter(look, clock=HandClock(), period_s=60.0, step_w=0.01, name="test")
    with pytest.raises(SensorError, match="not known yet"):
        meter.start()
    meter.start(patient=True)
    assert meter.read(0.0, 1.0) is None
    meter._look = lambda: 2.0
    meter.sample(1.0)
    meter.sample(2.0)
    reading = meter.read(1.0, 2.0)
    meter.close()
    assert reading is not None
    assert reading.energy_j == pytest.approx(2.0)


def test_a_sensor_that_was_away_is_a_gap() -> None:
    meter = sampled([1.0, 1.0])
    meter._look = lambda: 2.0
    meter.sample(1.1)
    reading = meter.read(0.0, 1.1)
    assert reading is not None
    assert (reading.gap_s, reading.lost_s) == pytest.approx((1.0, 1.0))
    assert reading.energy_j == pytest.approx(0.1), "what nobody saw is not in the sum"
    meter._look = lambda: math.nan
    with pytest.raises(SensorError, match="test: reads nan W"):
        meter.sample(1.2)


def test_a_counter_says_what_flowed_in_a_gap() -> None:
    """Awake at 1.5 W for a minute, ten minutes suspended at 20 mW, awake again: 12 J, not 900 J, of the gap."""
    counter = [0.0]
    meter = SampledMeter(
        lambda: 1.5, clock=HandClock(), period_s=5.0, step_w=0.01, name="test", counted=lambda: counter[0]
    )
    for t_s, watts in (
        *((5.0 * n, 1.5) for n in range(13)),
        (660.0, 0.02),
        *((660.0 + 5 * n, 1.5) for n in range(1, 5)),
    ):
        counter[0] += watts * (t_s - (meter._t_s[-1] if meter._t_s else 0.0))
        meter.sample(t_s)
    reading = meter.read(60.0, 660.0)
    assert reading is not None
    assert (reading.gap_s, reading.lost_s) == pytest.approx((600.0, 0.0))
    assert reading.energy_j == pytest.approx(12.0, rel=1e-6)
    assert reading.bound_j >= 2 * 7.5, "by the counter's steps at both ends"
    whole = meter.read(0.0, 680.0)
    assert whole is not None
    assert whole.energy_j == pytest.approx(60 * 1.5 + 12 + 20 * 1.5)
    cut = meter.read(0.0, 650.0)
    assert cut is not None
    assert cut.bound_j >= 12.0, "in a gap nobody knows when it flowed"


def test_a_battery_tells_its_power_by_status(tmp_path: Path) -> None:
    supply = kernel_sensors.battery_supply(tree(tmp_path))
    look = kernel_sensors.battery_look(supply)
    assert look() == pytest.approx(3.85 * 0.42)
    tree(tmp_path, {f"{BATTERY}/status": "Charging"})
    assert look() == pytest.approx(-3.85 * 0.42)
    tree(tmp_path, {f"{BATTERY}/current_now": "garbage"})
    with pytest.raises(SensorError, match="does not answer, or not with a number"):
        look()


def test_a_hwmon_chip_is_found_by_name_or_by_what_it_measures(tmp_path: Path) -> None:
    ina = "sys/class/hwmon/hwmon1"
    files = {
        "sys/class/hwmon/hwmon0/name": "cpu_thermal",
        "sys/class/hwmon/hwmon0/temp1_input": "41000",
        f"{ina}/name": "ina219",
        f"{ina}/in1_input": "5012",
        f"{ina}/curr1_input": "480",
        f"{ina}/power1_input": "2400000",
        f"{ina}/update_interval": "10",
    }
    chip = kernel_sensors.hwmon_chip("auto", tree(tmp_path, files))
    assert chip == tmp_path / ina
    assert kernel_sensors.hwmon_look(chip)() == pytest.approx(5.012 * 0.48)
    assert kernel_sensors.hwmon_interval_s(chip) == pytest.approx(0.02)  # it has new values every 10 ms
    assert kernel_sensors.hwmon_chip("ina219", tmp_path) == chip
    with pytest.raises(
        PlatformUnavailable, match=r"no chip ina226 with power is there, but hwmon0 \(cpu_thermal\)"
    ):
        kernel_sensors.hwmon_chip("ina226", tmp_path)


def test_a_meter_that_there_is_not_is_named(tmp_path: Path) -> None:
    table = {"meter": {"kind": "abacus"}, "store": {"path": str(tmp_path / "a.db")}}
    with pytest.raises(ConfigError, match=r"meter\.kind 'abacus': there are .*hwmon, power-supply, serial"):
        build(parse_config(table))


def test_a_device_on_this_machine_ticks(tmp_path: Path) -> None:
    table = {
        "platform": {"kind": "linux", "profile": "pi-solar", "mains": True},
        "limits": {"thermometer": False},
        "store": {"path": str(tmp_path / "a.db")},
    }
    runtime = build(parse_config(table))
    record = runtime.agent.tick()
    assert record.observation.battery_soc == 1 or Path("/sys/class/power_supply/BAT0").exists()
    runtime.agent.close()
