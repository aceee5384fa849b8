"""A problem: which devices live through which days, what must hold, and how time is cut into ticks.

One TOML file each; those in `data/problems` are shipped and named by their file.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.energy.profile_file import load_profile, shipped_profile, shipped_profiles
from circadia.energy.work import with_work, work_of
from circadia.errors import ConfigError
from circadia.learning.personal import USUAL_WORK
from circadia.learning.task_file import SHIPPED, load_task
from circadia.observation import HOUR_S
from circadia.physics.scenario import SCENARIOS, load_scenario, scenario_named
from circadia.shield import Limits
from circadia_lab.policy.env.accuracy import AccuracyModel, lived_accuracy, shipped_accuracy
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.measures import Measures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.physics.scenario import Scenario
    from circadia_lab.data.traces.day_trace import DayTrace

DATA = Path(__file__).parent / "data"
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A body and the day around it."""

    profile: DeviceProfile
    scenario: Scenario
    own_work: bool = False
    """Whether work takes what its profile says, whatever the problem's task."""

    @property
    def name(self) -> str:
        """Of both."""
        named = f"{self.profile.name} · {self.scenario.name}"
        return f"{named} · own work" if self.own_work else named


@dataclass(frozen=True, slots=True, kw_only=True)
class TickLaw:
    """How time is cut into ticks; see `chance`."""

    period_s: float = 300.0
    """A tick, if nothing happens."""
    doze_periods: tuple[float, ...] = (1.0, 3.0, 12.0)
    """How many periods the operating system puts a device off that nobody uses and nothing charges …"""
    doze_shares: tuple[float, ...] = (0.85, 0.1, 0.05)
    """… and how often."""
    burst_sizes: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Requests come in bursts of so many …"""
    burst_shares: tuple[float, ...] = (0.6, 0.2, 0.15, 0.05)
    """… so often."""

    def __post_init__(self) -> None:
        if not self.period_s > 0:
            raise ConfigError(f"ticks: period_s {self.period_s:g} must be positive")
        for values, shares in (("doze_periods", "doze_shares"), ("burst_sizes", "burst_shares")):
            _check_table(values, getattr(self, values), shares, getattr(self, shares))
        if any(size % 1 for size in self.burst_sizes):
            raise ConfigError(f"ticks: burst_sizes must be whole numbers, not {list(self.burst_sizes)}")

    @property
    def mean_burst(self) -> float:
        """Requests in a burst."""
        return float(np.dot(self.burst_sizes, self.burst_shares))


def _check_table(name: str, values: tuple[float, ...], shares_name: str, shares: tuple[float, ...]) -> None:
    if len(values) != len(shares) or not values or min(values) <= 0:
        raise ConfigError(f"ticks: {name} and {shares_name} need as many values each, {name} above 0")
    if min(shares) < 0 or abs(sum(shares) - 1) > SUM_TOLERANCE:
        raise ConfigError(f"ticks: {shares_name} sum to {sum(shares):g}, not to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLimits:
    """What each cost's average may be at most, and from which age on a model is stale and data are old."""

    expired: float = 0.02
    """Share of the requests."""
    stale: float = 0.2
    """Share of the time."""
    old: float = 0.2
    """Share of the time."""
    stale_s: float = 3 * HOUR_S
    old_s: float = 3 * HOUR_S
    model_age_s: float = 3 * HOUR_S
    """Mean age of the installed model, where wakes are chosen; `stale` and `old` hold where ticks have a fixed length."""
    data_age_s: float = 2 * HOUR_S
    """Mean age of the oldest example that no training has seen, 0 without one."""

    def __post_init__(self) -> None:
        for cost in COSTS:
            if not 0 < getattr(self, cost) <= 1:
                raise ConfigError(f"costs.{cost} is {getattr(self, cost):g}; it must lie in (0, 1]")
        if not (self.stale_s > 0 and self.old_s > 0):
            raise ConfigError("costs.stale_s and costs.old_s must be positive")
        if not (self.model_age_s > 0 and self.data_age_s > 0):
            raise ConfigError("costs.model_age_s and costs.data_age_s must be positive")

    @property
    def array(self) -> Any:
        """(costs,)"""
        return np.array([getattr(self, cost) for cost in COSTS])

    @property
    def of_wakes(self) -> Any:
        """(costs,) of `WAKE_COSTS`: ages are in units of their limits."""
        return np.array([self.expired, 1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is learned and served, for how long that takes; the devices' profiles have it already."""

    task: str = ""
    """A shipped task, or a manifest whose path begins at the problem's folder; empty: the profiles' own network."""
    personal: bool = False
    """Whether devices learn answers of their own beside the federation's, which makes training longer."""

    @property
    def step_work(self) -> float:
        """Training steps' worth of work for each step of an action, in the mean."""
        return USUAL_WORK if self.personal else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeLaw:
    """What there is to know where each wake chooses its sleep; see `sleeping`."""

    late_s: tuple[float, ...] = (0.0,)
    """How much later than asked the operating system wakes a device that nobody uses and nothing charges; one that nobody
    ever uses has no such system …"""
    late_shares: tuple[float, ...] = (1.0,)
    """… and how often."""
    devices: float = 8.0
    """Of the fleet."""
    buffer: float = 4.0
    """Updates that make a version, as the aggregator is told …"""
    timeout_s: float = 600.0
    """… and after which a version is made of fewer."""
    drift_per_day: float = 0.33
    """How far the world moves in a day, bit by bit; 1 is as far as in a jump …"""
    jumps_per_day: float = 0.0
    """… and how often it jumps."""
    begins_per_day: float = 0.0
    """How often a federation begins anew, with weights that know nothing."""

    def __post_init__(self) -> None:
        _check_table("late_s", tuple(x + 1 for x in self.late_s), "late_shares", self.late_shares)
        numbers = (self.drift_per_day, self.jumps_per_day, self.begins_per_day, *self.late_s)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ConfigError(
                "wake: late_s, what the drift is and how often a federation begins must be numbers from 0 on"
            )
        for key in ("devices", "buffer", "timeout_s"):
            if not getattr(self, key) > 0:
                raise ConfigError(f"wake: {key} must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything that an environment is made from."""

    name: str
    devices: tuple[Device, ...]
    """A batch is dealt out evenly among them."""
    limits: Limits = field(default_factory=Limits)
    """The shield's."""
    costs: CostLimits = field(default_factory=CostLimits)
    ticks: TickLaw = field(default_factory=TickLaw)
    accuracy: AccuracyModel = field(default_factory=shipped_accuracy)
    trace: DayTrace | None = None
    """Recorded requests and clearness, in place of drawn ones."""
    work: Work = field(default_factory=Work)
    wake: WakeLaw | None = None
    """None: ticks have a fixed length."""

    def __post_init__(self) -> None:
        if not self.devices:
            raise ConfigError(f"problem {self.name}: needs at least one device")
        check_curves(f"problem {self.name}", self.devices)

    @property
    def device_names(self) -> tuple[str, ...]:
        """(devices,) those of one name are of one kind."""
        return tuple(device.name for device in self.devices)

    @property
    def measures(self) -> Measures:
        """The constants of the objectives and costs."""
        return Measures(self.accuracy, self.ticks.period_s, self.costs.stale_s, self.costs.old_s)

    @property
    def served_accuracy(self) -> AccuracyModel:
        """Of what the weights know, where wakes are chosen."""
        return self.accuracy if self.wake is None else lived_accuracy()


WAKES = "wake-"
"""How the names of shipped problems begin whose wakes are chosen."""


def check_fixed(problem: Problem) -> None:
    """`ConfigError` for a problem of chosen wakes, where ticks have a fixed length."""
    if problem.wake is not None:
        raise ConfigError(
            f"problem {problem.name}: its wakes choose their sleep ([wake]), here ticks have a fixed length; take a problem "
            "without [wake]"
        )


def check_curves(whose: str, devices: Sequence[Device]) -> None:
    """`ConfigError` unless the devices' voltage curves are of one length, so that they can be batched."""
    points = [(one.profile.name, len(one.profile.battery.open_circuit_v.soc)) for one in devices]
    if len({count for _, count in points}) > 1:
        told = ", ".join(f"{name}: {count}" for name, count in points)
        raise ConfigError(
            f"{whose}: its devices' voltage curves need as many points each, so that they can be batched ({told})"
        )


def shipped_problems() -> tuple[str, ...]:
    """Names of those with ticks of a fixed length, sorted."""
    return tuple(name for name in _shipped() if not name.startswith(WAKES))


def shipped_wakes() -> tuple[str, ...]:
    """Names of those whose wakes are chosen, sorted."""
    return tuple(name for name in _shipped() if name.startswith(WAKES))


def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (DATA / "problems").glob("*.toml")))


def find_problem(name: str) -> Problem:
    """A shipped problem's name, or the path of a file."""
    if name in _shipped():
        return load_problem(DATA / "problems" / f"{name}.toml")
    if not Path(name).suffix:
        raise ConfigError(f"unknown problem {name!r}; there are {', '.join(_shipped())}")
    return load_problem(Path(name))


def load_problem(path: Path) -> Problem:
    """Read a problem; `ConfigError` names the file and the key that is wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"problem {path}: {error}") from error
    try:
        return _problem(table, path)
    except ConfigError as error:
        raise ConfigError(f"problem {path}: {error}") from error


_SECTIONS = {"limits": Limits, "costs": CostLimits, "ticks": TickLaw, "work": Work}
_KEYS = ("name", "trace", "devices", "wake", *_SECTIONS)


def _problem(table: Mapping[str, Any], path: Path) -> Problem:
    check_keys(table, _KEYS, "")
    devices = table.get("devices")
    if not isinstance(devices, list) or not all(isinstance(row, dict) for row in devices):
        raise ConfigError("devices must be a list of tables, [[devices]]")
    parts = {key: _section(kind, table.get(key, {}), key) for key, kind in _SECTIONS.items()}
    trace = _trace(path.parent / str(table["trace"])) if "trace" in table else None
    name = str(table.get("name", path.stem))
    found = tuple(_device(row, path.parent) for row in devices)
    if task := parts["work"].task:
        found = tuple(_working(found, task, path.parent))
    wake = _section(WakeLaw, table["wake"], "wake") if "wake" in table else None
    return Problem(name=name, devices=found, trace=trace, wake=wake, **parts)


def _working(devices: Iterable[Device], task: str, folder: Path) -> Iterator[Device]:
    """The devices with the durations of that task's work."""
    loaded = load_task(task if task in SHIPPED else folder / task)
    work = work_of(loaded.name, loaded.model, loaded.infer_batch)
    for device in devices:
        yield device if device.own_work else replace(device, profile=with_work(device.profile, work))


def _trace(path: Path) -> DayTrace:
    from circadia_lab.data.traces.day_trace import load_day_trace

    return load_day_trace(path)


def check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """`ConfigError` for a key that means nothing."""
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"unknown key {where}{key!r}; {hint}")


def _section(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table")
    check_keys(table, tuple(f.name for f in fields(kind)), f"{where}.")
    like = kind()
    return kind(**{key: _typed(value, getattr(like, key), f"{where}.{key}") for key, value in table.items()})


def _typed(value: Any, like: Any, where: str) -> Any:
    if isinstance(like, bool):
        if isinstance(value, bool):
            return value
        raise ConfigError(f"{where} = {value!r} is neither true nor false")
    if isinstance(like, str):
        if isinstance(value, str):
            return value
        raise ConfigError(f"{where} = {value!r} is not a text")
    if isinstance(like, tuple):
        if isinstance(value, list) and all(map(_is_number, value)):
            return tuple(map(float, value))
        raise ConfigError(f"{where} = {value!r} is not a list of numbers")
    if _is_number(value):
        return float(value)
    raise ConfigError(f"{where} = {value!r} is not a number")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _device(row: Mapping[str, Any], folder: Path) -> Device:
    check_keys(row, ("profile", "scenario", "own_work"), "devices.")
    if not {"profile", "scenario"} <= set(row):
        raise ConfigError("each of devices needs a profile and a scenario, by name or as a file")
    return Device(
        profile=_profile(str(row["profile"]), folder),
        scenario=_scenario(str(row["scenario"]), folder),
        own_work=bool(_typed(row.get("own_work", False), False, "devices.own_work")),
    )


def _profile(name: str, folder: Path) -> DeviceProfile:
    """A shipped one by name, or a file: `circadia lab calibrate` makes one."""
    if name in shipped_profiles():
        return shipped_profile(name)
    if not Path(name).suffix:
        raise ConfigError(
            f"devices.profile = {name!r}: there are {', '.join(shipped_profiles())}; a file's name ends in .toml, and its "
            "path begins at the problem's folder"
        )
    return load_profile(folder / name)


def _scenario(name: str, folder: Path) -> Scenario:
    return scenario_named(name) if name in SCENARIOS else load_scenario(folder / name)
