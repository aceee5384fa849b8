"""What a field test found, from nothing but its bundle: the same bundle gives the same result on any machine.

The first arm is compared with each other one, pair by pair, by the joules that the agent adds to a device that rests, by
those of the whole device, and by those that come out of its battery. A gain is announced if the test is complete, nothing
that was pinned changed, the A/A phase shows no difference where there is none, the error budget carries it, and the first
arm keeps what the other one gives its user. Otherwise the result says what stands against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.config import load_config
from circadia.errors import ConfigError
from circadia_field.bundle import BROKEN_OFF, ENDED, RESUMED, STARTED
from circadia_field.bundle import DEVICE as DEVICE_FILE
from circadia_field.plan import AGAIN
from circadia_lab.field.analysis.contrast import WATTS, contrast_of
from circadia_lab.field.analysis.kept import balances
from circadia_lab.field.analysis.period_figures import PeriodFigures, figures_of
from circadia_lab.field.analysis.reasons import reasons_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_field.bundle import Bundle
    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.comparison import Balance
    from circadia_lab.field.analysis.contrast import Contrast
    from circadia_lab.field.analysis.reasons import Reason


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
    changed += _changed(log, "meter", "the meter's")
    changed += _changed(log, "chosen", "the person's")
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


def _changed(log: Sequence[dict[str, Any]], what: str, whose: str) -> list[str]:
    """Of the attempts that count, at their start and after every break: what was `meter` or `chosen` and is not any more."""
    counted = {(place, entry["attempt"]) for place, entry in _counted(log).items()}
    met = [
        (entry["period"], entry.get(what, {}))
        for entry in log
        if entry["event"] in {STARTED, RESUMED} and (entry["period"], entry["attempt"]) in counted
    ]
    first = met[0][1] if met else {}
    return [
        f"{whose} {key} was {first.get(key)}, in period {place + 1} {now.get(key)}"
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
    kept = balances(plan, pairs)
    reasons = {
        one.what: reasons_of(
            one,
            pairs=len(pairs),
            planned=planned,
            balances=kept,
            aa=(aa.contrast(one.what), len(aa.pairs), aa.planned) if aa is not None else None,
            changed=changed,
        )
        for one in contrasts
    }
    return Versus(
        phase=pairs[0][0].period.phase if pairs else "",
        other=other,
        pairs=pairs,
        planned=planned,
        contrasts=contrasts,
        balances=kept,
        reasons=reasons,
    )
