"""A device profile's powers out of measured ticks, and how well they foretell ticks that were held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from circadia.energy.profile import Quantity
from circadia.energy.profile_file import with_quantities
from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.field.joules import by_load

if TYPE_CHECKING:
    from circadia.energy.profile import DeviceProfile
    from circadia_lab.field.joules import LoadWatts
    from circadia_lab.field.ticks import Ticks

HELD_OUT = 0.3
"""Share of the ticks, the last ones: what comes later is what a profile has to foretell."""
LEAST_TICKS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was found, and what it is worth."""

    profile: DeviceProfile
    watts: list[LoadWatts]
    """Of the loads that ran."""
    unseen: list[str]
    """Loads that never ran: their powers stay as they were."""
    held_out: int
    """Ticks."""
    total_error: float
    """(foretold − measured) / measured, of their sum."""
    before_error: float
    """The same with the profile as it was."""
    r2: float
    """Of their joules one by one."""


def fit(ticks: Ticks, profile: DeviceProfile, *, name: str, source: str, seed: int = 0) -> Fit:
    """Powers by `by_load` on the first ticks; half an interval becomes the uncertainty. `ConfigError` for too few ticks.

    Rest is `deep_sleep_w` where the profile says that the device can, otherwise `awake_w`.
    """
    if ticks.count < LEAST_TICKS:
        raise ConfigError(f"{ticks.count} ticks have joules; a calibration needs {LEAST_TICKS} at least")
    cut = round((1 - HELD_OUT) * ticks.count)
    watts = by_load(_part(ticks, slice(0, cut)), seed=seed)
    found = {_key(one.load, profile): one.watts for one in watts}
    changes = {
        key: Quantity(
            value=estimate.mean, uncertainty=max((estimate.high - estimate.low) / 2, 1e-6), source=source
        )
        for key, estimate in found.items()
    }
    fitted = replace(with_quantities(profile, changes), name=name)
    later = _part(ticks, slice(cut, None))
    foretold, before = (later.load_s @ _powers(one) for one in (fitted, profile))
    measured = float(later.energy_j.sum())
    return Fit(
        profile=fitted,
        watts=watts,
        unseen=[load.name for load in Load if _key(load.name, profile) not in found],
        held_out=later.count,
        total_error=float(foretold.sum()) / measured - 1,
        before_error=float(before.sum()) / measured - 1,
        r2=1
        - float(
            ((later.energy_j - foretold) ** 2).sum() / ((later.energy_j - later.energy_j.mean()) ** 2).sum()
        ),
    )


def _key(load: str, profile: DeviceProfile) -> str:
    if load == Load.DEEP_SLEEP.name and not profile.can_deep_sleep:
        load = Load.AWAKE.name
    return f"power.{load.lower()}_w"


def _powers(profile: DeviceProfile) -> list[float]:
    return [getattr(profile.power, _key(load.name, profile).removeprefix("power.")).value for load in Load]


def _part(ticks: Ticks, rows: slice) -> Ticks:
    columns = ("t_s", "duration_s", "action", "load_s", "energy_j", "gap_s", "bound_j", "served")
    return replace(ticks, **{name: getattr(ticks, name)[rows] for name in columns})
