"""Hard limits outside the network: they mask actions before one is drawn, whatever the policy scores.

A limit is an array function of the observation; a sensor that a limit needs and that reads NaN counts as over the
limit. Sleeping without a sync is never forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import CATALOGUE, LOCAL_STEPS, NAMES, SERVE_LIMIT, SLEEP
from circadia.energy.profile import mean_voltage_v
from circadia.errors import ConfigError
from circadia.observation import COLUMN
from circadia.policy.sampling import sample
from circadia.types import Decision, Link, Mode, Sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Platform

SOC, TEMPERATURE, CHARGING = COLUMN["battery_soc"], COLUMN["temperature_c"], COLUMN["charging"]
LINK, POWER_SAVE = COLUMN["link"], COLUMN["power_save"]

WORKS = np.array([action != SLEEP for action in CATALOGUE])
TRAINS = np.array([action.mode is Mode.TRAIN for action in CATALOGUE])
SYNCS = np.array([action.sync is not Sync.NONE for action in CATALOGUE])
BITS = 1 << np.arange(len(CATALOGUE))


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

    def __post_init__(self) -> None:
        if not 0 <= self.battery_floor < 1:
            raise ConfigError(f"limits.battery_floor is {self.battery_floor}; it must lie in [0, 1)")
        if not 0 < self.temperature_c <= 100:
            raise ConfigError(f"limits.temperature_c is {self.temperature_c}; it must lie in (0, 100] °C")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionCosts:
    """What each action of the catalogue does to the body at most."""

    supported: NDArray[np.bool_]
    """(actions,) whether the platform can do it."""
    soc: NDArray[np.float32]
    """(actions,) state of charge that it takes."""
    heat_k: NDArray[np.float32]
    """(actions,) how far it raises the temperature."""
    limit_c: float
    """The temperature that the device itself must not exceed."""


def action_costs(platform: Platform, profile: DeviceProfile, sync_bytes: int) -> ActionCosts:
    """Upper bounds from the profile: full batches, `sync_bytes` on the air at the slower link.

    The user's own draw while the action lasts is counted in, and the charge is taken where it holds least, at the
    lowest voltage. Heat is that of a body at its surroundings' temperature, P·R·(1 − exp(−t/RC)), user and charging
    included: a warmer body rises less.
    """
    energy_j, heat_k = [], []
    others_w = profile.user.active_w.value + _charging_loss_w(profile)
    for action in CATALOGUE:
        units = {Mode.TRAIN: LOCAL_STEPS, Mode.SERVE: SERVE_LIMIT}.get(action.mode, {}).get(action.work, 0)
        phases = platform.phases(action, units, sync_bytes if action.sync is not Sync.NONE else 0)
        powers_w = [profile.power_w(phase.load) for phase in phases]
        duration_s = sum(phase.duration_s for phase in phases)
        own_j = sum(p * phase.duration_s for p, phase in zip(powers_w, phases, strict=True))
        energy_j.append(own_j + profile.user.active_w.value * duration_s)
        hottest_w = max(powers_w, default=0.0) + others_w
        heat_k.append(hottest_w * profile.thermal_rise_k_per_w(duration_s))
    return ActionCosts(
        supported=np.array([platform.supports(action) for action in CATALOGUE]),
        soc=(np.array(energy_j) / _least_j(profile)).astype(np.float32),
        heat_k=np.array(heat_k, np.float32),
        limit_c=profile.thermal.limit_c.value,
    )


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
    """The limits as arrays. A limit forbids an action unless exempt or  sign · x[feature] ≥ threshold."""

    features: Any
    """(limits,) columns of the observation."""
    signs: Any
    """(limits,) ±1."""
    thresholds: Any
    """(…, limits, actions), times the sign."""
    exempt: Any
    """(limits, actions) bool."""


def forbidden(x: Any, table: LimitTable) -> Any:
    """(…, features) values → (…, limits, actions) what each limit forbids, with NumPy or JAX arrays."""
    kept = (x[..., table.features] * table.signs)[..., None] >= table.thresholds
    return ~(kept | table.exempt)


class Shield:
    """Masks what a hard limit forbids, then draws."""

    def __init__(self, limits: Limits, costs: ActionCosts) -> None:
        self.limits = limits
        rows = tuple(_rows(limits, costs))
        self.names = tuple(row.name for row in rows)
        signs = np.array([row.sign for row in rows], np.float32)
        thresholds = [np.broadcast_to(np.float32(row.threshold), len(CATALOGUE)) for row in rows]
        self.table = LimitTable(
            features=np.array([row.feature for row in rows]),
            signs=signs,
            thresholds=np.stack(thresholds) * signs[:, None],
            exempt=~np.stack([row.actions for row in rows]),
        )

    def forbidden(self, x: Any) -> Any:
        """(…, features) values → (…, limits, actions) what each of `names` forbids, with NumPy or JAX arrays."""
        return forbidden(x, self.table)

    def decide(self, x: NDArray[np.float32], scores: NDArray[np.float32], u: float) -> Decision:
        """(features,) values and (actions,) scores → the action at quantile `u` in [0, 1) of the masked softmax."""
        offered = scores > -np.inf
        forbidden = self.forbidden(x)
        bits = (forbidden @ BITS).tolist()
        if not any(bits):
            action = CATALOGUE[int(sample(scores, offered, u))]
            return Decision(proposed=action, action=action, feasible=bool(offered.any()))
        admissible = offered & ~forbidden.any(axis=0)
        return Decision(
            proposed=CATALOGUE[int(sample(scores, offered, u))],
            action=CATALOGUE[int(sample(scores, admissible, u))],
            masked=tuple((name, b) for name, b in zip(self.names, bits, strict=True) if b),
            feasible=bool(admissible.any()),
        )


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


def _rows(limits: Limits, costs: ActionCosts) -> Iterator[_Row]:
    if not costs.supported.all():
        yield _Row(name="platform", actions=~costs.supported, feature=SOC, threshold=np.inf)
    yield _Row(name="no_link", actions=SYNCS, feature=LINK, threshold=Link.METERED)
    yield _Row(name="battery_floor", actions=WORKS, feature=SOC, threshold=limits.battery_floor + costs.soc)
    warmest_c = min(limits.temperature_c, costs.limit_c) - costs.heat_k
    yield _Row(name="thermal", actions=WORKS, feature=TEMPERATURE, threshold=warmest_c, sign=-1)
    if limits.respect_power_save:
        yield _Row(name="power_save", actions=TRAINS, feature=POWER_SAVE, threshold=0, sign=-1)
    if limits.train_only_charging:
        yield _Row(name="train_only_charging", actions=TRAINS, feature=CHARGING, threshold=1)
    if limits.sync_only_unmetered:
        yield _Row(name="sync_only_unmetered", actions=SYNCS, feature=LINK, threshold=Link.FREE)


def forbidden_names(bits: int) -> tuple[str, ...]:
    """The stable names behind a bit set of `Decision.masked`."""
    return tuple(name for i, name in enumerate(NAMES) if bits >> i & 1)
