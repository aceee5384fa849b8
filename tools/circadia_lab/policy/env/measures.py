"""What a tick is worth: three rewards and three costs, from the physics' own state and result.

    accuracy = freshness · weight
    latency  = −(min(Σ latency, served · deadline) / deadline + expired) / A
    energy   = −(Σ joules of the loads · price) / E,   price 1, a tenth while charger or panel delivers
    expired  = expired requests / A
    stale    = weight where, at the tick's end, the installed model is older than its limit
    old      = weight where, at its end, an example has waited for its first training longer than its limit

weight = dt / period, freshness is that at the tick's end; A = mean arrivals of a period; E = a quarter of the battery's
charge a day, for a period. So the averages Σ / Σ weight are: freshness of the model in service (0 to 1), mean latency
in deadlines (0 to 1, an expired request counting 1), quarters of the battery a day, and shares of requests and of time.
Pure functions over `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.observation import DAY_S
from circadia.physics.surroundings import delivers
from circadia.practice import PRACTICE_S
from circadia_lab.policy.env.interface import Outcome

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.state import Result, State
    from circadia_lab.policy.env.accuracy import AccuracyModel

CHARGED_PRICE = 0.1
"""Of a joule while something else than the battery pays for it."""
ENERGY_SHARE = 0.25
"""Of the battery a day: the unit of the energy objective."""
LASTING = ("practice", "known", "present")
"""What training leaves behind for days."""
LEAST_ARRIVALS = 1e-9
"""Where no requests are expected, none is lost."""


class Measures(NamedTuple):
    """What the formulas above take as given, besides the device."""

    accuracy: AccuracyModel
    period_s: float
    stale_s: float
    old_s: float


def outcome(
    before: State, after: State, result: Result, params: Params, measures: Measures, xp: Any
) -> Outcome:
    """One step of the physics → (…, 3) rewards, (…, 3) costs and (…,) weight."""
    weight = result.dt_s / measures.period_s
    arrivals = xp.maximum(mean_requests_per_s(params, xp) * measures.period_s, LEAST_ARRIVALS)
    limited = result.requests_served * params.deadline_s
    late = xp.minimum(result.latency_s, limited) / params.deadline_s + result.requests_expired
    reward = (
        measures.accuracy.freshness(after, xp) * weight,
        -late / arrivals,
        -priced_j(before, result, params, xp)
        / (ENERGY_SHARE * params.capacity_j * measures.period_s / DAY_S),
    )
    cost = (
        result.requests_expired / arrivals,
        weight * (after.model_age_s > measures.stale_s),
        weight * (after.fresh_age_s > measures.old_s),
    )
    return Outcome(_stacked(reward, xp), _stacked(cost, xp), weight)


def promise(state: State, measures: Measures, xp: Any) -> Any:
    """(…, 3) rewards to come: of accuracy what practice (`LASTING`), for as long as it lasts, takes from the loss; else none.

    A little more of it fades over `PRACTICE_S`, so that it lifts the accuracy of as many seconds in all.
    """
    lost = measures.accuracy.lost_by(LASTING, state, xp) / measures.accuracy.total_loss
    kept = -lost * (PRACTICE_S / measures.period_s)
    return _stacked((kept, 0 * kept, 0 * kept), xp)


def priced_j(before: State, result: Result, params: Params, xp: Any) -> Any:
    """(…,) joules of all loads, a tenth while something delivers at the tick's start."""
    price = xp.where(delivers(before, params, xp), CHARGED_PRICE, 1.0)
    return xp.sum(result.energy_j, axis=-1) * price


def mean_requests_per_s(params: Params, xp: Any) -> Any:
    """(…,) over the day."""
    return xp.mean(params.requests_per_hour, axis=-1) / 3600


def _stacked(parts: tuple[Any, ...], xp: Any) -> Any:
    return xp.stack(xp.broadcast_arrays(*parts), axis=-1)
