"""The power of each load out of ticks' joules, as far as the ticks can tell the loads apart.

    E_k = Σ_l P_l · s_kl

Loads that come in fixed proportion to each other (the wake-up, if all ticks are equally long) leave the sum of their
watts known and their shares open. Then the least known of them is held at what the profile says, its uncertainty goes
into the others', and the fit says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from circadia.errors import ConfigError
from circadia.types import Load
from circadia_lab.measure.joules.joules import CONFIDENCE, LEAST_S, Estimate, by_load

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.energy.profile import DeviceProfile, Quantity
    from circadia_field.ticks import Ticks

DEVIATIONS = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
"""Standard deviations on each side in an interval."""
LEAST_ERROR = 1e-4
"""Share of the ticks' joules: no meter is better, however well a fit goes through."""
WIDEST = 0.5
"""A power that the ticks leave open by more than this share of the profile's value is not found …"""
LEAST_SD_W = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPower:
    """A load whose power was found."""

    load: str
    key: str
    """In the profile."""
    seconds: float
    before: Quantity
    watts: Estimate
    sd_w: float
    """One standard deviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFit:
    """Of all loads."""

    found: list[LoadPower]
    held: dict[str, str]
    """Key in the profile → why its power stays as it was."""
    wake_up_s: float
    """Mean duration of a wake-up; NaN without one."""

    @property
    def wake_up_j(self) -> Estimate | None:
        """Energy of one wake-up, where its power was found."""
        for one in self.found:
            if one.load == Load.WAKE_UP.name:
                low, mean, high = (
                    self.wake_up_s * w for w in (one.watts.low, one.watts.mean, one.watts.high)
                )
                return Estimate(mean=mean, low=low, high=high)
        return None


def key_of(load: Load, profile: DeviceProfile) -> str:
    """Where the profile has the load's power: rest is `awake_w` for a device that cannot sleep deeply."""
    if load is Load.DEEP_SLEEP and not profile.can_deep_sleep:
        load = Load.AWAKE
    return f"power.{load.name.lower()}_w"


def fit_powers(ticks: Ticks, profile: DeviceProfile, *, seed: int = 0) -> PowerFit:
    """By least squares with P ≥ 0, intervals from a block bootstrap (`joules.by_load`), one deviation from them.

    `ConfigError` if the ticks tell no load at all.
    """
    ticks = replace(ticks, load_s=rested_s(ticks, profile))
    before = np.array([profile.power_w(load) for load in Load])
    reasons = _held(ticks, profile)
    if not any(ticks.load_s[:, load].sum() >= LEAST_S and load not in reasons for load in Load):
        raise ConfigError(
            "these ticks do not tell the power of any load; measure for longer, with ticks of different lengths"
        )
    held = np.array([load in reasons for load in Load])
    free = replace(
        ticks,
        energy_j=ticks.energy_j - ticks.load_s[:, held] @ before[held],
        load_s=np.where(held, 0.0, ticks.load_s),
    )
    doubt_w = _doubt_w(ticks, held, profile)
    wakes = int((ticks.load_s[:, Load.WAKE_UP] > 0).sum())
    ran = ticks.load_s.sum(axis=0)
    return PowerFit(
        found=[
            LoadPower(
                load=one.load,
                key=key_of(Load[one.load], profile),
                seconds=one.seconds,
                before=_before(Load[one.load], profile),
                watts=_wider(one.watts, DEVIATIONS * doubt_w[Load[one.load]]),
                sd_w=max(
                    float(
                        np.hypot((one.watts.high - one.watts.low) / (2 * DEVIATIONS), doubt_w[Load[one.load]])
                    ),
                    LEAST_SD_W,
                ),
            )
            for one in by_load(free, seed=seed)
        ],
        held={key_of(load, profile): reason for load, reason in reasons.items()}
        | {f"power.{load.name.lower()}_w": "it never ran" for load in Load if not ran[load]},
        wake_up_s=float(ran[Load.WAKE_UP] / wakes) if wakes else np.nan,
    )


def rested_s(ticks: Ticks, profile: DeviceProfile) -> NDArray[np.float64]:
    """(N, loads) seconds, rest under the load that such a device rests in."""
    load_s = ticks.load_s.copy()
    if not profile.can_deep_sleep:
        load_s[:, Load.AWAKE] += load_s[:, Load.DEEP_SLEEP]
        load_s[:, Load.DEEP_SLEEP] = 0
    return load_s


def _before(load: Load, profile: DeviceProfile) -> Quantity:
    quantity: Quantity = getattr(profile.power, key_of(load, profile).removeprefix("power."))
    return quantity


def _held(ticks: Ticks, profile: DeviceProfile) -> dict[Load, str]:
    """Loads that these ticks do not tell, and why; the least known one is held first, until all others are known."""
    seconds = ticks.load_s.sum(axis=0)
    held = {load: f"{seconds[load]:.1f} s of it are too few" for load in Load if 0 < seconds[load] < LEAST_S}
    while True:
        free = [load for load in Load if seconds[load] >= LEAST_S and load not in held]
        errors = _standard_errors(ticks, free) if free else np.empty(0)
        unknown = [
            (error, load)
            for error, load in zip(errors, free, strict=True)
            if error > max(_before(load, profile).uncertainty, WIDEST * _before(load, profile).value)
        ]
        if not unknown:
            return held
        _, load = max(unknown)
        held[load] = (
            f"{seconds[load]:,.0f} s of it always came in the same proportion to other loads, or the joules scatter too "
            "much; ticks of different lengths tell them apart"
        )


def _standard_errors(ticks: Ticks, loads: list[Load]) -> NDArray[np.float64]:
    """(loads,) watts, by ordinary least squares; huge for what cannot be told."""
    weight = 1 / np.sqrt(ticks.duration_s)
    x, y = ticks.load_s[:, loads] * weight[:, None], ticks.energy_j * weight
    norms = np.linalg.norm(x, axis=0)
    _, singular, turned = np.linalg.svd(x / norms, full_matrices=False)
    left_over = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    sigma = max(
        float(np.sqrt((left_over**2).sum() / max(len(y) - len(loads), 1))),
        LEAST_ERROR * float(np.sqrt((y**2).mean())),
    )
    shares = turned / np.maximum(singular, 1e-12)[:, None]
    errors: NDArray[np.float64] = sigma * np.linalg.norm(shares, axis=0) / norms
    return errors


def _doubt_w(ticks: Ticks, held: NDArray[np.bool_], profile: DeviceProfile) -> NDArray[np.float64]:
    """(loads,) how far the held loads' uncertainties move the others: by −(XᵀX)⁻¹ Xᵀ x_held each."""
    doubt = np.zeros(len(Load))
    free = ~held & (ticks.load_s.sum(axis=0) >= LEAST_S)
    x = ticks.load_s / np.sqrt(ticks.duration_s)[:, None]
    for load in (load for load in Load if held[load]):
        moved = np.linalg.lstsq(x[:, free], x[:, load], rcond=None)[0] * _before(load, profile).uncertainty
        doubt[free] = np.hypot(doubt[free], moved)
    return doubt


def _wider(estimate: Estimate, by: float) -> Estimate:
    mean = estimate.mean
    low, high = np.hypot(mean - estimate.low, by), np.hypot(estimate.high - mean, by)
    return Estimate(mean=mean, low=max(float(mean - low), 0.0), high=float(mean + high))
