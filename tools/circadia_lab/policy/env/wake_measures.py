"""What a wake and its sleep are worth, per time: three rewards and three costs, whatever the stretch's length.

    accuracy  = ∫ freshness dt / period                             by Simpson's rule: begin, middle, end
    latency   = −(min(Σ latency, served · deadline) / deadline + expired) / A
    energy    = −(joules of the loads that the battery paid) / E
    expired   = expired requests / A
    model_age = ∫ age of the installed model dt / (limit · period)
    data_age  = ∫ age of the oldest unseen example dt / (limit · period)

A = mean arrivals of a period; E = the battery's charge a day, for a period; weight = dt / period. So the
averages Σ / Σ weight are: freshness of the model in service (0 to 1), mean latency in deadlines (an expired request
counting 1), batteries a day, the share of requests, and mean ages in units of their limits. What charger
and panel give pays for the loads of that stretch first: that much costs nothing. Pure functions over `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.observation import DAY_S
from circadia.physics.wake import mean_fresh_age_s, midway
from circadia_lab.policy.env.interface import Outcome
from circadia_lab.policy.env.measures import LEAST_ARRIVALS, mean_requests_per_s

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.wake import Woken
    from circadia_lab.policy.env.accuracy import AccuracyModel
    from circadia_lab.policy.env.problem import Problem


class WakeMeasures(NamedTuple):
    """What the formulas above take as given, besides the device."""

    accuracy: AccuracyModel
    period_s: float
    model_age_s: float
    data_age_s: float


def measures_of(problem: Problem) -> WakeMeasures:
    """The constants of a problem."""
    costs = problem.costs
    return WakeMeasures(problem.served_accuracy, problem.ticks.period_s, costs.model_age_s, costs.data_age_s)


def outcome(woken: Woken, params: Params, measures: WakeMeasures, xp: Any) -> Outcome:
    """(…, 3) rewards, (…, 3) costs and (…,) weight."""
    result = woken.result
    weight = result.dt_s / measures.period_s
    arrivals = xp.maximum(mean_requests_per_s(params, xp) * measures.period_s, LEAST_ARRIVALS)
    limited = result.requests_served * params.deadline_s
    late = xp.minimum(result.latency_s, limited) / params.deadline_s + result.requests_expired
    unit_j = params.capacity_j * measures.period_s / DAY_S
    reward = (
        mean_freshness(woken, measures.accuracy, xp) * weight,
        -late / arrivals,
        -woken.paid.device_battery_j / unit_j,
    )
    model_s = woken.begin.model_age_s + result.dt_s / 2
    cost = (
        result.requests_expired / arrivals,
        weight * model_s / measures.model_age_s,
        weight * mean_fresh_age_s(woken, xp) / measures.data_age_s,
    )
    return Outcome(_stacked(reward, xp), _stacked(cost, xp), weight)


def mean_freshness(woken: Woken, accuracy: AccuracyModel, xp: Any) -> Any:
    """(…,) over the stretch."""
    ends = accuracy.freshness(woken.begin, xp) + accuracy.freshness(woken.after, xp)
    return (ends + 4 * accuracy.freshness(midway(woken, xp), xp)) / 6


def _stacked(parts: tuple[Any, ...], xp: Any) -> Any:
    return xp.stack(xp.broadcast_arrays(*parts), axis=-1)
