"""The device profile: what each load draws, how long each unit of work takes, and what the battery holds.

Every number of a profile stands in its TOML file as `{ value = …, uncertainty = …, source = "…" }`: one standard
deviation in the same unit, and where the figure comes from. The simulator, the lab and the calibration share it.
"""

# ruff: noqa: RUF009 -- the functions called in the dataclasses' bodies wrap `field()`
from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from circadia.errors import ConfigError
from circadia.types import Action, ClockLevel, Load, Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = "circadia.device-profile/1"
"""The first key of every profile; a change of meaning gets a new number."""

Section = TypeVar("Section")


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
    serve_request_low_s: Quantity = _seconds("one answer of the reference model, low clock")
    serve_request_high_s: Quantity = _seconds("one answer of the reference model, high clock")
    serve_batch_overhead_s: Quantity = _seconds("once for every SERVE action that answers something")
    wake_up_s: Quantity = _seconds("from deep sleep until work can begin")
    radio_setup_s: Quantity = _seconds("connecting, once for every exchange")


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
class DeviceProfile:
    """One class of devices. `charger` or `harvest` or both; load it with `load_profile` or `shipped_profile`."""

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

    def can(self, action: Action) -> bool:
        """Whether such a device is able to run that action at all."""
        return action.mode is Mode.SLEEP or action.clock in self.clocks

    def power_w(self, load: Load) -> float:
        """What the whole device draws under that load."""
        quantity: Quantity = getattr(self.power, f"{load.name.lower()}_w")
        return quantity.value

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


_PLAIN = {"format": str, "name": str, "description": str, "can_deep_sleep": bool, "clocks": list}
_SECTIONS: dict[str, type[Any]] = {
    "power": Power,
    "duration": Duration,
    "link": Throughput,
    "battery": Cell,
    "charger": Charger,
    "harvest": Harvest,
    "thermal": Thermal,
    "user": User,
}
_SOURCES_OF_ENERGY = ("charger", "harvest")


def profile_fields() -> tuple[ProfileField, ...]:
    """Every number of the schema, in the order of the file."""
    return tuple(
        ProfileField(
            key=f"{section}.{f.name}",
            unit=f.metadata["unit"],
            low=f.metadata["low"],
            high=f.metadata["high"],
            required=section not in _SOURCES_OF_ENERGY and not _is_optional(kind, f.name),
            doc=f.metadata["doc"],
        )
        for section, kind in _SECTIONS.items()
        for f in fields(kind)
    )


def load_profile(path: str | Path) -> DeviceProfile:
    """Read a profile's file; `ConfigError` names file, key and reason."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"device profile {path}: cannot be read: {error}") from error
    return parse_profile(text, str(path))


def shipped_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with the package."""
    folder = resources.files("circadia.energy") / "data"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def shipped_profile(name: str) -> DeviceProfile:
    """The profile of that name from the package; `ConfigError` if there is none."""
    if name not in shipped_profiles():
        raise ConfigError(f"unknown device profile {name!r}; there are {', '.join(shipped_profiles())}")
    file = resources.files("circadia.energy") / "data" / f"{name}.toml"
    return parse_profile(file.read_text(encoding="utf-8"), f"{name}.toml")


def parse_profile(text: str, where: str) -> DeviceProfile:
    """The profile in a TOML text; `where` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"device profile {where}: not valid TOML: {error}") from error
    return _Reader(where).profile(table)


def quantities(profile: DeviceProfile) -> dict[str, Quantity]:
    """Every single number of the profile by its dotted key, for example `power.train_high_w`."""
    found = {}
    for section, value in _sections(profile):
        for f in fields(value):
            entry = getattr(value, f.name)
            if isinstance(entry, Quantity):
                found[f"{section}.{f.name}"] = entry
    return found


def with_quantities(profile: DeviceProfile, changes: Mapping[str, Quantity]) -> DeviceProfile:
    """The same profile with some numbers replaced, as a calibration does; checked like a file."""
    known = quantities(profile)
    for key in changes:
        if key not in known:
            raise ConfigError(f"device profile {profile.name}: {key}: not in it{_nearest(key, known)}")
    changed = {}
    for section, value in _sections(profile):
        mine = {key.partition(".")[2]: q for key, q in changes.items() if key.startswith(f"{section}.")}
        changed[section] = replace(value, **mine)
    return parse_profile(dump_profile(replace(profile, **changed)), profile.name)


def dump_profile(profile: DeviceProfile) -> str:
    """The profile as TOML; `parse_profile` gives the same profile back."""
    lines = [
        f"format = {_quoted(FORMAT)}",
        f"name = {_quoted(profile.name)}",
        f"description = {_quoted(profile.description)}",
        f"can_deep_sleep = {str(profile.can_deep_sleep).lower()}",
        f"clocks = [{', '.join(_quoted(c.value) for c in profile.clocks)}]",
    ]
    for section, value in _sections(profile):
        lines += ["", f"[{section}]", *_entries(value)]
    return "\n".join(lines) + "\n"


def _sections(profile: DeviceProfile) -> Iterator[tuple[str, Any]]:
    for section in _SECTIONS:
        value = getattr(profile, section)
        if is_dataclass(value):
            yield section, value


def _entries(section: Any) -> Iterator[str]:
    for f in fields(section):
        entry = getattr(section, f.name)
        if entry is None:
            continue
        soc = f"soc = {list(entry.soc)!r}, " if isinstance(entry, Curve) else ""
        value = list(entry.value) if isinstance(entry, Curve) else entry.value
        tail = f"uncertainty = {entry.uncertainty!r}, source = {_quoted(entry.source)}"
        yield f"{f.name} = {{ {soc}value = {value!r}, {tail} }}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _nearest(key: str, known: Any) -> str:
    near = get_close_matches(key, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _is_optional(kind: type[Any], name: str) -> bool:
    return type(None) in get_args(get_type_hints(kind)[name])


def _is_curve(kind: type[Any], name: str) -> bool:
    return get_type_hints(kind)[name] is Curve


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns tables into values and knows which file to blame."""

    where: str

    def fail(self, key: str, reason: str) -> ConfigError:
        return ConfigError(f"device profile {self.where}: {key}: {reason}")

    def profile(self, table: Mapping[str, Any]) -> DeviceProfile:
        self._known(table, [*_PLAIN, *_SECTIONS], "")
        plain = {key: self._plain(table, key, kind) for key, kind in _PLAIN.items()}
        if plain.pop("format") != FORMAT:
            raise self.fail("format", f"this version reads {FORMAT!r}, not {table['format']!r}")
        plain["clocks"] = self._clocks(plain["clocks"])
        sections = {
            name: self._section(table, name, kind)
            for name, kind in _SECTIONS.items()
            if name in table or name not in _SOURCES_OF_ENERGY
        }
        profile = DeviceProfile(**plain, **sections)
        self._check(profile)
        return profile

    def _known(self, table: Mapping[str, Any], known: list[str], prefix: str) -> None:
        for key in table:
            if key not in known:
                raise self.fail(prefix + key, f"unknown key{_nearest(key, known)}")

    def _plain(self, table: Mapping[str, Any], key: str, kind: type[Any]) -> Any:
        if key not in table:
            raise self.fail(key, "missing")
        if not isinstance(table[key], kind):
            raise self.fail(key, f"must be a {kind.__name__}, not {table[key]!r}")
        return table[key]

    def _clocks(self, names: list[Any]) -> tuple[ClockLevel, ...]:
        levels = [level.value for level in ClockLevel]
        if not names or any(name not in levels for name in names):
            raise self.fail("clocks", f"must list some of {levels}, not {names!r}")
        return tuple(level for level in ClockLevel if level.value in names)

    def _section(self, table: Mapping[str, Any], name: str, kind: type[Section]) -> Section:
        if not isinstance(table.get(name), dict):
            raise self.fail(name, "this section is missing" if name not in table else "must be a section")
        section = table[name]
        rules = {f.name: f.metadata for f in fields(kind)}  # type: ignore[arg-type]
        self._known(section, list(rules), f"{name}.")
        for key in rules:
            if key not in section and not _is_optional(kind, key):
                raise self.fail(f"{name}.{key}", "missing")
        return kind(
            **{
                key: self._entry(f"{name}.{key}", section[key], rule, curve=_is_curve(kind, key))
                for key, rule in rules.items()
                if key in section
            }
        )

    def _entry(self, key: str, entry: Any, rule: Mapping[str, Any], *, curve: bool) -> Quantity | Curve:
        if not isinstance(entry, dict):
            raise self.fail(key, f"must be {{ value, uncertainty, source }}, not {entry!r}")
        wanted = ["value", "uncertainty", "source"] + (["soc"] if curve else [])
        self._known(entry, wanted, f"{key}.")
        for part in wanted:
            if part not in entry:
                raise self.fail(key, f"has no {part}")
        if not isinstance(entry["source"], str) or not entry["source"].strip():
            raise self.fail(
                key, "its source is empty: say where the number comes from, or that it is an estimate"
            )
        uncertainty = self._number(f"{key}.uncertainty", entry["uncertainty"], 0, math.inf, rule["unit"])
        if curve:
            return self._curve(key, entry, rule, uncertainty)
        value = self._number(key, entry["value"], rule["low"], rule["high"], rule["unit"])
        return Quantity(value=value, uncertainty=uncertainty, source=entry["source"])

    def _curve(self, key: str, entry: Any, rule: Mapping[str, Any], uncertainty: float) -> Curve:
        for part in ("soc", "value"):
            if not isinstance(entry[part], list):
                raise self.fail(f"{key}.{part}", "must be a list of numbers")
        soc = tuple(self._number(f"{key}.soc", x, 0, 1, "1") for x in entry["soc"])
        value = tuple(
            self._number(f"{key}.value", x, rule["low"], rule["high"], rule["unit"]) for x in entry["value"]
        )
        if len(soc) < 2 or len(soc) != len(value):
            raise self.fail(key, f"needs two points or more, has {len(soc)} soc and {len(value)} values")
        if soc[0] != 0 or soc[-1] != 1 or any(a >= b for a, b in pairwise(soc)):
            raise self.fail(f"{key}.soc", f"must rise from 0 to 1, not {list(soc)}")
        if any(a > b for a, b in pairwise(value)):
            raise self.fail(f"{key}.value", "a cell's voltage does not fall while it is charged")
        return Curve(soc=soc, value=value, uncertainty=uncertainty, source=entry["source"])

    def _number(self, key: str, value: Any, low: float, high: float, unit: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self.fail(key, f"must be a number, not {value!r}")
        if not low <= value <= high:
            raise self.fail(key, f"{value!r} {unit} is out of range: {low:g} to {high:g} {unit}")
        return float(value)

    def _check(self, profile: DeviceProfile) -> None:
        cell = profile.battery
        if (cell.capacity_c is None) == (cell.capacity_wh is None):
            raise self.fail("battery", "needs exactly one of capacity_c and capacity_wh")
        if profile.charger is None and profile.harvest is None:
            raise self.fail("charger", "nothing charges this battery: add [charger] or [harvest]")
        if profile.power.deep_sleep_w.value > profile.power.awake_w.value:
            raise self.fail("power.deep_sleep_w", "deep sleep draws more than being awake")
        for work in ("train_step", "serve_request"):
            slow, fast = (getattr(profile.duration, f"{work}_{clock}_s").value for clock in ("low", "high"))
            if slow < fast:
                raise self.fail(f"duration.{work}_low_s", f"{slow:g} s beats the high clock's {fast:g} s")
