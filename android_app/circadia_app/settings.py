"""What the person chose: the preference, limits, a pause, language and colours."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia.ranges import is_real
from circadia.shield import DeviceLimits
from circadia.types import Preference
from circadia_app import json_file
from circadia_app.appearance import Appearance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia.config import DeviceConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLimits:
    """The person's hard limits; None: as the device's configuration has it. Ranges as in `circadia.shield.Limits`."""

    battery_floor: float | None = None
    temperature_c: float | None = None
    train_only_charging: bool | None = None
    sync_only_unmetered: bool | None = None
    respect_power_save: bool | None = None

    def __post_init__(self) -> None:
        for key, kind in _KINDS.items():
            value = getattr(self, key)
            if value is not None and not (isinstance(value, bool) if kind is bool else is_real(value)):
                raise ConfigError(
                    f"limits.{key} is {value!r}; it must be {'true or false' if kind is bool else 'a number'}"
                )
        self.over(DeviceLimits())

    @property
    def chosen(self) -> dict[str, Any]:
        """By name, those that are not None."""
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {key: value for key, value in found.items() if value is not None}

    def over(self, limits: DeviceLimits) -> DeviceLimits:
        """These where they are chosen, those elsewhere. `ConfigError` for a value out of range."""
        return dataclasses.replace(limits, **self.chosen)


_KINDS = {
    "battery_floor": float,
    "temperature_c": float,
    "train_only_charging": bool,
    "sync_only_unmetered": bool,
    "respect_power_save": bool,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that is kept of the person's choices."""

    preference: Preference | None = None
    """None: as the device's configuration has it."""
    limits: ChosenLimits = field(default_factory=ChosenLimits)
    paused_until_s: float = math.nan
    """Seconds since the Unix epoch; infinite: until the person goes on; NaN: there is no pause."""
    language: str = ""
    """`en`, `de`; empty: the system's."""
    scheme: str = "system"

    def __post_init__(self) -> None:
        Appearance(language=self.language, scheme=self.scheme)

    def paused(self, now_s: float) -> bool:
        """Whether the agent is to sleep only."""
        return self.paused_until_s > now_s

    @property
    def over_plan(self) -> dict[str, Any]:
        """What of it changes what the agent may do, as JSON has it: a field test's log says so."""
        preference = {} if self.preference is None else {"preference": dataclasses.asdict(self.preference)}
        return {**self.limits.chosen, **preference}

    def over(self, config: DeviceConfig) -> DeviceConfig:
        """The configuration with what was chosen."""
        agent = config.agent
        if self.preference is not None:
            agent = dataclasses.replace(agent, preference=self.preference)
        return dataclasses.replace(config, agent=agent, limits=self.limits.over(config.limits))


def load(path: Path) -> Settings:
    """Of a file; the defaults where there is none. `ConfigError` names the file and the key."""
    found = json_file.read(path)
    if found is None:
        return Settings()
    try:
        return Settings(
            preference=preference_of(found.get("preference")),
            limits=limits_of(found.get("limits") or {}),
            paused_until_s=_until(found.get("pause")),
            **dataclasses.asdict(Appearance.of(found)),
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}; delete it to choose anew") from error


def change(path: Path, how: Callable[[Settings], Settings]) -> Settings:
    """Read, change, write → what is written. Screens and agent may both do so: one waits for the other."""
    with json_file.held(path):
        changed = how(load(path))
        json_file.write(path, _fields(changed))
    return changed


def preference_of(found: Any) -> Preference | None:
    """Of its three weights by name; None of null. `ConfigError` for anything else."""
    if found is None:
        return None
    names = [f.name for f in dataclasses.fields(Preference)]
    if not isinstance(found, dict) or not all(is_real(found.get(name)) for name in names):
        raise ConfigError(f"preference is {found!r}; it must be three numbers, {', '.join(names)}")
    return Preference(**{name: float(found[name]) for name in names})


def limits_of(found: Any) -> ChosenLimits:
    """Of values by name; what is not named, or null, is not chosen, and names of later versions are passed over."""
    if not isinstance(found, dict):
        raise ConfigError(f"limits is {found!r}; it must be an object")
    return ChosenLimits(**{key: value for key, value in found.items() if key in _KINDS})


def _until(found: Any) -> float:
    if found is None:
        return math.nan
    until_s = found.get("until_s") if isinstance(found, dict) else math.nan
    if until_s is None:
        return math.inf
    if not is_real(until_s):
        raise ConfigError(
            f"pause is {found!r}; it must be null, or have until_s, null or seconds since the Unix epoch"
        )
    return float(until_s)


def _fields(settings: Settings) -> dict[str, Any]:
    preference, until_s = settings.preference, settings.paused_until_s
    pause = None if math.isnan(until_s) else {"until_s": None if math.isinf(until_s) else until_s}
    return {
        "preference": None if preference is None else dataclasses.asdict(preference),
        "limits": settings.limits.chosen,
        "pause": pause,
        "language": settings.language,
        "scheme": settings.scheme,
    }
