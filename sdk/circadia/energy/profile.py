"""The device profile: what each load draws, how long each unit of work takes, and what the battery holds.

Every number of a profile comes with its uncertainty, one standard deviation in the same unit, and with its source. The
simulator, the lab and the calibration share it; `profile_file` reads and writes it.
"""

# ruff: noqa: RUF009 -- the functions called in the dataclasses' bodies wrap `field()`
from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from circadia.types import Action, ClockLevel, Load, WakeOn

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number, how far it may be off, and who says so."""

    value: float
    uncertainty: float
    """One standard deviation, in the unit of `value`."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A quantity over the state of charge, linear between its points."""

    soc: tuple[float, ...]
    """Rises from 0 to 1."""
    value: tuple[float, ...]
    uncertainty: float
    """One standard deviation, the same at every point."""
    source: str


def _quantity(doc: str, unit: str, low: float, high: float) -> Any:
    return field(metadata={"doc": doc, "unit": unit, "low": low, "high": high})


def _optional(doc: str, unit: str, low: float, high: float) -> Any:
    return field(default=None, metadata={"doc": doc, "unit": unit, "low": low, "high": high})


def _watts(doc: str) -> Any:
    return _quantity(doc, "W", 0, 1000)


def _seconds(doc: str) -> Any:
    return _quantity(doc, "s", 0, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Power of the whole device under each load, as it leaves the battery; one entry for each `Load`."""

    deep_sleep_w: Quantity = _watts("suspended, or cut from the battery by a timer that wakes it")
    awake_w: Quantity = _watts("awake and idle")
    wake_up_w: Quantity = _watts("on the way from deep sleep to work")
    serve_low_w: Quantity = _watts("answering requests at the low clock")
    serve_high_w: Quantity = _watts("answering requests at the high clock")
    train_low_w: Quantity = _watts("training at the low clock")
    train_high_w: Quantity = _watts("training at the high clock")
    radio_w: Quantity = _watts("connecting, sending and receiving")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How long each unit of work takes."""

    train_step_low_s: Quantity = _seconds("one training step of the reference model, low clock")
    train_step_high_s: Quantity = _seconds("one training step of the reference model, high clock")
    serve_request_low_s: Quantity = _seconds("one invocation of the reference model, low clock")
    serve_request_high_s: Quantity = _seconds("one invocation of the reference model, high clock")
    serve_batch_overhead_s: Quantity = _seconds("once for every SERVE action that answers something")
    wake_up_s: Quantity = _seconds("from deep sleep until work can begin")
    radio_setup_s: Quantity = _seconds("connecting, once for every exchange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The network whose work [duration] tells, and what it takes to tell another's from it (`circadia.energy.work`)."""

    train_step_macs: Quantity = _quantity("multiply-accumulates of its training step", "1", 1, 1e18)
    serve_request_macs: Quantity = _quantity("multiply-accumulates of its invocation", "1", 1, 1e18)
    train_step_bytes: Quantity | None = _optional("what its training step reads and writes", "B", 0, 1e15)
    serve_request_bytes: Quantity | None = _optional("what its invocation reads and writes", "B", 0, 1e15)
    train_step_operators: Quantity | None = _optional("that its training step runs", "1", 0, 1e9)
    serve_request_operators: Quantity | None = _optional("that its invocation runs", "1", 0, 1e9)
    answers: Quantity | None = _optional("that one invocation gives at most; absent: one", "1", 1, 1e6)
    operator_s: Quantity | None = _optional("to begin any operator of any network, high clock", "s", 0, 1)
    memory_bytes_per_s: Quantity | None = _optional(
        "that a network reads and writes, high clock", "B/s", 1, 1e13
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What the links carry."""

    free_bytes_per_s: Quantity = _quantity("on an unmetered link", "B/s", 1, 1e9)
    metered_bytes_per_s: Quantity = _quantity("on a metered link", "B/s", 1, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The battery. Exactly one of the capacities."""

    open_circuit_v: Curve = _quantity("voltage without load", "V", 0.5, 100)
    internal_resistance_ohm: Quantity = _quantity("drop of the terminal voltage per ampere", "Ω", 0, 100)
    charge_efficiency: Quantity = _quantity("share of the incoming energy that the cell keeps", "1", 0.01, 1)
    capacity_c: Quantity | None = _optional("charge from full to empty", "C", 1, 1e8)
    capacity_wh: Quantity | None = _optional("energy from full to empty", "Wh", 1e-3, 1e5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charger:
    """Mains, now and then."""

    charge_w: Quantity = _watts("drawn from the charger while plugged in")


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """A solar panel."""

    panel_w: Quantity = _watts("peak power at 1,000 W/m²")
    derating: Quantity = _quantity("share of it left after tilt, dirt, heat and conversion", "1", 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermal:
    """One lump of heat between the processor and the air."""

    resistance_k_per_w: Quantity = _quantity("rise over the ambient per watt", "K/W", 1e-3, 1000)
    capacity_j_per_k: Quantity = _quantity("heat stored per kelvin", "J/K", 1e-3, 1e6)
    limit_c: Quantity = _quantity("never to be exceeded by our work", "°C", 30, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What somebody's use of the device changes."""

    active_w: Quantity = _watts("drawn by screen and applications while in use; not the agent's")
    co_running_saving: Quantity = _quantity("share of training energy saved while in use", "1", 0, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What the body is while it sleeps, and what may wake it."""

    off: bool = False
    """It cuts its own power: every wake boots it."""
    wakes_on: frozenset[WakeOn] = frozenset(WakeOn)
    """The sleeps that it can do. One that is off can be woken by its timer alone, unless the profile says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfile:
    """One class of devices, with `charger` or `harvest` or both."""

    name: str
    description: str
    can_deep_sleep: bool
    """False for a device that stays awake between ticks; it never wakes up either."""
    clocks: tuple[ClockLevel, ...]
    """The clock levels that an action may ask for."""
    power: Power
    duration: Duration
    link: Throughput
    battery: Cell
    thermal: Thermal
    user: User
    charger: Charger | None = None
    harvest: Harvest | None = None
    work: Reference | None = None
    """None in a profile of before that was told: then its durations are nobody's but the reference model's."""
    sleep: Rest = Rest()

    def can(self, action: Action) -> bool:
        """Whether such a device is able to run that action at all."""
        return not action.works or action.clock in self.clocks

    def power_w(self, load: Load) -> float:
        """What the whole device draws under that load."""
        quantity: Quantity = getattr(self.power, f"{load.name.lower()}_w")
        return quantity.value

    @property
    def answers(self) -> int:
        """That one invocation gives at most."""
        return 1 if self.work is None or self.work.answers is None else int(self.work.answers.value)

    @property
    def wake_up_j(self) -> float:
        """From sleep until work can begin; 0 for a body that stays awake."""
        return self.power.wake_up_w.value * self.duration.wake_up_s.value * self.can_deep_sleep

    @property
    def radio_session_j(self) -> float:
        """Connecting, once for every exchange, whatever is sent."""
        return self.power.radio_w.value * self.duration.radio_setup_s.value

    @property
    def sleep_w(self) -> float:
        """Between two wakes."""
        return self.power_w(Load.DEEP_SLEEP if self.can_deep_sleep else Load.AWAKE)

    @property
    def training_step_j(self) -> float:
        """One step of training at the low clock."""
        return self.power.train_low_w.value * self.duration.train_step_low_s.value

    @property
    def capacity_j(self) -> float:
        """Energy from full to empty: the charge times the mean open-circuit voltage."""
        cell = self.battery
        if cell.capacity_wh is not None:
            return cell.capacity_wh.value * 3600
        return cell.capacity_c.value * mean_voltage_v(cell.open_circuit_v) if cell.capacity_c else 0.0

    def thermal_rise_k_per_w(self, duration_s: float) -> float:
        """How far one more watt for that long warms a body that was in equilibrium: R · (1 − exp(−t / RC))."""
        r, c = self.thermal.resistance_k_per_w.value, self.thermal.capacity_j_per_k.value
        return -r * math.expm1(-duration_s / (r * c))


def mean_voltage_v(curve: Curve) -> float:
    """∫₀¹ U dq over the state of charge q."""
    points = list(zip(curve.soc, curve.value, strict=True))
    return sum((q1 - q0) * (v0 + v1) / 2 for (q0, v0), (q1, v1) in pairwise(points))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileField:
    """One key of the schema, for the documentation and for error messages."""

    key: str
    unit: str
    low: float
    high: float
    required: bool
    doc: str


SECTIONS: dict[str, type[Any]] = {
    "power": Power,
    "duration": Duration,
    "work": Reference,
    "link": Throughput,
    "battery": Cell,
    "charger": Charger,
    "harvest": Harvest,
    "thermal": Thermal,
    "user": User,
}
"""The sections of a profile that hold numbers, in the order of the file; [sleep] holds none."""
SOURCES_OF_ENERGY = ("charger", "harvest")
"""The sections of which a profile may leave one out."""
OPTIONAL = (*SOURCES_OF_ENERGY, "work")
"""Those that may be absent."""


def profile_fields() -> tuple[ProfileField, ...]:
    """Every number of the schema, in the order of the file."""
    return tuple(
        ProfileField(
            key=f"{section}.{f.name}",
            unit=f.metadata["unit"],
            low=f.metadata["low"],
            high=f.metadata["high"],
            required=section not in OPTIONAL and not is_optional(kind, f.name),
            doc=f.metadata["doc"],
        )
        for section, kind in SECTIONS.items()
        for f in fields(kind)
    )


def quantities(profile: DeviceProfile) -> dict[str, Quantity]:
    """Every single number of the profile by its dotted key, for example `power.train_high_w`."""
    found = {}
    for section, value in sections(profile):
        for f in fields(value):
            entry = getattr(value, f.name)
            if isinstance(entry, Quantity):
                found[f"{section}.{f.name}"] = entry
    return found


def sections(profile: DeviceProfile) -> Iterator[tuple[str, Any]]:
    """The sections that this profile has, by name."""
    for section in SECTIONS:
        value = getattr(profile, section)
        if is_dataclass(value):
            yield section, value


def is_optional(kind: type[Any], name: str) -> bool:
    """Whether a section of that kind may leave the entry out."""
    return type(None) in get_args(get_type_hints(kind)[name])
