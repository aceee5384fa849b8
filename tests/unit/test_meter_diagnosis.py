"""Whether a meter can work here, told without opening anything."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from circadia.config import DeviceConfig
from circadia.doctor import diagnosis
from circadia.doctor.finding import Status
from circadia.doctor.plugins import meter
from circadia.platforms.kinds import LinuxConfig
from circadia.plugs import MeterConfig
from circadia_lab.meter.diagnosis import firmware_programs
from circadia_meter.diagnosis import NEEDED, meter_port, packages
from circadia_meter.meters import HwmonConfig, PowerSupplyConfig, SerialConfig

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SERIAL = SerialConfig()


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_simulated_body_has_its_own_meter() -> None:
    found = meter(DeviceConfig())
    assert found.status is Status.OK
    assert "simulated" in found.detail


def test_a_real_device_without_a_meter_is_told_how_to_get_one() -> None:
    found = meter(DeviceConfig(platform=LinuxConfig()))
    assert found.status is Status.ABSENT
    assert "hwmon, power-supply, serial" in found.detail
    assert "kind" in found.advice


def test_a_kind_is_installed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert meter(DeviceConfig(meter=SERIAL)).status is Status.OK
    wrong = meter(DeviceConfig(meter=MeterConfig(kind="seriel")))
    assert wrong.status is Status.FAILED
    assert "'seriel': there are " in wrong.detail
    assert "pip install circadia[meter]" in wrong.advice
    assert packages("serial") is None
    monkeypatch.setitem(NEEDED, "serial", {"serial": "pyserial", "no_such_module": "gone"})
    lacking = packages("serial")
    assert lacking is not None
    assert (lacking.status, lacking.detail) == (Status.FAILED, "serial needs gone")
    assert lacking.advice == "pip install circadia[meter]"


def test_no_port_is_told(tmp_path: Path) -> None:
    found = meter_port(SERIAL, tmp_path, tmp_path)
    assert found is not None
    assert (found.status, found.detail) == (Status.FAILED, "no USB serial port is there")
    named = meter_port(SerialConfig(port="/dev/ttyNONE"), tmp_path, tmp_path)
    assert named is not None
    assert named.status is Status.FAILED
    assert "/dev/ttyNONE is not there" in named.detail


def test_ports_are_named_once_and_the_first_is_taken(tmp_path: Path) -> None:
    usb = put(tmp_path / "ttyUSB0")
    put(tmp_path / "ttyS0")
    (tmp_path / "serial/by-id").mkdir(parents=True)
    (tmp_path / "serial/by-id/usb-meter").symlink_to(usb)
    one = meter_port(SERIAL, tmp_path, tmp_path)
    assert one is not None
    assert one.status is Status.OK
    assert one.detail == f"{tmp_path}/serial/by-id/usb-meter may be opened (it was not)"
    assert one.advice == ""
    put(tmp_path / "ttyACM0")
    two = meter_port(SERIAL, tmp_path, tmp_path)
    assert two is not None
    assert f"also there: {tmp_path}/ttyACM0" in two.detail
    assert "the first is taken" in two.advice


def test_a_port_that_is_not_permitted_names_its_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = put(tmp_path / "ttyUSB0")
    monkeypatch.setattr("circadia_meter.diagnosis.os.access", lambda *_: False)
    found = meter_port(SERIAL, tmp_path, tmp_path)
    assert found is not None
    assert (found.status, found.detail) == (Status.FAILED, f"{port} is not permitted")
    assert found.advice == f"sudo usermod -aG {port.group()} $USER, and log in again"


def test_nothing_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ttyUSB0")  # whoever opens it waits for ever
    found = meter_port(SERIAL, tmp_path, tmp_path)
    assert found is not None
    assert found.status is Status.OK


def test_chips_that_measure_power_are_named(tmp_path: Path) -> None:
    put(tmp_path / "class/hwmon/hwmon0/name", "nvme\n")
    wanted = HwmonConfig()
    none = meter_port(wanted, tmp_path, tmp_path)
    assert none is not None
    assert none.status is Status.FAILED
    assert "there are none" in none.detail
    put(tmp_path / "class/hwmon/hwmon1/name", "ina219\n")
    put(tmp_path / "class/hwmon/hwmon1/in1_input", "5000\n")
    put(tmp_path / "class/hwmon/hwmon1/curr1_input", "100\n")
    one = meter_port(wanted, tmp_path, tmp_path)
    assert one is not None
    assert (one.status, one.detail) == (Status.OK, "ina219")
    other = meter_port(HwmonConfig(port="ina3221"), tmp_path, tmp_path)
    assert other is not None
    assert "no chip 'ina3221' that measures power; there are ina219" in other.detail
    assert meter_port(PowerSupplyConfig(), tmp_path, tmp_path) is None


def test_missing_programs_come_with_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = put(tmp_path / "sim_avr.h")
    monkeypatch.setattr("circadia_lab.meter.diagnosis.shutil.which", lambda name: f"/usr/bin/{name}")
    assert firmware_programs(header).status is Status.OK
    assert "apt-get install libsimavr-dev" in firmware_programs(tmp_path / "gone.h").advice
    monkeypatch.setattr(
        "circadia_lab.meter.diagnosis.shutil.which", lambda name: None if name == "avrdude" else name
    )
    found = firmware_programs(header)
    assert (found.status, found.detail) == (Status.ABSENT, "avrdude missing")
    assert found.advice.endswith("apt-get install avrdude")


def test_the_doctor_asks_for_the_meter(tmp_path: Path) -> None:
    config = DeviceConfig(meter=SERIAL)
    named = {finding.name: finding for finding in diagnosis.diagnose(config, tmp_path, tmp_path)}
    assert named["meter"].status is Status.OK
    assert named["meter port"].status is Status.FAILED
    assert "meter firmware" in named
    assert "meter port" not in {
        finding.name for finding in diagnosis.diagnose(DeviceConfig(), tmp_path, tmp_path)
    }
