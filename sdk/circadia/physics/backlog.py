"""What waits on a device: its queue of requests and its buffer of examples, from one tick to the next.

Requests and unseen examples are cohorts: a count and the age of the oldest, the others spread evenly in between; exact
for one, a good mean for many. Pure functions over an array module `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.observation import NO_DEADLINE_S

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.state import Noise, State

_NEVER_S = 1e9


class Cohort(NamedTuple):
    """Things that arrived one after another: a count, and the age of the oldest; the rest evenly younger.

    Where several come at one instant, `together` says how many besides the first.
    """

    count: Any
    age_s: Any
    together: Any = 0


def _take(cohort: Cohort, taken: Any, xp: Any) -> tuple[Cohort, Any]:
    """Without its `taken` oldest members, and the sum of their ages: the i-th is age · (1 − i / n) old.

    Where b come at one instant that is the age of the i-th instant's, n of them in n / b.
    """
    n = xp.maximum(cohort.count, 1)
    ages = cohort.age_s * (taken - xp.maximum(taken * (taken - 1 - cohort.together), 0) / (2 * n))
    left = cohort.count - taken
    return Cohort(left, xp.where(left > 0, cohort.age_s * (1 - taken / n), 0), cohort.together), ages


def _older_than(cohort: Cohort, limit_s: Any, xp: Any) -> Any:
    """How many members are older than `limit_s`, which may be negative: then all."""
    age, size = xp.maximum(cohort.age_s, 1e-9), 1 + cohort.together
    older = xp.clip(xp.ceil(cohort.count / size * (1 - limit_s / age)) * size, 0, cohort.count)
    return xp.where(cohort.age_s > limit_s, older, 0)


def _grown(cohort: Cohort, new: Cohort, dt_s: Any, xp: Any) -> Cohort:
    """`dt_s` older, with `new` behind."""
    age = xp.where(cohort.count > 0, cohort.age_s + dt_s, new.age_s)
    count = cohort.count + new.count
    together = cohort.together * cohort.count + new.together * new.count
    return Cohort(count, xp.where(count > 0, age, 0), together / xp.maximum(count, 1))


def queue_after(
    state: State, served: Any, noise: Noise, params: Params, xp: Any
) -> tuple[dict[str, Any], Any, Any]:
    """The queue at the next tick, the summed ages of the served, and how many requests were lost."""
    waiting = Cohort(state.queue_length, state.queue_age_s, state.queue_together)
    waiting, ages = _take(waiting, served, xp)
    dt, none = noise.dt_s, 0 * noise.dt_s
    patience = state.queue_slack_s + state.queue_age_s
    lapsed_old = _older_than(waiting, patience - dt, xp)
    waiting, _ = _take(waiting, lapsed_old, xp)
    old = _grown(waiting, Cohort(none, none), dt, xp)
    new = Cohort(noise.arrivals, xp.where(noise.arrivals > 0, noise.arrival_age_s, 0), noise.together)
    lapsed_new = _older_than(new, noise.deadline_s, xp)
    new, _ = _take(new, lapsed_new, xp)
    room = xp.maximum(params.queue_limit - old.count, 0)
    refused = xp.maximum(new.count - room, 0)
    new = new._replace(count=new.count - refused)
    both = _grown(old, new, none, xp)
    first = xp.minimum(
        xp.where(old.count > 0, patience - old.age_s, _NEVER_S),
        xp.where(new.count > 0, noise.deadline_s - new.age_s, _NEVER_S),
    )
    after = {
        "queue_length": both.count,
        "queue_age_s": both.age_s,
        "queue_slack_s": xp.where(both.count > 0, first, NO_DEADLINE_S),
        "queue_together": both.together,
    }
    return after, ages, lapsed_old + lapsed_new + refused + noise.lapsed


def seen_off(state: State, seen: Any, xp: Any) -> tuple[Any, Any]:
    """(…,) unseen examples without the `seen` oldest: how many, and the oldest's age."""
    left, _ = _take(Cohort(state.fresh_examples, state.fresh_age_s), seen, xp)
    return left.count, left.age_s


def fed_back(served: Any, noise: Noise, params: Params, xp: Any) -> Any:
    """(…,) labels that come back for that many answers."""
    return xp.floor(served * params.feedback_share + noise.feedback_u)


def examples_after(
    state: State, seen: Any, served: Any, noise: Noise, params: Params, xp: Any
) -> dict[str, Any]:
    """The example buffer at the next tick; the oldest make room."""
    unseen, _ = _take(Cohort(state.fresh_examples, state.fresh_age_s), seen, xp)
    told = fed_back(served, noise, params, xp)
    labels = noise.examples + told
    first_s = xp.where(told > 0, noise.dt_s, noise.dt_s - noise.example_delay_s)
    new = Cohort(labels, xp.where(labels > 0, first_s, 0))
    fresh = _grown(unseen, new, noise.dt_s, xp)
    fresh, _ = _take(fresh, xp.maximum(fresh.count - params.example_limit, 0), xp)
    return {
        "stored_examples": xp.minimum(state.stored_examples + labels, params.example_limit),
        "fresh_examples": fresh.count,
        "fresh_age_s": fresh.age_s,
    }
