"""The kinds of meter that come with this package, the keys of [meter] that each has, and how each is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.plugs import MeterConfig, MeterPlug
from circadia.ranges import positive
from circadia_meter import kernel_sensors
from circadia_meter.sampled_meter import SampledMeter

if TYPE_CHECKING:
    from circadia.plugs import MeterContext
    from circadia_meter.recorded_meter import RecordedMeter
    from circadia_meter.serial_meter import SerialMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialConfig(MeterConfig):
    """[meter] of a Circadia meter on a serial port."""

    kind: str = "serial"
    port: str = "auto"
    """Its path, or behind any USB port."""
    device_id: str = ""
    """Refuse others; eight hexadecimal digits."""
    rate_hz: float = 1000.0
    """Samples a second; an ATmega328P with an INA226 takes 2,907 at most."""
    shunt_ohm: float | None = None
    """Instead of what the meter keeps."""
    samples: str = ""
    """A folder that keeps every sample, a recording for each start; empty: none are kept."""

    def __post_init__(self) -> None:
        positive("meter", rate_hz=self.rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class HwmonConfig(MeterConfig):
    """[meter] of a sensor chip that the kernel knows."""

    kind: str = "hwmon"
    port: str = "auto"
    """The chip's name or folder; `auto`: the first that measures power."""
    rate_hz: float = 1000.0
    """Looks a second, at most as often as the chip has new values."""

    def __post_init__(self) -> None:
        positive("meter", rate_hz=self.rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSupplyConfig(MeterConfig):
    """[meter] of the device's own battery."""

    kind: str = "power-supply"
    rate_hz: float = 1000.0
    """Looks a second, at most as often as a battery's gauge has new values."""

    def __post_init__(self) -> None:
        positive("meter", rate_hz=self.rate_hz)


def serial(config: SerialConfig, context: MeterContext) -> SerialMeter | RecordedMeter:
    """A Circadia meter on a serial port."""
    from circadia_meter.recorded_meter import RecordedMeter
    from circadia_meter.serial_meter import SerialMeter
    from circadia_meter.session import MeterSession

    session = MeterSession(
        period_us=round(1e6 / config.rate_hz),
        shunt_ohm=config.shunt_ohm,
        device_id=device_id_of(config.device_id),
    )
    meter: SerialMeter | RecordedMeter
    if config.samples:
        about = {"port": config.port, "rate_hz": config.rate_hz, "shunt_ohm": config.shunt_ohm}
        meter = RecordedMeter(
            clock=context.clock, port=config.port, session=session, folder=Path(config.samples), about=about
        )
    else:
        meter = SerialMeter(clock=context.clock, port=config.port, session=session)
    meter.start()
    return meter


def device_id_of(text: str) -> int | None:
    """Of [meter] device_id; empty: any. `ConfigError` for what is no number of eight hexadecimal digits."""
    try:
        return int(text, 16) if text else None
    except ValueError as error:
        raise ConfigError(
            f"meter.device_id is {text!r}; it is eight hexadecimal digits, as `circadia meter probe` shows"
        ) from error


def hwmon(config: HwmonConfig, context: MeterContext) -> SampledMeter:
    """A sensor chip that the kernel knows, for example an INA219 by ina2xx."""
    chip = kernel_sensors.hwmon_chip(config.port)
    meter = SampledMeter(
        kernel_sensors.hwmon_look(chip),
        clock=context.clock,
        period_s=max(1 / config.rate_hz, kernel_sensors.hwmon_interval_s(chip)),
        step_w=kernel_sensors.hwmon_step_w(chip),
        name=str(chip),
    )
    meter.start()
    return meter


def power_supply(config: PowerSupplyConfig, context: MeterContext) -> SampledMeter:
    """The device's own battery: coarse and slow, but always there."""
    supply = kernel_sensors.battery_supply()
    meter = SampledMeter(
        kernel_sensors.battery_look(supply),
        clock=context.clock,
        period_s=max(1 / config.rate_hz, kernel_sensors.FASTEST_BATTERY_S),
        step_w=0.01,
        name=str(supply),
    )
    meter.start()
    return meter


SERIAL = MeterPlug(config=SerialConfig, build=serial, shy=True)
HWMON = MeterPlug(config=HwmonConfig, build=hwmon, shy=True)
POWER_SUPPLY = MeterPlug(config=PowerSupplyConfig, build=power_supply, shy=True)
