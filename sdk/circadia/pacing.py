"""When the next tick comes: the one law of pacing, which the runtime keeps and the simulator computes with.

A queue that is being served goes on at once; one that is not, and work that is away, are looked at soon; else a period
passes, or the sleep that the policy chose. A request brings the tick forward, unless the sleep forbids it, but no tick
begins before the work of the one before is over.

    earliest = max(busy, spacing)
    due      = max(rest, earliest),   rest = 0, min(retry, period) or period
             = earliest + sleep       where the policy chose one

Pure functions over an array module `xp`; seconds, counted from the tick's start, a sleep's from the end of its work.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RETRY_S = 30.0
"""A queue that was not served is looked at again after this long."""
RETRY_SHARE, MEASURED_RETRY_S = 0.02, 1.0
"""On a body that measures, after this share of the time that is left to its first deadline, and at least so long."""
HELD_S, HELD_SHARE = 60.0, 0.2
"""So much before a deadline, and at most this share of the usual one, a held request is woken for, beside what serving takes:
wakes come late."""
SPACING_S = 1.0
"""Ticks of a body that foretells are at least this far apart."""
MEASURED_SPACING_S = 0.01
"""Those of one that measures: what it was busy with is over when the tick is."""


def earliest_s(busy_s: Any, spacing_s: float = SPACING_S, xp: Any = np) -> Any:
    """(…,) before this nothing brings a tick."""
    return xp.maximum(busy_s, spacing_s)


def rest_s(
    *, waiting: Any, serves: Any, away: Any, period_s: Any, retry_s: Any = RETRY_S, xp: Any = np
) -> Any:
    """(…,) until the next tick if nothing comes and no work takes longer.

    `waiting`: requests that the tick left in the queue; `serves`: whether its action answers requests; `away`: whether
    work of it comes back later.
    """
    soon = xp.minimum(retry_s, period_s)
    held = xp.where(serves, 0.0, soon)
    idle = xp.where(away, xp.minimum(RETRY_S, period_s), period_s)
    return xp.where(waiting > 0, held, idle)


def measured_retry_s(slack_s: Any, xp: Any = np) -> Any:
    """(…,) how soon a body that measures looks again at a queue whose first deadline is `slack_s` away."""
    return xp.clip(RETRY_SHARE * slack_s, MEASURED_RETRY_S, RETRY_S)


def margin_s(serving_s: Any, deadline_s: Any, xp: Any = np) -> Any:
    """(…,) how long before a deadline a held request is woken for; serving takes `serving_s`."""
    return serving_s + xp.minimum(HELD_S, HELD_SHARE * deadline_s)


def sleep_s(
    *, length_s: Any, answered: Any, waiting: Any, hears: Any, deadline_s: Any, margin_s: Any, xp: Any = np
) -> Any:
    """(…,) from the end of the work until the next wake, if nothing comes, of a sleep of `length_s` that the policy chose.

    `answered`: requests that the wake answered; `waiting`: those that it left, the first of which expires in `deadline_s`,
    infinite with none; `hears`: whether requests may end the sleep, at once or `margin_s` before a deadline. A wake so late
    that did not serve is followed by the next after half of what is left, `MEASURED_RETRY_S` at least.
    """
    late = xp.maximum(0.5 * deadline_s, MEASURED_RETRY_S)
    held = xp.minimum(length_s, xp.where(deadline_s > margin_s, deadline_s - margin_s, late))
    alone = xp.where(hears, held, length_s)
    return xp.where((answered > 0) & (waiting > 0), 0.0, alone)
