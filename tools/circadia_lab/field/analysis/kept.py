"""What the first arm gives its user, held against what another one gives: less energy for worse service is no gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia_field.plan import LEAST_PAIRS
from circadia_lab.field.analysis.comparison import Balance, balance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.period_figures import PeriodFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A figure that the first arm has to keep."""

    words: str
    value: Callable[[PeriodFigures], float]
    margin: str
    """The plan's, by which it may be worse."""
    relative: bool = False
    """Whether that is a share of the other arm's."""
    more_is_better: bool = False


KEPT: dict[str, Kept] = {
    "served": Kept(
        words="served of all asked",
        value=lambda one: one.served_share,
        margin="served_margin",
        more_is_better=True,
    ),
    "latency": Kept(
        words="95th percentile of the latency",
        value=lambda one: one.latency_p95_s,
        margin="latency_margin",
        relative=True,
    ),
    "data age": Kept(
        words="age of unlearned data",
        value=lambda one: one.data_age_s,
        margin="staleness_margin",
        relative=True,
    ),
    "model age": Kept(
        words="age of the model", value=lambda one: one.model_age_s, margin="staleness_margin", relative=True
    ),
    "accuracy": Kept(
        words="right answers", value=lambda one: one.accuracy, margin="accuracy_margin", more_is_better=True
    ),
}


def balances(plan: Plan, pairs: Sequence[tuple[PeriodFigures, PeriodFigures]]) -> dict[str, Balance]:
    """Of the figures that all periods have; the model's age is not known to a device that learns alone."""
    found = {}
    for name, kept in KEPT.items():
        ours, theirs = (np.array([kept.value(pair[side]) for pair in pairs]) for side in (0, 1))
        if len(pairs) >= LEAST_PAIRS and np.isfinite(ours).all() and np.isfinite(theirs).all():
            found[name] = balance(
                theirs,
                ours,
                getattr(plan, kept.margin),
                relative=kept.relative,
                more_is_better=kept.more_is_better,
            )
    return found
