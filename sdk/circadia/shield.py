"""Hard limits outside the network: they mask actions before one is drawn, whatever the policy scores.

A limit is an array function of the observation; a sensor that a limit needs and that reads NaN counts as over the
limit. Sleeping without a sync is never forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import CATALOGUE, LOCAL_STEPS, NAMES, SERVE_LIMIT, SLEEP
from circadia.errors import ConfigError
from circadia.observation import COLUMN
from circadia.policy.sampling import sample
from circadia.types import Decision, Link, Mode, Sync

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile
    from circadia.ports import Platform

SOC, TEMPERATURE, CHARGING = COLUMN["battery_soc"], COLUMN["temperature_c"], COLUMN["charging"]
LINK, POWER_SAVE = COLUMN["link"], COLUMN["power_save"]

WORKS = np.array([action != SLEEP for action in CATALOGUE])
TRAINS = np.array([action.mode is Mode.TRAIN for action in CATALOGUE])
SYNCS = np.array([action.sync is not Sync.NONE for action in CATALOGUE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The hard limits; the thermal one is the smaller of this and the device profile's."""

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


def action_costs(platform: Platform, profile: DeviceProfile, sync_bytes: int) -> ActionCosts:
    """Upper bounds from the profile: full batches, `sync_bytes` on the air at the slower link.

    Heat is that of a body at its surroundings' temperature, P·R·(1 − exp(−t/RC)): a warmer body rises less.
    """
    energy_j, heat_k = [], []
    for action in CATALOGUE:
        units = {Mode.TRAIN: LOCAL_STEPS, Mode.SERVE: SERVE_LIMIT}.get(action.mode, {}).get(action.work, 0)
        phases = platform.phases(action, units, sync_bytes if action.sync is not Sync.NONE else 0)
        powers_w = [profile.power_w(phase.load) for phase in phases]
        energy_j.append(sum(p * phase.duration_s for p, phase in zip(powers_w, phases, strict=True)))
        duration_s = sum(phase.duration_s for phase in phases)
        heat_k.append(max(powers_w, default=0.0) * profile.thermal_rise_k_per_w(duration_s))
    return ActionCosts(
        supported=np.array([platform.supports(action) for action in CATALOGUE]),
        soc=(np.array(energy_j) / profile.capacity_j).astype(np.float32),
        heat_k=np.array(heat_k, np.float32),
    )


class Shield:
    """Masks what a hard limit forbids, then draws."""

    def __init__(self, limits: Limits, costs: ActionCosts) -> None:
        self.limits = limits
        rules: dict[str, Callable[[Any], Any]] = {
            "platform": lambda _x: ~costs.supported,
            "no_link": lambda x: SYNCS & ~(x[..., LINK, None] >= Link.METERED),
            "battery_floor": lambda x: WORKS & ~(x[..., SOC, None] >= limits.battery_floor + costs.soc),
            "thermal": lambda x: WORKS & ~(x[..., TEMPERATURE, None] <= limits.temperature_c - costs.heat_k),
        }
        if costs.supported.all():
            del rules["platform"]
        if limits.respect_power_save:
            rules["power_save"] = lambda x: TRAINS & (x[..., POWER_SAVE, None] > 0)
        if limits.train_only_charging:
            rules["train_only_charging"] = lambda x: TRAINS & ~(x[..., CHARGING, None] > 0)
        if limits.sync_only_unmetered:
            rules["sync_only_unmetered"] = lambda x: SYNCS & ~(x[..., LINK, None] >= Link.FREE)
        self._rules = rules

    def forbidden(self, x: Any) -> dict[str, Any]:
        """(…, features) values → by limit, (…, actions) what it forbids. Array functions of NumPy or JAX."""
        return {name: rule(x) for name, rule in self._rules.items()}

    def decide(self, x: NDArray[np.float32], scores: NDArray[np.float32], u: float) -> Decision:
        """(features,) values and (actions,) scores → the action at quantile `u` in [0, 1) of the masked softmax."""
        offered = scores > -np.inf
        by_limit = np.array([rule(x) for rule in self._rules.values()])
        admissible = offered & ~by_limit.any(axis=0)
        proposed = CATALOGUE[int(sample(scores, offered, u))] if offered.any() else SLEEP
        feasible = bool(admissible.any())
        action = CATALOGUE[int(sample(scores, admissible, u))] if feasible else SLEEP
        return Decision(proposed=proposed, action=action, masked=self._masked(by_limit), feasible=feasible)

    def _masked(self, by_limit: NDArray[np.bool_]) -> tuple[tuple[str, int], ...]:
        if not by_limit.any():
            return ()
        packed = np.packbits(by_limit, axis=1, bitorder="little")
        bits = (int.from_bytes(row.tobytes(), "little") for row in packed)
        return tuple((name, b) for name, b in zip(self._rules, bits, strict=True) if b)


def forbidden_names(bits: int) -> tuple[str, ...]:
    """The stable names behind a bit set of `Decision.masked`."""
    return tuple(name for i, name in enumerate(NAMES) if bits >> i & 1)
