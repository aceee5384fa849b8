"""What plugs in: bodies, meters and doctor's checks, by the name of their kind.

A kind is a plug: the frozen configuration that it understands and the function that builds it. The kinds that come with
this package are found without looking at what is installed; all others are entry points of the groups below. How to
write one is in `sdk/docs/how-to/plugins.md`; what it promises is tested by the suites of `circadia.testing`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from circadia.errors import CircadiaError, ConfigError, PlatformUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from importlib.metadata import EntryPoint

    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Clock, EnergyMeter, Platform
    from circadia.types import EnergyReading, LastTick


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """[platform]: what every kind of body has. A kind inherits it and adds keys of its own."""

    kind: str = ""
    profile: str = "pixel-3"
    """The name of a shipped device profile or the path of one."""
    work: Literal["profile", "task"] = "profile"
    """How long work is foretold to take: as the profile's own network does, or as the device's task, whose operations are
    counted. On a body that measures, what is foretold bounds the first actions; there the longer of the two holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig:
    """[meter]: what every kind of meter has. Without a kind, a body's own meter measures, or none."""

    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlatformContext:
    """What a body may need beside its configuration."""

    profile: DeviceProfile
    clock: Clock
    midnight_s: float
    """Reading of the clock at a local midnight."""
    last: LastTick | None
    """Where an earlier run ended."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeterContext:
    """What a meter may need beside its configuration."""

    profile: DeviceProfile
    clock: Clock
    platform: Platform
    """The body that it measures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlatformPlug:
    """A kind of body."""

    config: type[PlatformConfig]
    """Frozen; its fields are the keys that [platform] may have."""
    build: Callable[[Any, PlatformContext], Platform]
    """(configuration, context) → the body."""
    clock: Callable[[Any, LastTick | None], tuple[Clock, float]] | None = None
    """(configuration, last tick) → the agent's clock and its reading at a local midnight; None: the machine's."""
    meter: Callable[[Any], EnergyMeter] | None = None
    """The body's own meter, for when [meter] names none."""
    virtual: bool = False
    """Whether it lives by the clock alone, so that days can be played in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeterPlug:
    """A kind of meter."""

    config: type[MeterConfig]
    """Frozen; its fields are the keys that [meter] may have."""
    build: Callable[[Any, MeterContext], EnergyMeter]
    """(configuration, context) → a meter that runs."""
    shy: bool = False
    """Whether `circadia doctor` must not open it: what is behind its port may be something else."""
    virtual: bool = False
    """Whether it can measure a body whose days are played in seconds."""


Plug = TypeVar("Plug", PlatformPlug, MeterPlug)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found(Generic[Plug]):
    """A kind, and whom to blame for it."""

    plug: Plug
    where: str
    """Names the entry point and its distribution; empty for a kind of this package."""

    @contextmanager
    def blamed(self, doing: str) -> Iterator[None]:
        """An error of the plug-in that is none of ours becomes one that names it, and what to do."""
        try:
            yield
        except CircadiaError:
            raise
        except Exception as error:
            if not self.where:
                raise
            raise PlatformUnavailable(f"{self.where}: {doing} failed with {told(error)}; {ADVICE}") from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlamedMeter:
    """A plug-in's meter, whose errors all name it."""

    meter: EnergyMeter
    found: Found[MeterPlug]

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As the meter."""
        with self.found.blamed("reading it"):
            return self.meter.read(start_s, end_s)

    def about(self) -> dict[str, str | float]:
        """As the meter."""
        with self.found.blamed("asking what it is"):
            return self.meter.about()

    def close(self) -> None:
        """As the meter."""
        self.meter.close()


ADVICE = "update or uninstall that package, or name another kind"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Socket(Generic[Plug]):
    """Where plugs of one sort are found."""

    section: str
    """Of the configuration."""
    group: str
    """Of entry points."""
    plug: type[Plug]
    config: type[Any]
    """What every kind's configuration inherits."""
    built_in: Mapping[str, str]
    """Kind → `module:name` in this package."""
    hint: str = ""
    """How to come by one where none is installed."""
    shared: frozenset[str] = frozenset()
    """Keys that release 0.1 took whatever the kind; its kinds pass over those that are not theirs, with a warning."""
    sharing: frozenset[str] = frozenset()
    """The kinds of release 0.1."""

    def find(self, kind: str) -> Found[Plug]:
        """The kind of that name.

        `ConfigError` names the kinds that there are; `PlatformUnavailable` an entry point that cannot be used, its
        distribution and what to do.
        """
        if kind in self.built_in:
            module, _, name = self.built_in[kind].partition(":")
            return Found(plug=getattr(import_module(module), name), where="")
        points = [point for point in self.points() if point.name == kind]
        if not points:
            known = ", ".join(self.kinds()) or f"none is installed{self.hint}"
            raise ConfigError(f"{self.section}.kind {kind!r}: there are {known}")
        if len(points) > 1:
            raise ConfigError(
                f"{self.section}.kind {kind!r} comes from {' and from '.join(map(named, points))}; uninstall one"
            )
        return self.loaded(points[0])

    def kinds(self) -> list[str]:
        """The names that can be asked for, in order."""
        return sorted({*self.built_in, *(point.name for point in self.points())} - {""})

    def points(self) -> Iterable[EntryPoint]:
        """The entry points of the group."""
        return points_of(self.group)

    def loaded(self, point: EntryPoint) -> Found[Plug]:
        """Of an entry point; errors as for `find`."""
        plug = load(point)
        config = getattr(plug, "config", None)
        sound = isinstance(config, type) and issubclass(config, self.config) and is_dataclass(config)
        if not isinstance(plug, self.plug) or not sound:
            raise PlatformUnavailable(
                f"{named(point)} is no {self.plug.__name__} whose configuration is a dataclass that inherits "
                f"{self.config.__name__}; {ADVICE}"
            )
        return Found(plug=plug, where=named(point))


def points_of(group: str) -> Iterable[EntryPoint]:
    """What is installed for a group."""
    from importlib.metadata import entry_points  # two megabytes that a device at rest need not hold

    return entry_points(group=group)


def load(point: EntryPoint) -> Any:
    """What an entry point names; `PlatformUnavailable` names it, its distribution and what to do."""
    try:
        return point.load()
    except Exception as error:
        raise PlatformUnavailable(f"{named(point)} cannot be loaded: {told(error)}; {ADVICE}") from error


def named(point: EntryPoint) -> str:
    """For messages: the entry point, where it points to and the distribution that it comes with."""
    dist = point.dist
    origin = f"{dist.name} {dist.version}" if dist is not None else "an unknown distribution"
    return f"entry point {point.name} = {point.value} in group {point.group} of {origin}"


def told(error: Exception) -> str:
    """An error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


PLATFORMS: Socket[PlatformPlug] = Socket(
    section="platform",
    group="circadia.platforms",
    plug=PlatformPlug,
    config=PlatformConfig,
    built_in={"simulated": "circadia.platforms.kinds:SIMULATED", "linux": "circadia.platforms.kinds:LINUX"},
    shared=frozenset({"mains", "scenario", "seed", "initial_soc", "epoch_s", "scale"}),
    sharing=frozenset({"simulated", "linux"}),
)
METERS: Socket[MeterPlug] = Socket(
    section="meter",
    group="circadia.meters",
    plug=MeterPlug,
    config=MeterConfig,
    built_in={"": "circadia.energy.no_meter:NO_METER"},
    hint=" (pip install circadia[meter])",
    shared=frozenset({"port", "device_id", "rate_hz", "shunt_ohm", "samples"}),
    sharing=frozenset({"", "serial", "hwmon", "power-supply"}),
)
CHECKS = "circadia.checks"
"""The entry-point group of doctor's checks: functions (configuration, /sys, /dev) → findings."""
