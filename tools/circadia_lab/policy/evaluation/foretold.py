"""What the simulator foretells of a run of the demonstration, beside what the run gave.

The run's devices, training, inference and federation are real and its batteries simulated by the same physics; what is
put to the test is the rest: when requests and examples come, what waits how long, and the fitted accuracy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.problem import find_problem

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_lab.policy.evaluation.arm import Conditions
    from circadia_lab.policy.evaluation.played import Played
    from circadia_lab.policy.evaluation.scorers import Scorer

PROBLEM = "demonstration"
PREFERENCE = (1 / 3, 1 / 3, 1 / 3)
"""The demonstration's devices have the agent's default."""
ARM = "circadia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """One figure."""

    name: str
    unit: str
    foretold: float
    found: float

    @property
    def off(self) -> float:
        """(foretold − found) / found."""
        return (self.foretold - self.found) / self.found if self.found else float("nan")


def read_run(path: Path) -> dict[str, Any]:
    """The demonstration's summary; `ConfigError` if the file is none, or its run was stopped."""
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        arm: dict[str, Any] = summary["arms"][ARM]
        complete = arm["complete"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: no summary of `circadia demo` ({error!r}); name its summary.json"
        ) from error
    if not complete:
        raise ConfigError(f"{path}: that run was stopped; a whole day is needed to compare with")
    return {**arm, "devices": summary["devices"]}


def foretell(run: dict[str, Any], scorer: Scorer, conditions: Conditions) -> tuple[Foretold, ...]:
    """The policy's first day in `PROBLEM`, with as many copies, against that run's."""
    first = replace(conditions, days=1.0, warm_up_days=0.0, new=True)
    played = first.play(find_problem(PROBLEM), scorer, np.array([PREFERENCE]))
    days = run["devices"] * run["day_s"] / 86_400
    rows = (
        ("requests served", "a device and day", _per_day(played, "served"), run["served"] / days),
        ("energy of the agent", "kJ a device and day", _per_day(played, "agent_j") / 1e3, run["energy_total_j"] / days / 1e3),
        ("energy for a served request", "J", float(played.j_per_served[0]), run["energy_per_served_j"]),
        ("latency, median", "s", float(played.latency_s(0.5)[0]), run["latency_median_s"]),
        ("latency, 95th percentile", "s", float(played.latency_s(0.95)[0]), run["latency_p95_s"]),
        ("requests expired", "share", float(played.expired_share[0]), run["expired"] / (run["served"] + run["expired"])),
        ("accuracy over the day", "share", float(played.accuracy[0]), run["mean_accuracy"]),
    )  # fmt: skip
    return tuple(Foretold(name=name, unit=unit, foretold=a, found=b) for name, unit, a, b in rows)


def _per_day(played: Played, field: str) -> float:
    return float(getattr(played.sums, field).sum() / played.sums.days.sum())
