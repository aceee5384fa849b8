"""The sleeps of a recorded trace under another policy, and what both draw at the recorded numbers.

With the recorded draws u a policy that is the recorder's does what was done, to the tick: `same_actions` and `same_sleeps`
are 1. Which sleeps a body can do is not recorded: one whose observation says that no request wakes it is offered DUE, any
other all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE
from circadia.observation import COLUMN
from circadia.policy.sampling import probabilities, sample
from circadia.policy.sleeps import draw_one
from circadia.ports import EVERY_SLEEP, SleepingPolicy
from circadia.types import WakeOn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.policy.sleeps import SleepOptions
    from circadia.ports import Policy
    from circadia.types import Sleep
    from circadia_lab.policy.replay.trace import Trace

SAME = 0.01
"""Lengths that differ by less are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepsReplayed:
    """Over the ticks whose sleep was chosen."""

    ticks: int
    kind_agreement: float
    """Mean chance that the other policy chooses the kind of sleep that was."""
    same_sleeps: float
    """Share of ticks in which it sleeps as was done at the recorded draw."""
    recorded_mean_s: float
    policy_mean_s: float
    """At the recorded draws."""


def same_actions(
    trace: Trace, scores: NDArray[np.float32], mask: NDArray[np.bool_], did: NDArray[np.int64]
) -> float | None:
    """Share of ticks in which the policy takes the action that was taken, at the recorded draw; None without one."""
    told = np.isfinite(trace.draw)
    if not told.any():
        return None
    taken = [int(sample(s, m, u)) for s, m, u in zip(scores[told], mask[told], trace.draw[told], strict=True)]
    return float((np.array(taken) == did[told]).mean())


def replay_sleeps(trace: Trace, policy: Policy) -> SleepsReplayed | None:
    """None where no sleep was chosen, or the policy chooses none."""
    rows = np.flatnonzero(np.isfinite(trace.sleep_draw))
    if not rows.size or not isinstance(policy, SleepingPolicy) or policy.sleeps is None:
        return None
    options, agreed, same, lengths = policy.sleeps, [], [], []
    for row in rows.tolist():
        chances, sleep = _at(trace, row, policy, options)
        kinds = {kind.value: chance for kind, chance in zip(options.wake_on, chances, strict=True)}
        agreed.append(kinds.get(trace.wake_on[row], 0.0))
        length_s = sleep.length_s if sleep else np.nan
        lengths.append(length_s)
        near = bool(np.isclose(length_s, trace.sleep_s[row], rtol=SAME))
        same.append(near and sleep is not None and sleep.wake_on.value == trace.wake_on[row])
    return SleepsReplayed(
        ticks=int(rows.size),
        kind_agreement=float(np.mean(agreed)),
        same_sleeps=float(np.mean(same)),
        recorded_mean_s=float(trace.sleep_s[rows].mean()),
        policy_mean_s=float(np.nanmean(lengths)),
    )


def _at(
    trace: Trace, row: int, policy: SleepingPolicy, options: SleepOptions
) -> tuple[NDArray[np.float64], Sleep | None]:
    """(kinds,) chances, and the sleep at the recorded draw, after the recorded action."""
    x = trace.x[row]
    able = frozenset({WakeOn.DUE}) if x[COLUMN["wake_on_request"]] == 0 else EVERY_SLEEP
    mask, scores = options.mask(able), policy.sleep_scores(x)
    chances = probabilities(scores.astype(float), mask).reshape(-1, options.group).sum(-1)
    drawn = draw_one(scores, np.flatnonzero(mask).tolist(), float(trace.sleep_draw[row]))
    due_s = policy.due_s(x, CATALOGUE[int(trace.action[row])])
    return chances, None if drawn is None else options.sleep(*drawn, due_s)
