"""Device profiles as TOML files: those that come with the package, and anybody's own.

Every number stands in the file as `{ value = …, uncertainty = …, source = "…" }`; what may stand there, and in which
range, is in `profile`. Unknown keys are errors.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from circadia.energy.profile import (
    OPTIONAL,
    SECTIONS,
    Curve,
    DeviceProfile,
    Quantity,
    Rest,
    is_optional,
    quantities,
    sections,
)
from circadia.errors import ConfigError
from circadia.types import ClockLevel, WakeOn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = "circadia.device-profile/1"
"""The first key of every profile; a change of meaning gets a new number."""

Section = TypeVar("Section")

_PLAIN = {"format": str, "name": str, "description": str, "can_deep_sleep": bool, "clocks": list}


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


def with_quantities(profile: DeviceProfile, changes: Mapping[str, Quantity]) -> DeviceProfile:
    """The same profile with some numbers replaced, as a calibration does; checked like a file."""
    known = {*quantities(profile), *_absent(profile)}
    for key in changes:
        if key not in known:
            raise ConfigError(f"device profile {profile.name}: {key}: not in it{_nearest(key, known)}")
    changed = {}
    for section, value in sections(profile):
        mine = {key.partition(".")[2]: q for key, q in changes.items() if key.startswith(f"{section}.")}
        changed[section] = replace(value, **mine)
    return parse_profile(dump_profile(replace(profile, **changed)), profile.name)


def _absent(profile: DeviceProfile) -> Iterator[str]:
    """The numbers that its sections may have and do not have."""
    for section, value in sections(profile):
        yield from (f"{section}.{f.name}" for f in fields(value) if getattr(value, f.name) is None)


def dump_profile(profile: DeviceProfile) -> str:
    """The profile as TOML; `parse_profile` gives the same profile back."""
    lines = [
        f"format = {_quoted(FORMAT)}",
        f"name = {_quoted(profile.name)}",
        f"description = {_quoted(profile.description)}",
        f"can_deep_sleep = {str(profile.can_deep_sleep).lower()}",
        f"clocks = [{', '.join(_quoted(c.value) for c in profile.clocks)}]",
        *_sleep_lines(profile.sleep),
    ]
    for section, value in sections(profile):
        lines += ["", f"[{section}]", *_entries(value)]
    return "\n".join(lines) + "\n"


def _sleep_lines(sleep: Rest) -> Iterator[str]:
    """None for what a file without them says as well, so that earlier versions read it."""
    if sleep != Rest():
        wakes_on = ", ".join(_quoted(one.value) for one in WakeOn if one in sleep.wakes_on)
        yield from ("", "[sleep]", f"off = {str(sleep.off).lower()}", f"wakes_on = [{wakes_on}]")


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


def _is_curve(kind: type[Any], name: str) -> bool:
    return get_type_hints(kind)[name] is Curve


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns tables into values and knows which file to blame."""

    where: str

    def fail(self, key: str, reason: str) -> ConfigError:
        return ConfigError(f"device profile {self.where}: {key}: {reason}")

    def profile(self, table: Mapping[str, Any]) -> DeviceProfile:
        self._known(table, [*_PLAIN, "sleep", *SECTIONS], "")
        plain = {key: self._plain(table, key, kind) for key, kind in _PLAIN.items()}
        if plain.pop("format") != FORMAT:
            raise self.fail("format", f"this version reads {FORMAT!r}, not {table['format']!r}")
        plain["clocks"] = self._clocks(plain["clocks"])
        tables = {
            name: self._section(table, name, kind)
            for name, kind in SECTIONS.items()
            if name in table or name not in OPTIONAL
        }
        profile = DeviceProfile(**plain, **tables, sleep=self._sleep(table.get("sleep", {})))
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

    def _sleep(self, table: Any) -> Rest:
        if not isinstance(table, dict):
            raise self.fail("sleep", "must be a section")
        self._known(table, [f.name for f in fields(Rest)], "sleep.")
        off = table.get("off", False)
        if not isinstance(off, bool):
            raise self.fail("sleep.off", f"must be true or false, not {off!r}")
        names = table.get("wakes_on", ["due"] if off else [one.value for one in WakeOn])
        known = [one.value for one in WakeOn]
        if not isinstance(names, list) or not names or any(name not in known for name in names):
            raise self.fail("sleep.wakes_on", f"must list some of {known}, not {names!r}")
        return Rest(off=off, wakes_on=frozenset(map(WakeOn, names)))

    def _section(self, table: Mapping[str, Any], name: str, kind: type[Section]) -> Section:
        if not isinstance(table.get(name), dict):
            raise self.fail(name, "this section is missing" if name not in table else "must be a section")
        section = table[name]
        rules = {f.name: f.metadata for f in fields(kind)}  # type: ignore[arg-type]
        self._known(section, list(rules), f"{name}.")
        for key in rules:
            if key not in section and not is_optional(kind, key):
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
        self._check_sleep(profile)
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

    def _check_sleep(self, profile: DeviceProfile) -> None:
        if not profile.sleep.off:
            return
        if not profile.can_deep_sleep:
            raise self.fail("sleep.off", "a body that stays awake (can_deep_sleep = false) is never off")
        if profile.wake_up_j == 0:
            raise self.fail(
                "power.wake_up_w",
                "0 J to boot: a body that is off in sleep boots for every wake; say what that draws (power.wake_up_w) and how "
                "long it takes (duration.wake_up_s)",
            )
