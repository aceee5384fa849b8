"""Irradiance as the physics knows it: a share of a clear sky's sine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia.physics.params import make_params
from circadia.physics.surroundings import sun_j

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.physics.scenario import Scenario
    from circadia_lab.data.traces.irradiance import Irradiance

    Floats = NDArray[np.float64]

LEAST, MOST = 0.05, 1.05
"""What `surroundings_after` clips the clearness to."""
DUSK = 1e-3
"""A step whose clear sky gives less than this share of noon's is dark: its ratio would say nothing."""
HOLDS_S = np.geomspace(60.0, 100 * DAY_S, 4000)
"""The correlation times that are tried."""


class ClearnessStatistics(NamedTuple):
    """What a scenario needs to know of a site's sky."""

    mean: float
    """All the site's energy over all that of the scenario's clear sky."""
    sd: float
    """Of a step's clearness, each weighed by its clear sky."""
    hold_s: float
    """Correlation time of the Ornstein–Uhlenbeck process, not clipped, whose days differ as much as the site's."""
    daily_sd: float
    """Of a day's clearness."""
    clipped: float
    """Share of the site's energy that the limits of the clearness cut off."""
    days: int


def clear_sky_w_m2(scenario: Scenario, start_s: float, step_s: float, steps: int) -> Floats:
    """(steps,) the mean of each step under a clear sky: the physics' own sine."""
    # A panel of 1,000 W at 1,000 W/m² turns W/m² into W.
    params = make_params(shipped_profile("pi-solar"), scenario)._replace(panel_w=np.float64(1000.0))
    starts = start_s + step_s * np.arange(steps)
    clear: Floats = sun_j(starts, step_s, 1.0, params, np) / step_s
    return clear


def clearness(irradiance: Irradiance, scenario: Scenario, bin_s: float | None = None) -> Floats:
    """(bins,) irradiance over the scenario's clear sky in each bin, within [0.05, 1.05], from `start_s` on.

    A bin of several steps has their common ratio, a bin within a step the step's, so that energy is kept up to the
    clipping. A bin in the dark lies on the straight line between its neighbours in daylight. `ConfigError` if bins
    and steps do not fit each other or the sun never shines.
    """
    step_s, steps = irradiance.step_s, len(irradiance.ghi_w_m2)
    bin_s = step_s if bin_s is None else bin_s
    wide, fine = _multiple(bin_s, step_s), _multiple(step_s, bin_s)
    if not (wide or fine) or (wide and steps % wide):
        raise ConfigError(f"{irradiance.where}: bins of {bin_s:g} s do not fit {steps} steps of {step_s:g} s")
    clear = clear_sky_w_m2(scenario, irradiance.start_s, step_s, steps)
    measured = irradiance.ghi_w_m2
    if wide:
        clear, measured = (x.reshape(-1, wide).mean(axis=1) for x in (clear, measured))
    ratio = _ratio(measured, clear, irradiance.where)
    return np.repeat(ratio, fine) if fine > 1 else ratio


def _multiple(longer: float, shorter: float) -> int:
    """How often the one fits into the other, 0 if not without rest."""
    times = round(longer / shorter) if shorter > 0 else 0
    return times if times and abs(times * shorter - longer) <= 1e-6 * longer else 0


def _ratio(measured: Floats, clear: Floats, where: str) -> Floats:
    known = np.flatnonzero(_light(clear, where))
    shares = np.interp(np.arange(len(clear)), known, measured[known] / clear[known])
    ratio: Floats = np.clip(shares, LEAST, MOST)
    return ratio


def _light(clear: Floats, where: str) -> NDArray[np.bool_]:
    light: NDArray[np.bool_] = clear > DUSK * clear.max()
    if not light.any():
        raise ConfigError(f"{where}: the scenario's sun does not shine while it lasts")
    return light


def clearness_statistics(irradiance: Irradiance, scenario: Scenario) -> ClearnessStatistics:
    """The scenario's `clearness_mean`, `clearness_sd` and `clearness_hold_s` at that site, over its whole days.

        Var(day) / Var(step) = Σ_ij w_i w_j exp(−|t_i − t_j| / hold),   w the clear sky's share of the day in a step

    gives the hold: what a battery notices is how much days differ, the seasons' share of it included. `ConfigError`
    with less than two whole days.
    """
    days = irradiance.whole_days
    if len(days) < 2:
        raise ConfigError(
            f"{irradiance.where}: has {len(days)} whole days from midnight on; needs two to tell how they differ"
        )
    clear = clear_sky_w_m2(scenario, 0.0, irradiance.step_s, days.shape[1])
    light = _light(clear, irradiance.where)
    shares = clear[light] / clear[light].sum()
    clipped = np.clip(days[:, light] / clear[light], LEAST, MOST)
    daily = clipped @ shares
    sd = float(np.sqrt(((clipped - daily.mean()) ** 2 @ shares).mean()))
    return ClearnessStatistics(
        mean=float(days.sum() / (len(days) * clear.sum())),
        sd=sd,
        hold_s=_hold_s(shares, np.flatnonzero(light) * irradiance.step_s, (float(daily.std()), sd)),
        daily_sd=float(daily.std()),
        clipped=float(1 - (clipped @ clear[light]).sum() / max(float(days.sum()), 1e-9)),
        days=len(days),
    )


def _hold_s(shares: Floats, t_s: Floats, sds: tuple[float, float]) -> float:
    lags = np.abs(t_s[:, None] - t_s)
    weights = np.bincount(np.rint(lags / 60).astype(np.int64).ravel(), np.outer(shares, shares).ravel())
    minutes = np.flatnonzero(weights)
    ratios = np.exp(-minutes[None, :] * 60 / HOLDS_S[:, None]) @ weights[minutes]
    share = (sds[0] / sds[1]) ** 2 if sds[1] > 0 else 1.0
    return float(np.interp(share, ratios, HOLDS_S))
