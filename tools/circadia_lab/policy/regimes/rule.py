"""The rule `due` as a policy of a regime's chain: when something is due, do everything that is due within a window.

Serving is due when a request has waited `serve_after`, learning when its clock shows `learn_after`; at a wake each is
done that will be due within `window`. Asleep it waits for what is due first, and with an empty queue for a look at it
or to be woken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.types import WakeOn
from circadia_lab.policy.oracle.master import mixed, nearest
from circadia_lab.policy.regimes.chain import Part, Sleep
from circadia_lab.policy.regimes.planning import Policy, averages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Chain

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MINUTE_S = 60.0
WINDOWS_S = tuple(m * MINUTE_S for m in (0, 15, 30, 45, 60, 90, 120, 180, 240))
QUICK_WINDOWS_S = tuple(m * MINUTE_S for m in (60, 240))
TIMER_STEP_S = 15 * MINUTE_S
"""Between learning's timers that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Its settings, in slots."""

    serve_after: int
    learn_after: int
    window: int
    look_after: int
    """With an empty queue, from one wake to the next look at it; the longest sleep if it is woken."""
    wake_on: WakeOn = WakeOn.DUE
    """Asked for while the queue is empty."""
    gated: bool = False
    """At a wake at which nothing is due it does nothing."""
    spared: bool = False
    """Requests wake it only where it would sleep past their deadline otherwise."""


class BestDue(NamedTuple):
    """The best of a search: a mixture over timers for one window."""

    joules: float
    """A day."""
    window_s: float
    shares: Floats
    rules: tuple[Due, ...]
    prices: Floats
    """(C,) joules a slot for a unit of each limit, among the timers of that window."""


def policy_of(chain: Chain, rule: Due) -> Policy:
    """The rule in every state."""
    serves, learns = _now(chain, rule)
    if rule.gated:
        due = (chain.queue >= rule.serve_after) | (chain.ages[0] >= rule.learn_after) | _full(chain)
        serves, learns = serves & due, learns & due
    kinds = {(work.serves, work.trains, work.exchanges): i for i, work in enumerate(chain.works)}
    table = np.array([[kinds[s, t, t] for t in (False, True)] for s in (False, True)])
    return Policy(table[serves.astype(int), learns.astype(int)], _asleep(chain, rule))


def _full(chain: Chain) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = chain.queue >= chain.queue.max()
    return found


def _now(chain: Chain, rule: Due) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What it would do at a wake."""
    waits = (chain.queue > 0) | chain.regime.remote
    serves = (chain.queue >= rule.serve_after - rule.window) & waits | _full(chain)
    return serves, (chain.ages >= max(1, rule.learn_after - rule.window)).any(axis=0)


def _asleep(chain: Chain, rule: Due) -> Ints:
    longest = chain.regime.slots(chain.regime.longest_s)
    waits = (chain.queue > 0) | chain.regime.remote
    to_serve = np.where(waits, rule.serve_after - chain.queue, rule.look_after)
    length = np.clip(np.minimum(to_serve, rule.learn_after - chain.ages.max(axis=0)), 1, longest)
    length = np.where(waits, np.clip(chain.queue.max() - chain.queue, 1, length), length)
    lengths = np.unique([sleep.slots for sleep in chain.sleeps])
    length = lengths[np.maximum(np.searchsorted(lengths, length, side="right") - 1, 0)]
    woken = ~waits & ~(rule.spared & (length <= chain.deadline))
    places = {sleep: i for i, sleep in enumerate(chain.sleeps)}
    found = [
        places.get(Sleep(slots, rule.wake_on if wakes else WakeOn.DUE), places[Sleep(slots, WakeOn.DUE)])
        for slots, wakes in zip(length.tolist(), woken.tolist(), strict=True)
    ]
    return np.array(found)


def best_due(chain: Chain, windows_s: Sequence[float] = WINDOWS_S) -> BestDue | None:
    """The window and the mixture of timers that keep the limits with the fewest joules; none if none does.

    `chain` decides both.
    """
    assert chain.part is Part.BOTH
    found = [_mixed(chain, window_s, flags) for window_s in windows_s for flags in _flags(chain)]
    return min((best for best in found if best is not None), key=lambda best: best.joules, default=None)


def _flags(chain: Chain) -> list[tuple[bool, bool]]:
    """(gated, spared) that make a difference."""
    if len(chain.regime.wakes_on) == 1:
        return [(False, False)] if chain.regime.remote else [(False, False), (True, False)]
    return [(False, False), (True, False), (False, True)]


def _mixed(chain: Chain, window_s: float, flags: tuple[bool, bool]) -> BestDue | None:
    window = chain.regime.slots(window_s)
    rules = [replace(rule, gated=flags[0], spared=flags[1]) for rule in _settings(chain, window)]
    averages = [averages_of(chain, policy_of(chain, rule)) for rule in rules]
    costs = np.array([a.costs for a in averages])
    if nearest(costs, chain.limits).excess > 0:
        return None
    joules = np.array([a.joules for a in averages])
    master = mixed(-joules, costs, chain.limits)
    shares = master.shares
    kept = np.flatnonzero(shares > 1e-9)
    return BestDue(
        joules=float(shares @ joules) * chain.regime.slots_a_day,
        window_s=window_s,
        shares=shares[kept],
        rules=tuple(rules[i] for i in kept),
        prices=master.multipliers,
    )


def _settings(chain: Chain, window: int) -> Iterator[Due]:
    regime, deadline = chain.regime, chain.deadline
    longest = regime.slots(regime.longest_s)
    even = regime.slots(regime.age.timer_s)
    step = max(1, regime.slots(TIMER_STEP_S))
    timers = range(even - 2, min(even + max(window, 1), even + longest) + step, step)
    looks = [(deadline, min(deadline + extra, longest), WakeOn.DUE) for extra in (0, 1)]
    if regime.remote:
        looks = [(deadline + extra, longest, WakeOn.DUE) for extra in (0, 1)]
    if WakeOn.REQUEST in regime.wakes_on:
        looks.append((1, longest, WakeOn.REQUEST))
    if WakeOn.DEADLINE in regime.wakes_on:
        looks.append((deadline, longest, WakeOn.DEADLINE))
    for learn_after, (serve_after, look_after, wake_on) in product(timers, looks):
        yield Due(
            serve_after=serve_after,
            learn_after=learn_after,
            window=window,
            look_after=look_after,
            wake_on=wake_on,
        )
