"""The kind of meter `android-usb`: a Circadia meter on a phone's USB, for the service of the type `connectedDevice`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.plugs import MeterConfig, MeterPlug
from circadia.ranges import positive
from circadia_app.android_host import SERVICE
from circadia_app.usb_lines import UsbLines
from circadia_meter.meters import device_id_of
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.plugs import MeterContext
    from circadia_app.jvm import Jvm


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbConfig(MeterConfig):
    """[meter] of a Circadia meter on a phone's USB."""

    kind: str = "android-usb"
    device_id: str = ""
    """Refuse others; eight hexadecimal digits."""
    rate_hz: float = 1000.0
    """Samples a second; an ATmega328P with an INA226 takes 2,907 at most."""
    shunt_ohm: float | None = None
    """Instead of what the meter keeps."""

    def __post_init__(self) -> None:
        positive("meter", rate_hz=self.rate_hz)


def usb(config: UsbConfig, context: MeterContext) -> SerialMeter:
    """It runs, whether the meter is plugged in already or not: until then joules are not known, and a warning says why."""
    from circadia_app.jvm import here

    java = here()
    return measuring(config, context, java, service_type(java))


def measuring(
    config: UsbConfig, context: MeterContext, java: Jvm, told: Callable[[bool], None]
) -> SerialMeter:
    """The same of a Java; `told` as of `UsbLines`."""
    session = MeterSession(
        period_us=round(1e6 / config.rate_hz),
        shunt_ohm=config.shunt_ohm,
        device_id=device_id_of(config.device_id),
    )
    meter = SerialMeter(clock=context.clock, session=session, lines=UsbLines(java, told=told))
    meter.start(patient=True)
    return meter


def service_type(java: Jvm) -> Callable[[bool], None]:
    """Tells the service: with a meter that it may use it is of the type `connectedDevice`, and may not be without."""
    meter = java.own(SERVICE, "meter")

    def told(attached: bool) -> None:
        meter(str(attached).lower())

    return told


USB = MeterPlug(config=UsbConfig, build=usb, shy=True)
