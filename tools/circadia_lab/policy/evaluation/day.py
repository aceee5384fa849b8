"""A day in the life of one device: every tick of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.energy.battery import soc_of
from circadia.observation import DAY_S
from circadia.physics.surroundings import income_j
from circadia_lab.policy.evaluation.rollout import Way

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Ticks in order, from midnight to midnight; all arrays are (ticks,), as they were when the tick began."""

    name: str
    """The policy's."""
    device: str
    preference: tuple[float, float, float]
    floor: float
    """Of the battery's charge."""
    stale_s: float
    """From which age on a model counts as stale."""
    old_s: float
    t_s: Floats
    """Since midnight."""
    dt_s: Floats
    busy_s: Floats
    action: NDArray[np.int64]
    soc: Floats
    charging: Floats
    user: Floats
    link: Floats
    queue: Floats
    expired: Floats
    """Requests lost in the tick."""
    fresh: Floats
    """Examples not yet trained on."""
    fresh_age_s: Floats
    model_age_s: Floats


def record_day(
    problem: Problem,
    scorer: Scorer,
    preference: Any,
    *,
    name: str,
    device: int = 0,
    seed: int = 0,
    warm_up_days: int = 1,
) -> Day:
    """The first whole day after the warm-up of one copy of that device (its number in the problem)."""
    chosen = problem.devices[device]
    way = Way(problem, np.asarray([preference], np.float64), range(1), seed)
    rows: list[list[float]] = []
    params = way.fleet.params
    for _, tick in way.ticks(scorer, 0.0, warm_up_days + 2.0):
        before, result = tick.before, tick.advanced.result
        seen = (
            before.time_s,
            result.dt_s,
            result.busy_s,
            tick.action,
            soc_of(before.battery_j, params.battery, np),
            income_j(before, 1.0, params, np) > 0,
            before.user_active,
            before.link,
            before.queue_length,
            result.requests_expired,
            before.fresh_examples,
            before.fresh_age_s,
            before.model_age_s,
        )
        rows.append([float(np.asarray(x)[device, 0]) for x in seen])
    table = np.array(rows)
    midnight = np.ceil(table[0, 0] / DAY_S + warm_up_days) * DAY_S
    table = table[(table[:, 0] >= midnight) & (table[:, 0] < midnight + DAY_S)]
    columns = dict(zip(_COLUMNS, table.T, strict=True))
    columns["t_s"] = columns["t_s"] - midnight
    accuracy, latency, energy = map(float, preference)
    return Day(
        name=name,
        device=chosen.name,
        preference=(accuracy, latency, energy),
        floor=problem.limits.battery_floor,
        stale_s=problem.costs.stale_s,
        old_s=problem.costs.old_s,
        action=columns.pop("action").astype(int),
        **columns,
    )


_COLUMNS = (
    "t_s", "dt_s", "busy_s", "action", "soc", "charging", "user", "link", "queue", "expired", "fresh", "fresh_age_s",
    "model_age_s",
)  # fmt: skip
