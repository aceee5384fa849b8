"""The report's tables, as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.policy.env.interface import COSTS, OBJECTIVES
from circadia_lab.policy.evaluation.arm import KINDS
from circadia_lab.policy.evaluation.confidence import paired
from circadia_lab.policy.evaluation.evaluation import OURS
from circadia_lab.policy.evaluation.figures import (
    by_kind,
    expected_utility,
    feasible,
    utilities,
    violating_fractions,
    worst_costs,
)
from circadia_lab.policy.evaluation.result import best_rival, coupling, mean, transfer, volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.arm import Arm
    from circadia_lab.policy.evaluation.confidence import Interval
    from circadia_lab.policy.evaluation.evaluation import Evaluation, Scenario
    from circadia_lab.policy.evaluation.foretold import Foretold
    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures

    Floats = NDArray[np.float64]
    Rows = tuple[tuple[str, ...], ...]

ABSENT = "–"
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text in groups; a row's first cells are left-aligned."""

    name: str
    """Of its anchor."""
    title: str
    caption: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, Rows], ...]
    """(heading, rows); no heading where it is empty."""
    left: int = 1
    """Left-aligned columns."""


def tables(evaluation: Evaluation) -> list[Table]:
    """All of them, in the page's order."""
    found = [arms(scenario, i) for i, scenario in enumerate(evaluation.scenarios)]
    if evaluation.scenarios:
        found += [limits_by_kind(evaluation.scenarios), binding(evaluation.scenarios)]
        found += [won_by_rules(evaluation.scenarios), by_preference(evaluation.scenarios[0])]
        found += [coupled_or_apart(evaluation.scenarios), transfers(evaluation.scenarios)]
    if evaluation.oracle:
        found.append(certified(evaluation.oracle))
    found += [foretold(evaluation.foretold, evaluation.not_foretold), settings(evaluation.scenarios)]
    return [table for table in found if any(rows for _, rows in table.groups)]


def foretold(rows: Sequence[Foretold], left_out: Mapping[str, str]) -> Table:
    """The simulator against a run of the demonstration, and the arms that it cannot play."""
    cells = {
        arm: tuple(
            (row.name, row.unit, _figure(row.foretold), _figure(row.found), percent(row.off))
            for row in rows
            if row.arm == arm
        )
        for arm in dict.fromkeys(row.arm for row in rows)
    } | {arm: ((f"not foretold: {why}", *[ABSENT] * 4),) for arm, why in left_out.items()}
    return Table(
        name="foretold",
        title="What the simulator foretold of a run",
        caption=(
            "Each arm of ./tools/run, the first day of new devices, and the same day of many copies of them in the simulator. In "
            "the run devices, training, inference and federation are real and batteries simulated."
        ),
        columns=("figure", "unit", "foretold", "in the run", "off by"),
        groups=tuple(cells.items()),
        left=2,
    )


ARM_COLUMNS = (
    "policy", "utility", f"{OURS} − this", "hyper- volume", "violating", "worst cost / limit", "battery life, h",
    "J / served", "accuracy", "p95 latency, s", "p95 model age, h", "expired", "floor crossed",
)  # fmt: skip


def arms(scenario: Scenario, place: int = 0) -> Table:
    """Every policy in one scenario: rivals, those that break limits, references."""
    ordered = sorted(scenario.arms, key=lambda arm: (-expected_utility(arm).mean, arm.name))
    able = [arm for arm in ordered if arm.kind != "reference" and feasible(arm)]
    unable = [arm for arm in ordered if arm.kind != "reference" and not feasible(arm)]
    references = [arm for arm in ordered if arm.kind == "reference"]
    kept = "Keeps the limits, under 20 of the 21 preferences at least"
    apart = "Breaks limits: listed apart, its utility is bought with what was not allowed"
    return Table(
        name=f"arms-{place}",
        title=f"Policies in {scenario.name}",
        caption=(
            f"{', '.join(scenario.devices)}{'; not seen in training' if scenario.unseen else ''}. Means over the 21 "
            "preferences and over all devices; trained policies: mean and 95 % interval over training seeds. Violating: "
            "share of preferences under which a kind of device has a cost above its limit, strictly, and that cost: of the "
            "worst seed. Battery and joules are simulated, accuracy is modelled."
        ),
        columns=ARM_COLUMNS,
        groups=(
            (kept, tuple(_arm_row(scenario, arm) for arm in able)),
            (apart, tuple(_arm_row(scenario, arm) for arm in unable)),
            (KINDS["reference"].capitalize(), tuple(_arm_row(scenario, arm) for arm in references)),
        ),
    )


def _arm_row(scenario: Scenario, arm: Arm) -> tuple[str, ...]:
    worst = max(worst_costs(arm))
    return (
        arm.name,
        with_interval(expected_utility(arm)),
        ABSENT if arm.name == OURS else with_interval(over(scenario.ours, arm), sign=True),
        f"{volume(arm):.3f}",
        percent(max(violating_fractions(arm))),
        f"{worst:.2f}",
        number(mean(arm, "battery_life_h"), 1),
        number(mean(arm, "joules_per_served"), 1),
        number(mean(arm, "accuracy"), 3),
        number(mean(arm, "latency_p95_s"), 1),
        number(mean(arm, "staleness_p95_s") / HOUR_S, 1),
        percent(mean(arm, "expired_share"), 1),
        f"{sum(played.crossings.sum() for played in arm.plays):.0f}",
    )


def limits_by_kind(scenarios: Sequence[Scenario]) -> Table:
    """How each kind of device keeps the limits, under the trained policy and the best rule."""
    groups = tuple((scenario.name, tuple(_kind_rows(scenario))) for scenario in scenarios)
    return Table(
        name="limits-by-kind",
        title="Limits, kind by kind of device",
        caption=(
            "A limit holds for each kind of device. Violating: share of the preferences under which that kind has a cost above "
            "its limit; costs: the largest average over its limit of all preferences. Of the worst training seed."
        ),
        columns=("kind of device", "policy", "violating", *(f"{cost} / limit" for cost in COSTS)),
        groups=groups,
        left=2,
    )


def _kind_rows(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    rival = best_rival(scenario)
    for arm in (scenario.ours, *([rival] if rival else [])):
        for of in by_kind(arm):
            yield (of.kind, arm.name, percent(of.violating_fraction), *(f"{x:.2f}" for x in of.over_limit))


def binding(scenarios: Sequence[Scenario]) -> Table:
    """Whether the limits ask for anything."""
    rows = tuple(
        (scenario.name, *(percent(scenario.binding[cost]) for cost in COSTS))
        for scenario in scenarios
        if scenario.binding
    )
    return Table(
        name="binding",
        title="Whether the limits bind",
        caption=(
            "Share of the preferences under which the best of all searched rules, freed of this limit alone, breaks it for some "
            "kind of device. A limit that nobody would break asks for nothing. From the search's own plays."
        ),
        columns=("scenario", *COSTS),
        groups=(("", rows),),
    )


def over(ours: Arm, other: Arm) -> Interval:
    """Utility of ours less another's, over the training seeds; a rule is the same for all of them."""
    mine, theirs = utilities(ours), utilities(other)
    if len(theirs) != len(mine):
        theirs = [float(np.mean(theirs))] * len(mine)
    return paired(mine, theirs)


def won_by_rules(scenarios: Sequence[Scenario]) -> Table:
    """Where a rule or a file that keeps the limits has the higher utility."""
    rows = tuple(row for scenario in scenarios for row in _wins(scenario))
    none = ((f"nowhere: {OURS} is ahead under every preference of every scenario", "", "", "", "", ""),)
    return Table(
        name="rules-win",
        title="Where a rule wins",
        caption=(
            "Preferences (accuracy, latency, energy) under which the best of the rules and files that keep all limits "
            f"there has a higher utility than {OURS} has in the mean over its seeds, or {OURS} breaks a limit; every "
            "scenario, nothing left out."
        ),
        columns=("scenario", "preference", "rule", f"{OURS}", "rule's", "rule − ours"),
        groups=(("", rows or none),),
        left=3,
    )


def _wins(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    ours = np.mean([played.utilities for played in scenario.ours.plays], axis=0)
    preferences = scenario.ours.plays[0].preferences
    for i, preference in enumerate(preferences):
        able = [arm for arm in scenario.rivals if (arm.plays[0].excess[i] <= 0).all()]
        rule = max(able, key=lambda arm: float(arm.plays[0].utilities[i]), default=None)
        value = float(rule.plays[0].utilities[i]) if rule else math.nan
        broken = np.median([played.excess[i].max() for played in scenario.ours.plays]) > 0
        if value > ours[i] or broken:
            name = rule.name if rule else "none keeps the limits"
            note = f"{name} ({OURS} breaks a limit here)" if broken else name
            yield (
                scenario.name, weights(preference), note, f"{ours[i]:.4f}", number(value, 4), number(value - ours[i], 4),
            )  # fmt: skip


def by_preference(scenario: Scenario) -> Table:
    """The trained policy, preference by preference."""
    ours = scenario.ours
    reward, cost = (np.mean([getattr(p, key) for p in ours.plays], axis=0) for key in ("reward", "cost"))
    played = ours.plays[0]
    broken = np.array([played.excess > 0 for played in ours.plays]).sum(0)
    life, joules = (np.mean([getattr(p, key) for p in ours.plays], axis=0) for key in _LIFE)
    latency = np.mean([p.latency_s(0.95) for p in ours.plays], axis=0)
    age = np.mean([p.staleness_s(0.95) for p in ours.plays], axis=0)
    accuracy = np.mean([p.accuracy for p in ours.plays], axis=0)
    modes = np.mean([p.mode_shares for p in ours.plays], axis=0)
    rows = tuple(
        (
            weights(preference), f"{(preference * reward[i]).sum():.4f}", *(f"{r:.3f}" for r in reward[i]),
            *(_kept(c, limit, n, len(ours.plays)) for c, limit, n in zip(cost[i], played.limits, broken[i], strict=True)),
            f"{accuracy[i]:.3f}", f"{latency[i]:.1f}", f"{age[i] / HOUR_S:.1f}", f"{life[i]:.1f}", f"{joules[i]:.1f}",
            " / ".join(f"{100 * m:.0f}" for m in modes[i]),
        )
        for i, preference in enumerate(played.preferences)
    )  # fmt: skip
    return Table(
        name="by-preference",
        title=f"{OURS} in {scenario.name}, preference by preference",
        caption=(
            "Preference: accuracy, latency, energy. Rewards and costs are averages over time, means over the training "
            "seeds; a cost reads average / limit of the worst kind of device, and how many seeds are above it, if any. Modes: sleep / serve / train, % "
            "of the ticks."
        ),
        columns=(
            "preference", "utility", *(f"reward: {name}" for name in OBJECTIVES), *COSTS, "accuracy", "p95 latency, s", "p95 model age, h",
            "battery life, h", "J / served", "modes",
        ),
        groups=(("", rows),),
    )  # fmt: skip


_LIFE = ("battery_life_h", "j_per_served")


def _kept(cost: float, limit: float, broken: int, seeds: int) -> str:
    text = f"{cost / limit:.2f}"
    return f"{text} ({broken} of {seeds} above)" if broken else text


def coupled_or_apart(scenarios: Sequence[Scenario]) -> Table:
    """What it is worth to decide training and serving together."""
    gains = [(scenario.name, coupling(scenario)) for scenario in scenarios]
    rows = tuple(
        (name, f"{gain.mean:+.4f}", *_ends(gain), str(gain.seeds), _verdict(gain))
        for name, gain in gains
        if gain
    )
    return Table(
        name="coupling",
        title="What deciding together is worth",
        caption=(
            "Utility of one network that decides about training and serving, less that of two half as wide that decide "
            "apart, each blind to the other’s backlog; same steps, same seeds, pair by pair: mean and 95 % interval "
            "(Student’s t)."
        ),
        columns=("scenario", "gain", "low", "high", "seeds", "verdict"),
        groups=(("", rows),),
    )


def _ends(gain: Interval) -> tuple[str, str]:
    return (number(gain.low, 4, sign=True), number(gain.high, 4, sign=True))


def _verdict(gain: Interval) -> str:
    if not math.isfinite(gain.low):
        return "one seed: no interval"
    if gain.low > 0:
        return "together is better"
    return "apart is better" if gain.high < 0 else "no difference shown"


def transfers(scenarios: Sequence[Scenario]) -> Table:
    """Devices and days that training did not see."""
    head, *others = scenarios
    found = [(s, transfer(head, s), best_rival(s)) for s in others if s.unseen]
    rows = tuple(
        (
            s.name, f"{expected_utility(s.ours).mean:.4f}", rival.name if rival else ABSENT,
            f"{expected_utility(rival).mean:.4f}" if rival else ABSENT, number(ratio, 3),
        )
        for s, ratio, rival in found
    )  # fmt: skip
    return Table(
        name="transfer",
        title="Devices and days that training did not see",
        caption=(
            "Transfer ratio: (ours − random) / (best rule − random) there over the same where it was trained; the rule is "
            "searched anew on each, which we are not. 1 loses nothing."
        ),
        columns=("scenario", "ours", "best rule, searched there", "its utility", "transfer ratio"),
        groups=(("", rows),),
    )


def certified(oracle: OracleFigures) -> Table:
    """Against the certified optimum, preference by preference."""
    n = oracle.normalised(oracle.reward)
    worst = (oracle.cost / oracle.limits).max(-1)
    regret = oracle.regret(oracle.reward)
    taught = None if oracle.distilled_reward is None else oracle.normalised(oracle.distilled_reward)
    best = (oracle.preferences * oracle.optimum_reward).sum(-1)
    binding = oracle.optimum_cost >= 0.999 * oracle.limits
    rows = tuple(
        (
            weights(preference), f"{best[i]:.4f}", ", ".join(np.array(COSTS)[binding[i]]) or ABSENT,
            f"{np.median(n[:, i]):.3f}", f"{n[:, i].min():.3f}", percent(float(np.median(regret[:, i])), 2),
            f"{np.median(worst[:, i]):.3f}", f"{worst[:, i].max():.3f}", *_alone(oracle, i),
            ABSENT if taught is None else f"{taught[i]:.3f}",
            ABSENT if oracle.coupling is None else f"{oracle.coupling[i]:+.4f}",
        )
        for i, preference in enumerate(oracle.preferences)
    )  # fmt: skip
    return Table(
        name="certified",
        title=f"Against the certified optimum: {oracle.grid}, {oracle.states:,} states",
        caption=(
            f"Normalised utility: 0 is drawing evenly, 1 the optimum (certified to a relative gap of "
            f"{oracle.largest_gap:.0e}); exact averages, no sampling. Median and worst of {len(oracle.reward)} training "
            "seeds; regret, what is missing to the optimum over Σ w·|its returns|, is their median; a cost over its limit above 1 "
            "breaks it. Alone: a network of its own for each preference, trained likewise, all of them on as many ticks."
        ),
        columns=(
            "preference", "optimum", "limits that bind", "normalised", "worst seed", "regret", "worst cost / limit",
            "… of the worst seed", "alone", "its worst cost / limit", "distilled", "coupling, certified",
        ),
        groups=(("", rows),),
    )  # fmt: skip


def _alone(oracle: OracleFigures, i: int) -> tuple[str, str]:
    """Medians over the seeds."""
    if oracle.alone_reward is None or oracle.alone_cost is None:
        return ABSENT, ABSENT
    reached = oracle.normalised(oracle.alone_reward)[:, i]
    return f"{np.median(reached):.3f}", f"{np.median((oracle.alone_cost / oracle.limits)[:, i].max(-1)):.3f}"


def settings(scenarios: Sequence[Scenario]) -> Table:
    """What was searched, and what each policy is."""
    return Table(
        name="settings",
        title="What the policies are",
        caption="Constants were searched on chance of their own, never the evaluation’s.",
        columns=("policy", "kind", "constants", "what it is"),
        groups=tuple(
            (
                scenario.name,
                tuple((arm.name, KINDS[arm.kind], arm.constants or ABSENT, arm.note or ABSENT) for arm in scenario.arms),
            )
            for scenario in scenarios
        ),
        left=4,
    )  # fmt: skip


def with_interval(x: Interval, *, sign: bool = False) -> str:
    """`0.1234 ± 0.0012`, or the mean alone of a single value."""
    text = f"{x.mean:+.4f}" if sign else f"{x.mean:.4f}"
    half = (x.high - x.low) / 2
    return f"{text} ± {half:.4f}" if math.isfinite(half) and half > 0 else text


def weights(preference: Floats) -> str:
    """`0.2 0.4 0.4`."""
    return " ".join(f"{w:.1f}" for w in preference)


def _figure(x: float) -> str:
    """Four digits, or a dash."""
    return f"{x:.4g}" if math.isfinite(x) else ABSENT


def percent(x: float, decimals: int = 0) -> str:
    """`4.8 %`."""
    return ABSENT if not math.isfinite(x) else f"{100 * x:.{decimals}f} %"


def number(x: float | None, decimals: int, *, sign: bool = False) -> str:
    """Plain, or a dash."""
    if x is None or not math.isfinite(x):
        return ABSENT
    return f"{x:+.{decimals}f}" if sign else f"{x:.{decimals}f}"
