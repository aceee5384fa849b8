"""A field test's result as JSON, every figure with its unit and where it comes from; and how two results are compared."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from circadia_field.plan import AGAIN
from circadia_lab.field.analysis.contrast import WATTS
from circadia_lab.page.page import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.analysis import Analysis, Versus
    from circadia_lab.field.analysis.contrast import Contrast
    from circadia_lab.field.analysis.period_figures import PeriodFigures

FORMAT = 1
MEASURED, MODELLED, SIMULATED = "measured", "modelled", "simulated"
SAME = 1e-6
"""Relative: sums in another order, another processor's logarithms."""

ARM: dict[str, tuple[str, str, Callable[[PeriodFigures], float]]] = {
    "device_w": ("W", "joules", lambda one: one.device_w),
    "battery_w": ("W", "joules", lambda one: one.battery_w),
    "agent_w": ("W", "joules", lambda one: one.agent_w),
    "agent_j_per_request": ("J", "joules", lambda one: one.agent_j_per_request),
    "device_j_per_request": ("J", "joules", lambda one: one.device_j_per_request),
    "served_share": ("", "body", lambda one: one.served_share),
    "latency_p95_s": ("s", "body", lambda one: one.latency_p95_s),
    "data_age_s": ("s", "body", lambda one: one.data_age_s),
    "model_age_s": ("s", "body", lambda one: one.model_age_s),
    "accuracy": ("", "body", lambda one: one.accuracy),
    "temperature_c": ("°C", "body", lambda one: one.temperature_c),
}
"""Figure of an arm → unit, which source it has, its value in a period."""

OFFSET = {"device_w": True, "battery_w": True, "agent_w": False}
"""Watts → whether the meter's offset is in them; from the agent's it goes with the rest."""


def as_json(analysis: Analysis, profile: DeviceProfile) -> dict[str, Any]:
    """NaN as null. `profile`: its battery's capacity makes hours out of watts."""
    plan = analysis.plan
    found: dict[str, Any] = finite(
        {
            "format": FORMAT,
            "plan_sha256": plan.digest,
            "source": analysis.source,
            "sources": sources(analysis),
            "periods_planned": len(plan.schedule()),
            "periods": [_period(analysis, one) for one in analysis.periods],
            "void": analysis.void,
            "broken_off": analysis.broken_off,
            "changed": list(analysis.changed),
            "arms": {arm: _arm(analysis, arm, profile) for arm in _arms(analysis)},
            "versus": [_versus(analysis, one) for one in analysis.versus],
            "gain_announced": any(
                one["announced"] for v in analysis.versus[1:] for one in _kinds(analysis, v).values()
            ),
        }
    )
    return found


def sources(analysis: Analysis) -> dict[str, str]:
    """Of joules, of what the body did, and of hours, which need a capacity."""
    body = MEASURED if analysis.real else SIMULATED
    return {
        "joules": analysis.source,
        "body": body,
        "hours": MODELLED if analysis.source == MEASURED else analysis.source,
    }


def _arms(analysis: Analysis) -> list[str]:
    arms = list(analysis.plan.arms)
    return [arms[0], arms[0] + AGAIN, *arms[1:]]


def periods_of(analysis: Analysis, arm: str) -> list[PeriodFigures]:
    """In which it ran."""
    return [one for one in analysis.periods if one.period.arm == arm]


def _arm(analysis: Analysis, arm: str, profile: DeviceProfile) -> dict[str, Any]:
    periods, marked = periods_of(analysis, arm), sources(analysis)
    found: dict[str, Any] = {"periods": len(periods)}
    for name, (unit, kind, value) in ARM.items():
        found[name] = {**interval([value(one) for one in periods]), "unit": unit, "source": marked[kind]}
    for name in OFFSET:
        found[name]["meter_sd"] = _meter_sd(analysis.plan, periods, name)
    hours = [profile.capacity_j / one.battery_w / 3600 for one in periods if one.battery_w > 0]
    found["device_hours"] = {**interval(hours), "unit": "h", "source": marked["hours"]}
    return found


def _meter_sd(plan: Plan, periods: Sequence[PeriodFigures], name: str) -> float:
    """One deviation of an arm's watts by the meter: √((g · P)² + o² + Σ σ² / n²). Between arms its gain cancels."""
    watts = [ARM[name][2](one) for one in periods]
    known = [value for value in watts if math.isfinite(value)]
    if not known:
        return math.nan
    clocks_w = math.sqrt(sum(one.clocks_w**2 for one in periods)) / len(periods)
    offset_w = plan.meter_offset_w if OFFSET[name] else 0.0
    return math.hypot(plan.meter_gain * float(np.mean(known)), offset_w, clocks_w)


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % interval by Student's t of the periods that have a figure."""
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < 2:
        return {"mean": float(known.mean()) if len(known) else math.nan, "low": math.nan, "high": math.nan}
    half = float(stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known)))
    mean = float(known.mean())
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _period(analysis: Analysis, one: PeriodFigures) -> dict[str, Any]:
    marked = sources(analysis)
    return {
        "place": one.place,
        **asdict(one.period),
        "source": {"joules": one.ticks.source, "body": marked["body"], "true_w": SIMULATED},
        "seconds": one.seconds,
        "lost_share": one.lost_share,
        "device_w": one.device_w,
        "battery_w": one.battery_w,
        "rest_w": one.rest_w,
        "agent_w": one.agent_w,
        "clocks_w": one.clocks_w,
        "true_w": one.true_w,
        "asked": one.asked,
        "served": one.served,
        "right": one.right,
        "latency_p95_s": one.latency_p95_s,
        "data_age_s": one.data_age_s,
        "model_age_s": one.model_age_s,
        "soc": list(one.soc),
        "temperature_c": one.temperature_c,
        "meter": one.meter,
        "errors": one.errors,
    }


def _versus(analysis: Analysis, one: Versus) -> dict[str, Any]:
    return {
        "first": analysis.plan.first_arm,
        "other": one.other,
        "pairs": len(one.pairs),
        "planned": one.planned,
        "joules": _kinds(analysis, one),
        "kept": {
            name: {**asdict(found), "source": sources(analysis)["body"]}
            for name, found in one.balances.items()
        },
    }


def _kinds(analysis: Analysis, one: Versus) -> dict[str, dict[str, Any]]:
    is_aa = one is analysis.versus[0]
    return {
        what: {
            **_contrast(one.contrast(what), analysis.source),
            "announced": not is_aa and one.announced(what),
            "reasons": [asdict(reason) for reason in one.reasons[what]],
        }
        for what in WATTS
    }


def _contrast(one: Contrast, source: str) -> dict[str, Any]:
    found = one.comparison
    return {
        "change": found.change if found else math.nan,
        "low": found.low if found else math.nan,
        "high": found.high if found else math.nan,
        "p": found.p if found else math.nan,
        "budget": one.budget,
        "low_with_budget": one.low,
        "high_with_budget": one.high,
        "true_change": one.true_change,
        "source": source,
    }


def differences(told: Any, found: Any, where: str = "") -> list[str]:
    """Where two results differ by more than `SAME`, in words."""
    if isinstance(told, dict) and isinstance(found, dict):
        keys = sorted(told.keys() | found.keys())
        return [
            line
            for key in keys
            for line in differences(told.get(key), found.get(key), f"{where}.{key}".lstrip("."))
        ]
    if isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        return [
            line
            for i, pair in enumerate(zip(told, found, strict=True))
            for line in differences(*pair, f"{where}[{i}]")
        ]
    numbers = isinstance(told, int | float) and isinstance(found, int | float)
    if numbers and math.isclose(told, found, rel_tol=SAME, abs_tol=1e-12):
        return []
    return [] if told == found else [f"{where}: the bundle says {told}, its raw data {found}"]
