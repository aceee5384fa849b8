"""Hard limits outside the network: they mask actions before one is drawn, whatever the policy scores.

A limit is an array function of the observation; a sensor that a limit needs and that reads NaN counts as over the
limit. Sleeping without a sync is never forbidden. Beside the limits, what has nothing to do is left out (`circadia.idle`),
and not told as forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import CATALOGUE, facts_of, units_of
from circadia.energy.pace import Paces
from circadia.energy.profile import mean_voltage_v
from circadia.errors import ConfigError
from circadia.idle import Stock, idle, idle_without, lacking_now, needs_of
from circadia.observation import COLUMN
from circadia.policy.sampling import sample
from circadia.sensors import SENSORS
from circadia.types import Decision, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from circadia.actions import ActionFacts
    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Platform
    from circadia.types import Action, Phase, Units

SOC, TEMPERATURE, CHARGING = COLUMN["battery_soc"], COLUMN["temperature_c"], COLUMN["charging"]
LINK, POWER_SAVE = COLUMN["link"], COLUMN["power_save"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The user's hard limits; a device's own thermal limit holds as well (`ActionCosts.limit_c`)."""

    battery_floor: float = 0.15
    """State of charge, 0 to 1, that no action may lead below."""
    temperature_c: float = 45.0
    train_only_charging: bool = False
    sync_only_unmetered: bool = False
    respect_power_save: bool = True
    """No training while the operating system saves power."""

    @property
    def lacking(self) -> frozenset[str]:
        """Keys of the sensors that there are none of: limits that need one do not act."""
        return frozenset()

    def __post_init__(self) -> None:
        if not 0 <= self.battery_floor < 1:
            raise ConfigError(f"limits.battery_floor is {self.battery_floor}; it must lie in [0, 1)")
        if not 0 < self.temperature_c <= 100:
            raise ConfigError(f"limits.temperature_c is {self.temperature_c}; it must lie in (0, 100] °C")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLimits(Limits):
    """[limits] of one device: the user's, and which sensors it has none of. Without one, the limits that need it do not act."""

    battery: bool = True
    """It has a battery whose charge can be read, for `battery_floor`."""
    thermometer: bool = True
    """It can tell how warm it is, for `temperature_c` and the limit of its profile."""
    power_saver: bool = True
    """Its operating system tells whether it saves power, for `respect_power_save`."""
    charger: bool = True
    """It can tell whether it charges, for `train_only_charging`."""
    network: bool = True
    """It can tell which network there is, for syncing at all and for `sync_only_unmetered`."""

    @property
    def lacking(self) -> frozenset[str]:
        """Those that are false."""
        return frozenset(sensor.key for sensor in SENSORS if not getattr(self, sensor.key))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionCosts:
    """What each action of a catalogue does to the body at most."""

    supported: NDArray[np.bool_]
    """(actions,) whether the platform can do it."""
    soc: NDArray[np.float32]
    """(actions,) state of charge that it takes."""
    heat_k: NDArray[np.float32]
    """(actions,) how far it raises the temperature."""
    limit_c: float
    """The temperature that the device itself must not exceed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foretold:
    """What each action of a catalogue does to a body at most, as its profile says."""

    profile: DeviceProfile
    catalogue: tuple[Action, ...]
    supported: NDArray[np.bool_]
    """(actions,) whether the body can do it."""
    phases: tuple[tuple[Phase, ...], ...]
    """Of each action: full batches, and all on the air that there may be."""

    def costs(self, paces: Paces) -> ActionCosts:
        """Upper bounds, with work as long as `paces` says that it may take.

        The user's own draw while the action lasts is counted in, and the charge is taken where it holds least, at the
        lowest voltage. Heat is that of a body at its surroundings' temperature, P·R·(1 − exp(−t/RC)), user and charging
        included: a warmer body rises less.
        """
        profile = self.profile
        energy_j, heat_k = [], []
        others_w = profile.user.active_w.value + _charging_loss_w(profile)
        for action, foretold in zip(self.catalogue, self.phases, strict=True):
            phases = paces.bounded(action, foretold)
            powers_w = [profile.power_w(phase.load) for phase in phases]
            duration_s = sum(phase.duration_s for phase in phases)
            own_j = sum(p * phase.duration_s for p, phase in zip(powers_w, phases, strict=True))
            energy_j.append(own_j + profile.user.active_w.value * duration_s)
            hottest_w = max(powers_w, default=0.0) + others_w
            heat_k.append(hottest_w * profile.thermal_rise_k_per_w(duration_s))
        return ActionCosts(
            supported=self.supported,
            soc=(np.array(energy_j) / _least_j(profile)).astype(np.float32),
            heat_k=np.array(heat_k, np.float32),
            limit_c=profile.thermal.limit_c.value,
        )


def foretold(
    platform: Platform,
    profile: DeviceProfile,
    sync_bytes: int,
    catalogue: Sequence[Action] = CATALOGUE,
    units: Callable[[Action], Units] = units_of,
) -> Foretold:
    """`units` of each action, on a body that nobody has looked at yet, so that `sync_bytes` go by the slower link."""
    return Foretold(
        profile=profile,
        catalogue=tuple(catalogue),
        supported=np.array([platform.supports(action) for action in catalogue]),
        phases=tuple(
            platform.phases(action, units(action), sync_bytes if action.syncs else 0) for action in catalogue
        ),
    )


def action_costs(
    platform: Platform,
    profile: DeviceProfile,
    sync_bytes: int,
    catalogue: Sequence[Action] = CATALOGUE,
    units: Callable[[Action], Units] = units_of,
) -> ActionCosts:
    """Upper bounds from the profile alone."""
    return foretold(platform, profile, sync_bytes, catalogue, units).costs(Paces())


def _charging_loss_w(profile: DeviceProfile) -> float:
    charger, harvest = profile.charger, profile.harvest
    income_w = charger.charge_w.value if charger else 0.0
    if harvest:
        income_w += harvest.panel_w.value * harvest.derating.value
    return (1 - profile.battery.charge_efficiency.value) * income_w


def _least_j(profile: DeviceProfile) -> float:
    """Joules of the whole charge, if it were all at the lowest voltage."""
    curve = profile.battery.open_circuit_v
    return profile.capacity_j * min(curve.value) / mean_voltage_v(curve)


class LimitTable(NamedTuple):
    """The limits as arrays. A limit forbids what it applies to unless  sign · x[feature] ≥ threshold."""

    features: Any
    """(limits,) columns of the observation."""
    signs: Any
    """(limits,) ±1."""
    thresholds: Any
    """(…, limits, actions), times the sign."""
    applies: Any
    """(limits, actions) bool."""


def forbidden(x: Any, table: LimitTable) -> Any:
    """(…, features) values → (…, limits, actions) what each limit forbids, with NumPy or JAX arrays."""
    kept = (x[..., table.features] * table.signs)[..., None] >= table.thresholds
    return table.applies > kept  # and not, in one pass


class Shield:
    """Masks what a hard limit forbids, then draws. Of one thread."""

    def __init__(self, limits: Limits, costs: ActionCosts, catalogue: Sequence[Action] = CATALOGUE) -> None:
        """`costs` and all scores are in the order of `catalogue`; `ConfigError` if there are not as many."""
        self.limits = limits
        self.catalogue = tuple(catalogue)
        self.facts = facts_of(self.catalogue)
        if costs.supported.shape != (len(self.catalogue),):
            raise ConfigError(
                f"costs of {costs.supported.size} actions for a catalogue of {len(self.catalogue)}: "
                f"take action_costs of the same catalogue"
            )
        rows = tuple(_rows(limits, costs, self.facts))
        self.names = tuple(row.name for row in rows)
        needs = needs_of(self.facts)
        cases = map(Stock._make, product((False, True), repeat=3))
        self._useful = {lack: ~idle_without(lack, needs) for lack in cases}
        """What has something to do, by what lacks."""
        self._nothing = bytes(len(self.catalogue))
        self._free = self._nothing * len(rows)
        self._told: dict[bytes, tuple[str, ...]] = {}
        signs = np.array([row.sign for row in rows], np.float32)
        thresholds = [np.broadcast_to(np.float32(row.threshold), len(self.catalogue)) for row in rows]
        self.table = LimitTable(
            features=np.array([row.feature for row in rows]),
            signs=signs,
            thresholds=np.stack(thresholds) * signs[:, None],
            applies=np.stack([row.actions for row in rows]),
        )

    def forbidden(self, x: Any) -> Any:
        """(…, features) values → (…, limits, actions) what each of `names` forbids, with NumPy or JAX arrays."""
        return forbidden(x, self.table)

    def admitted(self, x: Any) -> Any:
        """(…, features) values → (…, actions) what no limit forbids and has something to do."""
        return ~(self.forbidden(x).any(axis=-2) | idle(x, self.facts))

    def decide(self, x: NDArray[np.float32], scores: NDArray[np.float32], u: float) -> Decision:
        """(features,) values and (actions,) scores → the action at quantile `u` in [0, 1) of the masked softmax."""
        useful, forbidden = self._useful[lacking_now(x)], self.forbidden(x)
        flags, wanted = forbidden.tobytes(), int(sample(scores, useful, u))
        masked: tuple[tuple[str, tuple[str, ...]], ...] = ()
        if flags == self._free:
            drawn = wanted
        else:
            drawn = int(sample(scores, useful & ~np.logical_or.reduce(forbidden), u))
            masked = self._by_name(flags)
        return Decision(
            proposed=self.catalogue[wanted],
            action=self.catalogue[drawn],
            masked=masked,
            feasible=bool(scores[drawn] > -np.inf) or self._only_idle(scores, wanted),
        )

    def _only_idle(self, scores: NDArray[np.float32], wanted: int) -> bool:
        """Whether what the policy offers has nothing to do, all of it: then no limit is in the way."""
        return bool(scores[wanted] == -np.inf and (scores > -np.inf).any())

    def _by_name(self, flags: bytes) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(limits, actions) flags, row by row → each limit that forbids something, and what."""
        size = len(self.catalogue)
        rows = zip(self.names, range(0, len(flags), size), strict=True)
        return tuple(
            (name, self._actions(row))
            for name, start in rows
            if (row := flags[start : start + size]) != self._nothing
        )

    def _actions(self, row: bytes) -> tuple[str, ...]:
        """Their names. A limit's rows differ by thresholds only, so there are few, and ticks on end have the same."""
        if row not in self._told:
            self._told[row] = tuple(compress(self.facts.names, row))
        return self._told[row]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Row:
    """One limit of a shield."""

    name: str
    actions: NDArray[np.bool_]
    """(actions,) those that it may forbid."""
    feature: int
    """Column of the observation."""
    threshold: Any
    """A number, or (actions,)."""
    sign: int = 1
    """1: the feature must reach the threshold; −1: it must not exceed it."""


def _rows(limits: Limits, costs: ActionCosts, facts: ActionFacts) -> Iterator[_Row]:
    """Those that act: a limit whose sensor there is none of does not."""
    lacking = {limit for sensor in SENSORS if sensor.key in limits.lacking for limit in sensor.limits}
    return (row for row in _all_rows(limits, costs, facts) if row.name not in lacking)


def _all_rows(limits: Limits, costs: ActionCosts, facts: ActionFacts) -> Iterator[_Row]:
    if not costs.supported.all():
        yield _Row(name="platform", actions=~costs.supported, feature=SOC, threshold=np.inf)
    yield _Row(name="no_link", actions=facts.syncs, feature=LINK, threshold=Link.METERED)
    yield _Row(
        name="battery_floor", actions=facts.works, feature=SOC, threshold=limits.battery_floor + costs.soc
    )
    warmest_c = min(limits.temperature_c, costs.limit_c) - costs.heat_k
    yield _Row(name="thermal", actions=facts.works, feature=TEMPERATURE, threshold=warmest_c, sign=-1)
    if limits.respect_power_save:
        yield _Row(name="power_save", actions=facts.trains, feature=POWER_SAVE, threshold=0, sign=-1)
    if limits.train_only_charging:
        yield _Row(name="train_only_charging", actions=facts.trains, feature=CHARGING, threshold=1)
    if limits.sync_only_unmetered:
        yield _Row(name="sync_only_unmetered", actions=facts.syncs, feature=LINK, threshold=Link.FREE)
