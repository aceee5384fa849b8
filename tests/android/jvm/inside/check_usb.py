"""A meter on a fake of Android's USB host, whose other end is the firmware on a simulated board."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, MeterError, SensorError
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import SystemClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.plugs import METERS, MeterContext
from circadia_app.usb_lines import UsbLines
from circadia_app.usb_meter import UsbConfig, measuring
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import LiveBoard, SimulatedBoard
from circadia_meter.line import BAUD
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia_app.jvm import Jvm

ACM, VENDORS_OWN = [2, 10], [255]
UNO = 0x2341, 0x0043
BUS = "/dev/bus/usb/001/00"
WATTS = 2.0

needs_simulator = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)


@pytest.fixture
def usb(jvm: Jvm) -> Iterator[Any]:
    from jnius import autoclass

    made = autoclass("org.circadia.fake.Usb")
    made.reset()
    yield made
    made.reset()
    UsbLines(jvm).devices()  # nothing is plugged in: nobody has been asked


@pytest.fixture
def board() -> Iterator[LiveBoard]:
    live = LiveBoard(
        SimulatedBoard(firmware.build_simulator(), firmware.build()), lambda _t_s: (WATTS / 5, 5.0)
    )
    live.start()
    yield live
    live.close()


class Quick(UsbLines):
    """Looks more often than a phone should."""

    look_again_s = 0.05


@contextmanager
def metered(jvm: Jvm, told: Callable[[bool], None] = lambda _open: None) -> Iterator[SerialMeter]:
    meter = SerialMeter(
        clock=SystemClock(), session=MeterSession(shunt_ohm=0.01), lines=Quick(jvm, told=told)
    )
    meter.start(patient=True)
    try:
        yield meter
    finally:
        meter.close()


def events(usb: Any) -> list[str]:
    return [event for event in str(usb.told()).split("; ") if event]


def until(true: Callable[[], object], within_s: float = 20.0) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.01)


@needs_simulator
def test_a_meter_gives_joules_once_it_is_allowed(usb: Any, board: LiveBoard, jvm: Jvm, phone: Any) -> None:
    usb.plug(f"{BUS}2", *UNO, ACM, board.port)
    told: list[bool] = []
    before = phone.threads()
    with metered(jvm, told.append) as meter:
        until(lambda: events(usb))
        time.sleep(0.3)
        assert events(usb) == [f"asked for {BUS}2"], "once, and it is not opened before"
        usb.grant(f"{BUS}2")
        until(lambda: meter.connected)
        assert told == [True]
        start_s = SystemClock().now_s() + 0.5
        until(lambda: meter.read(start_s, start_s + 1))
        reading = meter.read(start_s, start_s + 1)
        assert reading is not None
        assert reading.energy_j == pytest.approx(WATTS, abs=reading.bound_j + 2e-3)
        assert meter.session.counts.dropped == meter.session.counts.corrupt == 0
    assert told == [True, False]
    assert events(usb)[1:] == [
        "opened",
        f"{BAUD} baud, stop 0, parity 0, bits 8 to 0",
        "lines 2 to 0",
        "closed with 0 claimed",
    ]
    until(lambda: phone.threads() == before)


@needs_simulator
def test_one_that_was_unplugged_goes_on(
    usb: Any, board: LiveBoard, jvm: Jvm, caplog: pytest.LogCaptureFixture
) -> None:
    usb.plug(f"{BUS}2", *UNO, ACM, board.port)
    usb.grant(f"{BUS}2")
    told: list[bool] = []
    with metered(jvm, told.append) as meter:
        until(lambda: meter.connected)
        usb.unplug(f"{BUS}2")
        board.unplug()
        until(lambda: not meter.connected)
        assert told == [True, False]
        assert f"{BUS}2: has gone" in caplog.text
        assert "unplugged" in caplog.text
        until(lambda: "plug the meter in" in caplog.text)
        usb.plug(f"{BUS}3", *UNO, ACM, board.plug())
        until(lambda: f"asked for {BUS}3" in events(usb))
        usb.grant(f"{BUS}3")
        until(lambda: meter.connected)
        samples = meter.session.counts.samples
        until(lambda: meter.session.counts.samples > samples + 100)
        assert meter.session.counts.connections == 2
        assert meter.session.counts.boots == 1, "the board has measured on"
    assert told == [True, False, True, False]


@pytest.mark.parametrize(
    ("device", "classes", "why"),
    [
        (None, ACM, "nothing is plugged into"),
        ((0x1A86, 0x7523), VENDORS_OWN, r"1a86:7523 \(a CH340\) on USB does not speak .* CDC-ACM"),
        ((0x0403, 0x6001), VENDORS_OWN, r"0403:6001 \(an FTDI\)"),
        ((0x10C4, 0xEA60), VENDORS_OWN, r"10c4:ea60 \(a CP210x\)"),
        ((0x046D, 0xC31C), [3], "046d:c31c on USB does not speak"),
        ((0x2341, 0x0043), [2], "2341:0043 on USB does not speak"),
        (UNO, ACM, "2341:0043 on USB may not be used yet"),
    ],
)
def test_why_there_is_no_meter(
    usb: Any, jvm: Jvm, device: tuple[int, int] | None, classes: list[int], why: str
) -> None:
    if device is not None:
        usb.plug(f"{BUS}2", *device, classes, "/dev/null")
    for _ in range(2):
        with pytest.raises(MeterError, match=why):
            UsbLines(jvm).candidates()
    assert len(events(usb)) == (device == UNO and classes == ACM), "others are not asked for, nobody twice"


def test_who_was_refused_is_asked_again_once_it_was_plugged_in_anew(usb: Any, jvm: Jvm) -> None:
    lines = UsbLines(jvm)
    for _ in range(2):
        usb.plug(f"{BUS}2", *UNO, ACM, "/dev/null")
        with pytest.raises(MeterError, match="to be asked again"):
            lines.candidates()
        usb.unplug(f"{BUS}2")
        with pytest.raises(MeterError, match="nothing is plugged"):
            lines.candidates()
    assert events(usb) == [f"asked for {BUS}2"] * 2


def test_a_line_that_cannot_be_opened_is_let_go_of(usb: Any, jvm: Jvm) -> None:
    lines = UsbLines(jvm)
    with pytest.raises(MeterError, match=r"cannot be opened .*unplugged"):
        lines.open(f"{BUS}2")
    usb.plug(f"{BUS}2", *UNO, ACM, "/dev/null")
    with pytest.raises(MeterError, match=r"cannot be opened .*permission"):
        lines.open(f"{BUS}2")
    usb.grant(f"{BUS}2")
    usb.busy = True
    with pytest.raises(MeterError, match="another app uses it"):
        lines.open(f"{BUS}2")
    assert events(usb)[0] == "opened"
    assert events(usb)[1].startswith("closed")


def test_a_closed_line_says_so(usb: Any, jvm: Jvm) -> None:
    usb.plug(f"{BUS}2", *UNO, ACM, "/dev/zero")
    usb.grant(f"{BUS}2")
    line = UsbLines(jvm).open(f"{BUS}2")
    line.close()
    line.close()
    for use in (line.read, lambda: line.write(b"x")):
        with pytest.raises(MeterError, match="it is not open"):
            use()
    assert events(usb)[-1] == "closed with 0 claimed"


def test_a_phone_that_is_no_host(usb: Any, phone: Any, at_level: Callable[[int], Jvm]) -> None:
    lines = UsbLines(at_level(24))
    phone.absent = "usb"
    with pytest.raises(SensorError, match="cannot be a USB host"):
        lines.candidates()
    assert not events(usb)


def test_the_kind_of_meter(usb: Any, jvm: Jvm) -> None:
    """The agent begins without it, and warns."""
    assert METERS.find("android-usb").plug.shy
    with pytest.raises(ConfigError, match="rate_hz"):
        UsbConfig(rate_hz=0)
    profile = shipped_profile("pixel-3")
    body = SimulatedPlatform(profile, scenario_for(profile), seed=0)
    context = MeterContext(profile=profile, clock=SystemClock(), platform=body)
    with pytest.raises(ConfigError, match="device_id"):
        measuring(UsbConfig(device_id="x"), context, jvm, lambda _open: None)
    meter = measuring(UsbConfig(), context, jvm, lambda _open: None)
    now_s = SystemClock().now_s()
    assert meter.read(now_s, now_s) is None
    assert meter.about()["meter"]
    meter.close()
    assert not events(usb)
