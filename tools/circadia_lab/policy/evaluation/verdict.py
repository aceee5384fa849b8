"""The evaluation in a sentence and a few figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from circadia_lab.page.tile import Tile
from circadia_lab.policy.evaluation.evaluation import FLOATS
from circadia_lab.policy.evaluation.figures import (
    expected_utility,
    int8_added_violations,
    int8_loss,
    violating_fractions,
    worst_costs,
)
from circadia_lab.policy.evaluation.result import best_rival, coupling, transfer
from circadia_lab.policy.evaluation.tables import number, over, percent, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_lab.policy.evaluation.evaluation import Evaluation, Scenario
    from circadia_lab.policy.evaluation.oracle_figures import OracleFigures


def tiles(evaluation: Evaluation) -> list[Tile]:
    """At most eight."""
    found = [*_of_scenarios(evaluation)]
    if evaluation.oracle:
        found += _of_oracle(evaluation.oracle)
    return found


def lead(evaluation: Evaluation) -> str:
    """What came out, wins and losses alike."""
    sentences = []
    if evaluation.head:
        sentences.append(_against_rules(evaluation.head))
        lost = [s.name for s in evaluation.scenarios[1:] if _behind(s)]
        if len(evaluation.scenarios) > 1:
            sentences.append(
                f"A rule is ahead in {', '.join(lost)}."
                if lost
                else "No rule is ahead in any other scenario."
            )
        gain = coupling(evaluation.head)
        if gain:
            sentences.append(_of_coupling(gain.mean, gain.low, gain.high))
    if evaluation.oracle:
        found = evaluation.oracle.summary()
        sentences.append(
            f"On a grid problem with a certified optimum it reaches {float(found['normalised_mean']):.3f} of the way from drawing "
            f"evenly to the optimum in the mean over preferences, {float(found['normalised_min']):.3f} under the worst."
        )
    return " ".join(sentences)


def _against_rules(head: Scenario) -> str:
    rival, own = best_rival(head), expected_utility(head.ours)
    if rival is None:
        return f"In {head.name} its utility is {own.mean:.4f}; no rule keeps the limits there under 20 of the 21 preferences."
    other = expected_utility(rival).mean
    word = "above" if own.mean > other else "below"
    return (
        f"In {head.name} its utility is {own.mean:.4f}, {word} the {other:.4f} of the best rule that keeps the limits "
        f"under 20 of the 21 preferences at least, {rival.name}."
    )


def _behind(scenario: Scenario) -> bool:
    rival = best_rival(scenario)
    return rival is not None and expected_utility(rival).mean > expected_utility(scenario.ours).mean


def _of_coupling(mean: float, low: float, high: float) -> str:
    if not math.isfinite(low):
        return f"Deciding together is worth {mean:+.4f} by a single seed."
    interval = f"{mean:+.4f} (95 % interval {low:+.4f} to {high:+.4f})"
    if low > 0:
        return f"Deciding together is worth {interval}."
    if high < 0:
        return f"Deciding together costs: {interval}."
    return f"That deciding together is worth something is not shown: {interval}."


def _of_scenarios(evaluation: Evaluation) -> Iterator[Tile]:
    head = evaluation.head
    if head is None:
        return
    own, rival = expected_utility(head.ours), best_rival(head)
    yield Tile(
        title=f"Utility in {head.name}", value=f"{own.mean:.4f}", note=_seeds(with_interval(own), own.seeds)
    )
    if rival:
        difference = over(head.ours, rival)
        yield Tile(
            title="Over the best rule",
            value=f"{difference.mean:+.4f}",
            note=f"{rival.name} has {expected_utility(rival).mean:.4f} and keeps the limits under 20 preferences of 21 at least",
            verdict="good" if difference.mean > 0 else "bad",
        )
    share = max(max(violating_fractions(scenario.ours)) for scenario in evaluation.seen)
    worst = max(max(worst_costs(scenario.ours)) for scenario in evaluation.seen)
    crossed = sum(float(played.crossings.sum()) for s in evaluation.seen for played in s.ours.plays)
    yield Tile(
        title="Preferences that break a limit",
        value=percent(share),
        note=(
            f"for any kind of device, in the worst of the {len(evaluation.seen)} scenarios {evaluation.seen_by} and the worst seed; "
            f"worst cost {worst:.2f} of its limit; battery floor crossed {crossed:.0f} times"
        ),
        verdict="good" if share == 0 and not crossed else "bad",
    )
    gain = coupling(head)
    if gain:
        yield Tile(
            title="Deciding together",
            value=f"{gain.mean:+.4f}",
            note=f"{number(gain.low, 4, sign=True)} to {number(gain.high, 4, sign=True)} over deciding apart",
        )
    ratios = [
        ratio for s in evaluation.scenarios[1:] if s.unseen and (ratio := transfer(head, s)) is not None
    ]
    if ratios:
        yield Tile(
            title="Transfer",
            value=f"{min(ratios):.2f}",
            note="the worst unseen scenario’s score over the seen one’s",
        )
    floats = head.arm(FLOATS)
    if floats:
        yield Tile(
            title="Lost to 8 bits",
            value=percent(int8_loss(head.ours, floats), 2),
            note=f"of utility in closed loop; {int8_added_violations(head.ours, floats)} violations added",
        )


def _of_oracle(oracle: OracleFigures) -> Iterator[Tile]:
    found = oracle.summary()
    yield Tile(
        title="Of the certified optimum",
        value=f"{float(found['normalised_mean']):.3f}",
        note=f"worst preference {float(found['normalised_min']):.3f}; median of {found['seeds']} seeds",
    )
    yield Tile(
        title="Hypervolume of the optimum’s",
        value=f"{float(found['hypervolume_ratio']):.3f}",
        note=f"{percent(float(found['violating_fraction']))} of the preferences break a limit there",
    )


def _seeds(text: str, seeds: int) -> str:
    return f"{text} over {seeds} training seeds" if seeds > 1 else "one training seed"
