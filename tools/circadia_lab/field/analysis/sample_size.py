"""How many pairs of periods a field test needs.

The difference of two periods of one device varies by √2 times its period-to-period noise. A paired t test sees a relative
change c with the wanted power at n pairs when  c / (√2 · noise)  is large enough (non-central t). One
more is added, for a difference counts only if the randomisation test agrees with the t interval (`tools/bench field`).
Never fewer than six.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from scipy import stats

from circadia.errors import ConfigError
from circadia_field.plan import LEAST_PAIRS

MOST_PAIRS = 10_000
CERTAIN = 8.0
"""Deviations of the mean from 0 beyond which less than 1 in 50,000 is missed, and the non-central t is not told any more."""


def device_change(effect: float, agent_share: float) -> float:
    """What the whole device saves when its agent saves `effect` of its own `agent_share` of the drain."""
    if not 0 < effect < 1:
        raise ConfigError(f"effect is {effect:g}; it must lie between 0 and 1 (0.3 is 30 %)")
    if not 0 < agent_share <= 1:
        raise ConfigError(
            f"agent_share is {agent_share:g}; it must be above 0 and at most 1 (its own joules alone)"
        )
    return effect * agent_share


def pairs_needed(change: float, noise: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """At least six. `change` and `noise` (between periods, one deviation) are shares. `ConfigError` beyond 10,000."""
    if not (change > 0 and noise > 0):
        raise ConfigError(f"change {change:g} and noise {noise:g} must be above 0")
    if not 0 < power < 1:
        raise ConfigError(f"power is {power:g}; it must lie between 0 and 1 (0.8 is 80 %)")
    if achieved_power(change, noise, MOST_PAIRS, level=level) < power:
        raise ConfigError(
            f"a change of {change:.2%} in a noise of {noise:.2%} needs more than {MOST_PAIRS:,} pairs; measure the agent's own "
            "joules with a power meter, or lengthen the periods"
        )
    tried = range(LEAST_PAIRS - 1, MOST_PAIRS + 1)
    reached = bisect_left(tried, power, key=lambda pairs: achieved_power(change, noise, pairs, level=level))
    return tried[reached] + 1


def achieved_power(change: float, noise: float, pairs: int, *, level: float = 0.05) -> float:
    """Chance to see that change with so many pairs: of a non-central t beyond the quantiles of the central one."""
    away = change / (math.sqrt(2) * noise) * math.sqrt(pairs)
    if away > CERTAIN:
        return 1.0
    quantile = stats.t.ppf(1 - level / 2, pairs - 1)
    missed = stats.nct.cdf(quantile, pairs - 1, away) - stats.nct.cdf(-quantile, pairs - 1, away)
    return 1 - float(missed)
