"""Meters by name, for a device's configuration: from its [meter] and its clock to an `EnergyMeter` that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia_meter import kernel_sensors
from circadia_meter.sampled_meter import SampledMeter

if TYPE_CHECKING:
    from circadia.config import MeterConfig
    from circadia.ports import Clock
    from circadia_meter.recorded_meter import RecordedMeter
    from circadia_meter.serial_meter import SerialMeter


def serial(config: MeterConfig, clock: Clock) -> SerialMeter | RecordedMeter:
    """A Circadia meter on a serial port."""
    from circadia_meter.recorded_meter import RecordedMeter
    from circadia_meter.serial_meter import SerialMeter
    from circadia_meter.session import MeterSession

    session = MeterSession(
        period_us=round(1e6 / config.rate_hz),
        shunt_ohm=config.shunt_ohm,
        device_id=_device_id(config.device_id),
    )
    meter: SerialMeter | RecordedMeter
    if config.samples:
        about = {"port": config.port, "rate_hz": config.rate_hz, "shunt_ohm": config.shunt_ohm}
        meter = RecordedMeter(
            clock=clock, port=config.port, session=session, folder=Path(config.samples), about=about
        )
    else:
        meter = SerialMeter(clock=clock, port=config.port, session=session)
    meter.start()
    return meter


def _device_id(text: str) -> int | None:
    try:
        return int(text, 16) if text else None
    except ValueError as error:
        raise ConfigError(
            f"meter.device_id is {text!r}; it is eight hexadecimal digits, as `circadia meter probe` shows"
        ) from error


def hwmon(config: MeterConfig, clock: Clock) -> SampledMeter:
    """A sensor chip that the kernel knows, for example an INA219 by ina2xx."""
    chip = kernel_sensors.hwmon_chip(config.port)
    meter = SampledMeter(
        kernel_sensors.hwmon_look(chip),
        clock=clock,
        period_s=max(1 / config.rate_hz, kernel_sensors.hwmon_interval_s(chip)),
        step_w=kernel_sensors.hwmon_step_w(chip),
        name=str(chip),
    )
    meter.start()
    return meter


def power_supply(config: MeterConfig, clock: Clock) -> SampledMeter:
    """The device's own battery: coarse and slow, but always there."""
    supply = kernel_sensors.battery_supply()
    meter = SampledMeter(
        kernel_sensors.battery_look(supply),
        clock=clock,
        period_s=max(1 / config.rate_hz, kernel_sensors.FASTEST_BATTERY_S),
        step_w=0.01,
        name=str(supply),
    )
    meter.start()
    return meter
