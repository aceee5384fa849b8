"""A device's TOML file → frozen dataclasses. An unknown key, a wrong type or a wrong range names itself."""

from __future__ import annotations

import difflib
import math
import tomllib
import types
import typing
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from circadia.errors import ConfigError
from circadia.federation.device.patience import Patience
from circadia.federation.transport.address import BrokerAddress
from circadia.shield import Limits
from circadia.store.sqlite import Retention
from circadia.types import Preference

LONGEST_KEEPALIVE_S = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """[agent]: what decides, what is learned, how often."""

    policy: str = "default"
    """`default`, `separate` (the same, training and serving decided apart), a rule (`threshold`, `charging-only`,
    `drift-plus-penalty`) or the path of a policy file."""
    task: str = "digits"
    """The name of a shipped task or the path of a task's manifest."""
    period_s: float = 60.0
    """Time between ticks when nothing happens."""
    deadline_s: float = 60.0
    """How long a request waits when the application does not say."""
    seed: int = 0
    """For the draws of actions and of examples."""
    preference: Preference = field(default_factory=Preference)

    def __post_init__(self) -> None:
        _positive("agent", period_s=self.period_s, deadline_s=self.deadline_s)
        _seed("agent", self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """[platform]: the device's body."""

    kind: Literal["simulated", "linux"] = "simulated"
    mains: bool = False
    """Of a Linux board: it has no battery."""
    profile: str = "pixel-3"
    """The name of a shipped device profile or the path of one."""
    scenario: str = ""
    """`phone` or `board`; empty: the one that fits the profile."""
    seed: int = 0
    initial_soc: float = 0.8
    epoch_s: float | None = None
    """Reading of the machine's monotonic clock at the simulated midnight; absent: now, or where the store ends."""
    scale: float = 1.0
    """Simulated seconds per second. At 1, and without an epoch, the device lives in real time."""

    def __post_init__(self) -> None:
        _positive("platform", scale=self.scale)
        _seed("platform", self.seed)
        if not 0 <= self.initial_soc <= 1:
            raise ConfigError(f"platform.initial_soc is {self.initial_soc}; it must lie in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """[store]: the device's database."""

    path: Path = Path("circadia.db")
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """[learning] and serving: sizes of the buffers."""

    examples: int = 512
    """Examples kept to learn from."""
    requests: int = 256
    """Requests that may wait."""
    answered: int = 256
    """Served inputs remembered until their label arrives."""

    def __post_init__(self) -> None:
        _positive("learning", examples=self.examples, requests=self.requests, answered=self.answered)


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationConfig:
    """[federation]: absent, the device learns alone. Times are real seconds."""

    broker: str
    """HOST:PORT"""
    name: str = "default"
    keepalive_s: int = 240
    first_retry_s: float = 0.5
    """Before the second attempt to connect; it doubles up to the longest."""
    longest_retry_s: float = 60.0
    patience: Patience = field(default_factory=Patience)
    drain_s: float = 5.0
    """How long a device that ends tries to deliver the updates that wait."""

    def __post_init__(self) -> None:
        _positive(
            "federation",
            keepalive_s=self.keepalive_s,
            first_retry_s=self.first_retry_s,
            longest_retry_s=self.longest_retry_s,
        )
        if self.keepalive_s > LONGEST_KEEPALIVE_S:
            raise ConfigError(
                f"federation.keepalive_s is {self.keepalive_s}; MQTT allows {LONGEST_KEEPALIVE_S}"
            )
        if not self.drain_s >= 0:
            raise ConfigError(f"federation.drain_s is {self.drain_s}; it must not be negative")
        BrokerAddress.parse(self.broker)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig:
    """[meter]: what measures the joules."""

    kind: str = ""
    """A meter by its entry-point name (`serial`, `hwmon`, `power-supply`); empty: the simulated body's own, or none."""
    port: str = "auto"
    """Of a serial meter: its path, or behind any USB port. Of a hwmon meter: the chip's name or folder."""
    device_id: str = ""
    """Of a serial meter: refuse others; eight hexadecimal digits."""
    rate_hz: float = 1000.0
    """Samples a second; an ATmega328P with an INA226 takes 2,907 at most."""
    shunt_ohm: float | None = None
    """Instead of what the meter keeps."""
    samples: str = ""
    """Of a serial meter: a folder that keeps every sample, a recording for each start; empty: none are kept."""

    def __post_init__(self) -> None:
        _positive("meter", rate_hz=self.rate_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """The whole file."""

    device: str = "device"
    """The device's name in the federation."""
    agent: AgentConfig = field(default_factory=AgentConfig)
    platform: PlatformConfig = field(default_factory=PlatformConfig)
    meter: MeterConfig = field(default_factory=MeterConfig)
    limits: Limits = field(default_factory=Limits)
    learning: LearningConfig = field(default_factory=LearningConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    federation: FederationConfig | None = None


def load_config(path: Path) -> DeviceConfig:
    """Read a TOML file; `ConfigError` names the file, the key and what is wrong with it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; write one, or see the README for an example") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return parse_config(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(table: dict[str, Any]) -> DeviceConfig:
    """The same from a parsed table."""
    config: DeviceConfig = _build(DeviceConfig, table, "")
    return config


def _positive(section: str, **numbers: float) -> None:
    for name, number in numbers.items():
        if not (number > 0 and math.isfinite(number)):
            raise ConfigError(f"{section}.{name} is {number}; it must be positive and finite")


def _seed(section: str, seed: int) -> None:
    if seed < 0:
        raise ConfigError(f"{section}.seed is {seed}; it must not be negative")


def _build(cls: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{where or 'the file'} must be a table, not {table!r}")
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise ConfigError(_unknown_key(f"{where}.{key}".lstrip("."), key, list(hints)))
    missing = [f.name for f in fields(cls) if f.name not in table and _required(f)]
    if missing:
        raise ConfigError(f"{where}.{missing[0]} is missing".lstrip("."))
    return cls(
        **{key: _value(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in table.items()}
    )


def _unknown_key(path: str, key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key {path!r}; {hint}"


def _required(f: Any) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if is_dataclass(hint):
        return _build(hint, value, where)
    if typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            raise ConfigError(f"{where} is {value!r}; it must be one of {', '.join(typing.get_args(hint))}")
        return value
    accepted = {float: (float, int), Path: (str,)}.get(hint, (hint,))
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where} is {value!r}; it must be of type {hint.__name__}")
    return hint(value)
