"""Serial lines over a phone's USB: what carries a meter's bytes where there are no serial ports.

Of USB's own class for them, CDC-ACM, which an Arduino Uno's ATmega16U2 speaks. Adapters with a
protocol of their makers' are named and not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import MeterError, SensorError
from circadia_meter.line import BAUD, READ_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.jvm import Jvm

SERIAL = "org.circadia.android.UsbSerial"
FIELDS = 5
"""Texts a device has there."""
MAKERS = {"0403": "an FTDI", "067b": "a PL2303", "10c4": "a CP210x", "1a86": "a CH340"}
"""By vendor: whose adapters usually speak a protocol of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One that is plugged in."""

    name: str
    """The system's, until it is unplugged."""
    vendor: str
    product: str
    """Four hexadecimal digits each."""
    acm: bool
    granted: bool
    """Whether the person lets this app use it."""

    def __str__(self) -> str:
        return f"{self.vendor}:{self.product}"


class UsbLines:
    """`circadia_meter.line.Lines`, for one thread. It asks the person for each device that could be a meter, once until it is unplugged."""

    look_again_s = 2.0

    def __init__(self, jvm: Jvm, *, told: Callable[[bool], None] = lambda _open: None) -> None:
        """`told` hears that a line was opened or closed; `PlatformUnavailable` where the app was built without UsbSerial."""
        self._devices, self._ask = jvm.own(SERIAL, "devices"), jvm.own(SERIAL, "ask")
        self._jvm, self._told = jvm, told

    def devices(self) -> list[UsbDevice]:
        """What is plugged in. `SensorError` where the phone cannot be a USB host."""
        told = list(self._devices())
        rows = [told[at : at + FIELDS] for at in range(0, len(told), FIELDS)]
        return [
            UsbDevice(name=name, vendor=vendor, product=product, acm=bool(acm), granted=bool(granted))
            for name, vendor, product, acm, granted in rows
        ]

    def candidates(self) -> list[str]:
        """As `Lines.candidates`: those that may be used."""
        there = self.devices()
        fitting = [device for device in there if device.acm]
        for device in fitting:
            if not device.granted:
                self._ask(device.name)
        usable = [device.name for device in fitting if device.granted]
        if not usable:
            raise MeterError(_why_none(there, fitting))
        return usable

    def open(self, name: str) -> UsbLine:
        """As `Lines.open`."""
        line = UsbLine(self._jvm, name, self._told)
        self._told(True)
        return line


class UsbLine:
    """`circadia_meter.line.Line`."""

    def __init__(self, jvm: Jvm, name: str, told: Callable[[bool], None]) -> None:
        """`MeterError` if it cannot be opened."""
        self._jvm, self._name, self._told = jvm, name, told
        self._open, self._read, self._write, self._close = (
            jvm.own(SERIAL, method) for method in ("open", "read", "write", "close")
        )
        self._wrap: Callable[[bytes], Any] = jvm.call(jvm.wrapping)
        self._most_ms = str(round(1000 * READ_TIMEOUT_S))
        self._closed = False
        try:
            self._open(name, str(BAUD))
        except SensorError as error:
            raise MeterError(f"cannot be opened ({error})") from error

    def read(self) -> bytes:
        """As `Line.read`."""
        try:
            # Copied while the thread is attached: it belongs to Java.
            return bytes(self._jvm.attached(lambda: self._read(self._name, self._most_ms).tostring()))
        except SensorError as error:
            raise MeterError(f"has gone ({error})") from error

    def write(self, data: bytes) -> None:
        """As `Line.write`."""
        try:
            self._jvm.attached(lambda: self._write(self._name, self._wrap(data)))
        except SensorError as error:
            raise MeterError(f"has gone ({error})") from error

    def close(self) -> None:
        """As `Line.close`."""
        if not self._closed:
            self._closed = True
            self._close(self._name)
            self._told(False)


def _why_none(there: list[UsbDevice], fitting: list[UsbDevice]) -> str:
    if fitting:
        return (
            f"{', '.join(map(str, fitting))} on USB may not be used yet; allow it when Android asks, and unplug it and plug it "
            "in to be asked again"
        )
    if there:
        told = ", ".join(
            f"{one} ({MAKERS[one.vendor]})" if one.vendor in MAKERS else str(one) for one in there
        )
        return (
            f"{told} on USB does not speak USB's own serial class, CDC-ACM, which is all that this app does; an Arduino Uno "
            "with its ATmega16U2 does"
        )
    return "nothing is plugged into this phone's USB; plug the meter in, by an adapter for USB hosts (OTG)"
