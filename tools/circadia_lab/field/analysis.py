"""What a field test found, from nothing but its bundle: the same bundle gives the same result on any machine.

The first arm is compared with each other one, pair by pair, by the joules that the agent adds to a device that rests, by
those of the whole device, and by those that come out of its battery. A gain is announced if the test is complete, nothing that was pinned changed, the A/A phase
shows no difference where there is none, the error budget carries it, and the first arm keeps what the other one gives its
user. Otherwise the result says what stands against it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.config import load_config
from circadia.errors import ConfigError
from circadia_lab.field.bundle import BROKEN_OFF, ENDED, RESUMED, STARTED
from circadia_lab.field.bundle import DEVICE as DEVICE_FILE
from circadia_lab.field.comparison import Balance, Comparison, balance, compare
from circadia_lab.field.period_figures import PeriodFigures, figures_of
from circadia_lab.field.plan import AGAIN, LEAST_PAIRS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.field.bundle import Bundle
    from circadia_lab.field.plan import Plan

AGENT, DEVICE, BATTERY = "agent", "device", "battery"
WATTS: dict[str, Callable[[PeriodFigures], float]] = {
    AGENT: lambda one: one.agent_w,
    DEVICE: lambda one: one.device_w,
    BATTERY: lambda one: one.battery_w,
}
"""What is compared: joules over the same time; `battery`: of the time without a charger, which is what a battery's life
depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Something that has to hold before a gain is announced."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The first arm against another, by one kind of joules."""

    what: str
    """`agent`, `device` or `battery`."""
    comparison: Comparison | None
    """None if there are too few pairs or a figure is not above 0."""
    low: float
    high: float
    """Of the change, with the meter's error budget."""
    budget: float
    """One deviation of ln(first / other) by the meter."""
    true_change: float
    """In these very periods, of all that flowed, where that is known; NaN elsewhere, and but for the whole device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """The first arm against another one: itself again in the A/A phase."""

    phase: str
    other: str
    pairs: tuple[tuple[PeriodFigures, PeriodFigures], ...]
    """(first arm's period, the other's)"""
    planned: int
    contrasts: tuple[Contrast, ...]
    balances: dict[str, Balance]
    """By figure."""
    reasons: dict[str, tuple[Reason, ...]]
    """By kind of joules: what a gain needs."""

    def contrast(self, what: str) -> Contrast:
        """Of that kind."""
        return next(one for one in self.contrasts if one.what == what)

    def announced(self, what: str) -> bool:
        """Whether the first arm draws less, and everything carries that."""
        return all(reason.holds for reason in self.reasons[what])


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The whole test."""

    plan: Plan
    periods: tuple[PeriodFigures, ...]
    """In order of time."""
    versus: tuple[Versus, ...]
    """The A/A phase first."""
    void: int
    """Attempts that did not count."""
    broken_off: int
    source: str
    """Of the joules: measured, modelled or simulated."""
    real: bool
    """Whether the device's body was real: its latencies and temperatures are measured then."""
    changed: tuple[str, ...]
    """What was the same at the start of the test, and was not later."""


def analyse(bundle: Bundle) -> Analysis:
    """`ConfigError` for a test without a single period."""
    log = bundle.log()
    ended = _counted(log)
    started = {(e["period"], e["attempt"]): e for e in log if e["event"] == STARTED}
    if not ended:
        raise ConfigError(f"{bundle.folder}: no period has ended yet; `circadia field run` goes on with it")
    try:
        periods = _periods(bundle, started, ended)
    except (KeyError, TypeError, IndexError) as error:
        raise ConfigError(
            f"{bundle.folder}: its log lacks {error}; it was written by another version of Circadia, or changed"
        ) from error
    real = load_config(bundle.folder / DEVICE_FILE).platform.kind != "simulated"
    return concluded(bundle.plan, periods, log, real=real)


def concluded(
    plan: Plan, periods: tuple[PeriodFigures, ...], log: Sequence[dict[str, Any]], *, real: bool
) -> Analysis:
    """What follows from the periods, one or more; `real`: whether the device's body was."""
    sources = {one.ticks.source for one in periods}
    changed = [] if len(sources) == 1 else [f"joules are {' and '.join(sorted(sources))}"]
    changed += _changed_meter(log)
    first = _versus(plan, periods, 0, None, changed)
    others = [_versus(plan, periods, number, first, changed) for number in range(1, len(plan.arms))]
    return Analysis(
        plan=plan,
        periods=periods,
        versus=(first, *others),
        void=sum(entry["event"] == ENDED and bool(entry.get("void")) for entry in log),
        broken_off=sum(entry["event"] == BROKEN_OFF for entry in log),
        source=" and ".join(sorted(sources)),
        real=real,
        changed=tuple(changed),
    )


def _counted(log: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Period → the line that ended the attempt that counts."""
    return {e["period"]: e for e in log if e["event"] == ENDED and not e.get("void")}


def _periods(
    bundle: Bundle, started: dict[tuple[int, int], dict[str, Any]], ended: dict[int, dict[str, Any]]
) -> tuple[PeriodFigures, ...]:
    """Of all attempts that count, in order."""
    schedule, deadline_s = bundle.plan.schedule(), bundle.plan.deadline_s
    return tuple(
        figures_of(
            bundle.period(place, entry["attempt"]),
            place,
            schedule[place],
            started[place, entry["attempt"]],
            entry,
            deadline_s,
        )
        for place, entry in sorted(ended.items())
    )


def _changed_meter(log: Sequence[dict[str, Any]]) -> list[str]:
    """Of the attempts that count, at their start and after every break."""
    counted = {(place, entry["attempt"]) for place, entry in _counted(log).items()}
    met = [
        (entry["period"], entry.get("meter", {}))
        for entry in log
        if entry["event"] in {STARTED, RESUMED} and (entry["period"], entry["attempt"]) in counted
    ]
    first = met[0][1] if met else {}
    return [
        f"the meter's {key} was {first.get(key)}, in period {place + 1} {now.get(key)}"
        for place, now in met[1:]
        for key in sorted(first.keys() | now.keys())
        if first.get(key) != now.get(key)
    ]


def _versus(
    plan: Plan, periods: Sequence[PeriodFigures], number: int, aa: Versus | None, changed: Sequence[str]
) -> Versus:
    """`aa`: what the A/A phase found; None for that phase itself."""
    first = plan.first_arm
    other = first + AGAIN if aa is None else list(plan.arms)[number]
    found: dict[tuple[int, str], PeriodFigures] = {
        (one.period.pair, one.period.arm): one for one in periods if one.period.comparison == number
    }
    planned = plan.aa_pairs if aa is None else plan.pairs
    pairs = tuple(
        (found[pair, first], found[pair, other])
        for pair in range(planned)
        if (pair, first) in found and (pair, other) in found
    )
    contrasts = tuple(contrast_of(plan, pairs, what) for what in WATTS)
    balances = _balances(plan, pairs)
    reasons = {
        one.what: _reasons(one, pairs=len(pairs), planned=planned, balances=balances, aa=aa, changed=changed)
        for one in contrasts
    }
    return Versus(
        phase=pairs[0][0].period.phase if pairs else "",
        other=other,
        pairs=pairs,
        planned=planned,
        contrasts=contrasts,
        balances=balances,
        reasons=reasons,
    )


def contrast_of(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]], what: str) -> Contrast:
    """Of one kind of joules, `agent`, `device` or `battery`; (first arm's, other's) pairs."""
    watts = WATTS[what]
    ours, theirs = (np.array([watts(pair[side]) for pair in pairs]) for side in (0, 1))
    usable = len(pairs) >= LEAST_PAIRS and bool((ours > 0).all() and (theirs > 0).all())
    comparison = compare(theirs, ours, seed=plan.seed) if usable else None
    budget = _budget(plan, pairs, what) if usable else math.nan
    low, high = comparison.widened(budget) if comparison else (math.nan, math.nan)
    truth = [math.log(a.true_w / b.true_w) for a, b in pairs if a.true_w > 0 and b.true_w > 0]
    known = what == DEVICE and truth and len(truth) == len(pairs)
    return Contrast(
        what=what,
        comparison=comparison,
        low=low,
        high=high,
        budget=budget,
        true_change=math.expm1(float(np.mean(truth))) if known else math.nan,
    )


def _budget(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]], what: str) -> float:
    """One deviation of the mean ln(a / b) by one meter.

    Its gain is the same in both and cancels. Its offset o adds as many watts to both,  o · |1/P_a − 1/P_b|; from the agent's
    joules it goes with the rest. Clocks, gaps and sampling differ from period to period:  √Σ (σ/P)² / n.
    """
    watts = WATTS[what]
    ours, theirs = (np.array([watts(pair[side]) for pair in pairs]) for side in (0, 1))
    clocks = np.array([[one.clocks_w / watts(one) for one in pair] for pair in pairs])
    offset_w = 0.0 if what == AGENT else plan.meter_offset_w
    offset = offset_w * abs(float((1 / ours - 1 / theirs).mean()))
    return math.hypot(offset, float(np.sqrt((clocks**2).sum())) / len(pairs))


KEPT: dict[str, tuple[str, Callable[[PeriodFigures], float], str, bool, bool]] = {
    "served": ("served of all asked", lambda one: one.served_share, "served_margin", False, True),
    "latency": (
        "95th percentile of the latency",
        lambda one: one.latency_p95_s,
        "latency_margin",
        True,
        False,
    ),
    "data age": ("age of unlearned data", lambda one: one.data_age_s, "staleness_margin", True, False),
    "model age": ("age of the model", lambda one: one.model_age_s, "staleness_margin", True, False),
    "accuracy": ("right answers", lambda one: one.accuracy, "accuracy_margin", False, True),
}
"""Figure → words, its value, the plan's margin, whether that is a share of the other arm's, whether more is better."""


def _balances(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]]) -> dict[str, Balance]:
    """Of the figures that all periods have; the model's age is not known to a device that learns alone."""
    found = {}
    for name, (_, value, margin, relative, more_is_better) in KEPT.items():
        ours, theirs = (np.array([value(pair[side]) for pair in pairs]) for side in (0, 1))
        if len(pairs) >= LEAST_PAIRS and np.isfinite(ours).all() and np.isfinite(theirs).all():
            found[name] = balance(
                theirs, ours, getattr(plan, margin), relative=relative, more_is_better=more_is_better
            )
    return found


def _reasons(
    contrast: Contrast,
    *,
    pairs: int,
    planned: int,
    balances: dict[str, Balance],
    aa: Versus | None,
    changed: Sequence[str],
) -> tuple[Reason, ...]:
    found = [
        Reason(name="complete", holds=pairs == planned, detail=f"{pairs} of {planned} pairs"),
        Reason(name="pinned", holds=not changed, detail="; ".join(changed) or "nothing changed"),
    ]
    if aa is not None:
        found.append(_aa_reason(aa, contrast.what))
    comparison = contrast.comparison
    if comparison is None:
        return (
            *found,
            Reason(name="seen", holds=False, detail="too few pairs, or figures that are not above 0"),
        )
    found += [
        Reason(
            name="seen",
            holds=comparison.seen and comparison.change < 0,
            detail=f"{comparison.change:+.1%} [{comparison.low:+.1%}, {comparison.high:+.1%}], p = {comparison.p:.3f}",
        ),
        Reason(
            name="error budget",
            holds=contrast.high < 0,
            detail=f"{contrast.budget:.2%} by the meter: [{contrast.low:+.1%}, {contrast.high:+.1%}]",
        ),
    ]
    missing = {"served", "latency", "accuracy"} - balances.keys()
    found += [Reason(name=name, holds=False, detail="no figure in every period") for name in sorted(missing)]
    return (*found, *(_balance_reason(name, one) for name, one in balances.items()))


def _aa_reason(aa: Versus, what: str) -> Reason:
    found = aa.contrast(what).comparison
    if found is None:
        return Reason(
            name="A/A", holds=False, detail=f"{len(aa.pairs)} of {aa.planned} pairs, or figures not above 0"
        )
    told = f"{found.change:+.1%} [{found.low:+.1%}, {found.high:+.1%}], p = {found.p:.3f}"
    if found.seen:
        told = f"shows a difference where there is none: {told}"
    if len(aa.pairs) < aa.planned:
        told = f"{len(aa.pairs)} of {aa.planned} pairs; {told}"
    return Reason(name="A/A", holds=not found.seen and len(aa.pairs) == aa.planned, detail=told)


def _balance_reason(name: str, one: Balance) -> Reason:
    return Reason(
        name=name,
        holds=one.kept,
        detail=f"{one.verdict}: {one.difference:+.1%} [{one.low:+.1%}, {one.high:+.1%}], margin {one.margin:.0%}",
    )
