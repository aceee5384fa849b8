"""A device's TOML file → frozen dataclasses. An unknown key, a wrong type or a wrong range names itself."""

from __future__ import annotations

import difflib
import logging
import tomllib
import types
import typing
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

from circadia.errors import ConfigError
from circadia.federation.device.patience import Patience
from circadia.federation.transport.address import BrokerAddress
from circadia.learning.task_file import SHIPPED
from circadia.plugs import METERS, PLATFORMS, MeterConfig, PlatformConfig, Socket
from circadia.ranges import not_negative, positive
from circadia.shield import DeviceLimits
from circadia.store.sqlite import Retention
from circadia.types import Preference

log = logging.getLogger(__name__)

LONGEST_KEEPALIVE_S = 65_535
DEFAULT_BODY = "simulated"
SOCKETS: dict[type, Socket[Any]] = {PlatformConfig: PLATFORMS, MeterConfig: METERS}
"""Tables whose `kind` brings keys of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """[agent]: what decides, what is learned, how often."""

    policy: str = "default"
    """`default`, `separate` (the same, training and serving decided apart), a rule (`due`, `threshold`,
    `charging-only`, `drift-plus-penalty`) or the path of a policy file."""
    task: str = "digits"
    """The name of a shipped task, or the path of a task's manifest, relative to this file."""
    period_s: float = 60.0
    """Time between ticks when nothing happens, of policies that do not say how long to sleep."""
    longest_sleep_s: float = 21_600.0
    """The longest sleep of those that do."""
    deadline_s: float = 60.0
    """How long a request waits when the application does not say."""
    seed: int = 0
    """For the draws of actions and of examples."""
    preference: Preference = field(default_factory=Preference)

    def __post_init__(self) -> None:
        positive(
            "agent",
            period_s=self.period_s,
            deadline_s=self.deadline_s,
            longest_sleep_s=self.longest_sleep_s,
        )
        not_negative("agent", seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """[store]: the device's database."""

    path: Path = Path("circadia.db")
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """[learning] and serving: sizes of the buffers, and whose answers they are."""

    examples: int = 512
    """Examples kept to learn from."""
    requests: int = 256
    """Requests that may wait."""
    answered: int = 256
    """Served inputs remembered until their label arrives."""
    personal: bool = True
    """Whether a device of a federation learns an answer of its own beside the federation's: see `docs/decisions/0019`."""

    def __post_init__(self) -> None:
        positive("learning", examples=self.examples, requests=self.requests, answered=self.answered)


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
    pull_wait_s: float = 2.0
    """How long a wake that pulls waits for the answer before it serves, trains and pushes, so that it does so with the newest
    version; never beyond the first deadline of a request. 0: what comes is installed after the work."""

    def __post_init__(self) -> None:
        positive(
            "federation",
            keepalive_s=self.keepalive_s,
            first_retry_s=self.first_retry_s,
            longest_retry_s=self.longest_retry_s,
        )
        if self.keepalive_s > LONGEST_KEEPALIVE_S:
            raise ConfigError(
                f"federation.keepalive_s is {self.keepalive_s}; MQTT allows {LONGEST_KEEPALIVE_S}"
            )
        not_negative("federation", drain_s=self.drain_s, pull_wait_s=self.pull_wait_s)
        BrokerAddress.parse(self.broker)


def _default_body() -> PlatformConfig:
    return PLATFORMS.find(DEFAULT_BODY).plug.config()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """The whole file."""

    device: str = ""
    """The device's name in the federation; empty: the one that its store has, drawn when the store is made."""
    agent: AgentConfig = field(default_factory=AgentConfig)
    platform: PlatformConfig = field(default_factory=_default_body)
    """Of its kind: `circadia.platforms.kinds`, or a plug-in's own."""
    meter: MeterConfig = field(default_factory=MeterConfig)
    """Of its kind: of `circadia_meter.meters`, or a plug-in's own."""
    limits: DeviceLimits = field(default_factory=DeviceLimits)
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
        config = parse_config(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    agent, body = config.agent, config.platform
    task = agent.task if agent.task in SHIPPED else _beside(path, "agent.task", agent.task)
    policy = _beside(path, "agent.policy", agent.policy) if agent.policy.endswith(".tflite") else agent.policy
    profile = (
        _beside(path, "platform.profile", body.profile) if body.profile.endswith(".toml") else body.profile
    )
    return replace(
        config, agent=replace(agent, task=task, policy=policy), platform=replace(body, profile=profile)
    )


def _beside(path: Path, key: str, named: str) -> str:
    """A path in a device's file is relative to that file."""
    beside = path.parent / named
    if not beside.exists() and Path(named).exists() and not Path(named).is_absolute():
        log.warning(
            "%s: %s %r is not beside this file but in the folder that the program was started in, as release 0.1 had it; "
            "move it, or name it in full",
            path,
            key,
            named,
        )
        return named
    return str(beside)


def parse_config(table: dict[str, Any]) -> DeviceConfig:
    """The same from a parsed table."""
    config: DeviceConfig = _build(DeviceConfig, table, "")
    return config


def _build(cls: Any, table: Any, where: str, of: str = "") -> Any:
    """`of`: the kind whose table it is, for the error about a key that it does not have."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where or 'the file'} must be a table, not {table!r}")
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise ConfigError(_unknown_key(f"{where}.{key}".lstrip("."), key, list(hints), of))
    missing = [f.name for f in fields(cls) if f.name not in table and _required(f)]
    if missing:
        raise ConfigError(f"{where}.{missing[0]} is missing".lstrip("."))
    return cls(
        **{key: _value(hints[key], value, f"{where}.{key}".lstrip(".")) for key, value in table.items()}
    )


def _plugged(socket: Socket[Any], table: Any, where: str) -> Any:
    """A table whose `kind` says which keys it may have."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table, not {table!r}")
    kind = _value(str, table.get("kind", DEFAULT_BODY if socket is PLATFORMS else ""), f"{where}.kind")
    found = socket.find(kind)
    of = f" of kind {kind!r}" if kind else " without a kind"
    with found.blamed(f"reading [{where}]"):
        idle = _idle_keys(socket, found.plug.config, table) if kind in socket.sharing else set()
        for key in sorted(idle):
            log.warning("%s.%s means nothing to a [%s]%s; remove it", where, key, where, of)
        own = {key: value for key, value in table.items() if key not in idle}
        return _build(found.plug.config, {**own, "kind": kind}, where, of)


def _idle_keys(socket: Socket[Any], cls: Any, table: dict[str, Any]) -> set[str]:
    """What release 0.1 took of every kind, and this kind does not have."""
    return (table.keys() & socket.shared) - {f.name for f in fields(cls)}


def _unknown_key(path: str, key: str, known: list[str], of: str) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hints = [f"did you mean {close[0]!r}?"] if close else []
    if of or not close:
        hints.append(f"known keys: {', '.join(known)}")
    return f"unknown key {path!r}{of}; {' '.join(hints)}"


def _required(f: Any) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def _value(hint: Any, value: Any, where: str) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if hint in SOCKETS:
        return _plugged(SOCKETS[hint], value, where)
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
