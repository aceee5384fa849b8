"""What the simulator foretells of a run of the demonstration, beside what the run gave, arm by arm.

The run's devices, training, inference and federation are real and its batteries simulated by the same physics; what is
put to the test is the rest: when requests and examples come, what waits how long, and the fitted accuracy.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.rules import RULES
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.scorers import of_file, of_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.arm import Conditions
    from circadia_lab.policy.evaluation.played import Played
    from circadia_lab.policy.evaluation.scorers import Scorer

PROBLEMS = {"task": "demonstration-task", "cnn": "demonstration"}
"""By how long work took."""
EARLIER = ("pixel-3", "fairphone-4", "pi-solar")
"""Dealt in turn to the devices of a run whose summary does not tell their kinds."""
PREFERENCE = (1 / 3, 1 / 3, 1 / 3)
"""The demonstration's devices have the agent's default."""
ARM = "circadia"
ACCURACY, JOULES = "accuracy over the day", "energy of the agent"
"""The figures by which the simulator is judged."""
CHOOSES = "it chooses its sleeps, and the demonstration's problems have ticks of a fixed length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """One figure of an arm."""

    arm: str = ARM
    name: str
    unit: str
    foretold: float
    found: float
    """NaN where the run has none."""

    @property
    def off(self) -> float:
        """(foretold − found) / found; NaN of nothing."""
        return (self.foretold - self.found) / self.found if self.found else float("nan")


def points_off(rows: tuple[Foretold, ...]) -> float:
    """|foretold − found| accuracy over the day in points, of the worst arm; NaN without an arm."""
    return _worst(100 * abs(row.foretold - row.found) for row in rows if row.name == ACCURACY)


def joules_off(rows: tuple[Foretold, ...]) -> float:
    """|foretold − found| energy in % of what was found, of the worst arm; NaN without an arm."""
    return _worst(100 * abs(row.off) for row in rows if row.name == JOULES)


def _worst(values: Iterable[float]) -> float:
    return max(filter(math.isfinite, values), default=math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A run, as far as it can be foretold."""

    devices: int
    kinds: tuple[str, ...]
    """The profile of each device."""
    work: str
    """`task` or `cnn`: how long work took."""
    arms: Mapping[str, Mapping[str, Any]]
    """Figures by arm: medians where there were several seeds."""

    def problem(self) -> Problem:
        """One of `PROBLEMS` with this run's devices; `ConfigError` for a kind that it has not."""
        whole = find_problem(PROBLEMS.get(self.work, PROBLEMS["cnn"]))
        known = {device.profile.name: device for device in whole.devices}
        if strange := set(self.kinds) - set(known):
            raise ConfigError(
                f"problem {whole.name}: has no {min(strange)}, which the run had; it knows {', '.join(known)}"
            )
        return replace(whole, devices=tuple(known[kind] for kind in self.kinds))


def read_run(path: Path) -> Demonstration:
    """The demonstration's summary; `ConfigError` if the file is none, or its run was stopped."""
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        arms: dict[str, dict[str, Any]] = summary["arms"]
        complete = all(arm["complete"] for arm in arms.values())
        devices, work = int(summary["devices"]), str(summary.get("work", "cnn"))
        kinds = tuple(one["kind"] for one in next(iter(arms.values())).get("by_device", {}).values())
        earlier = tuple(EARLIER[device % len(EARLIER)] for device in range(devices))
        found = Demonstration(devices=devices, kinds=kinds or earlier, work=work, arms=arms)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ConfigError(
            f"{path}: no summary of `circadia demo` ({error!r}); name its summary.json"
        ) from error
    if not complete:
        raise ConfigError(f"{path}: that run was stopped; a whole day is needed to compare with")
    return found


def scorer_of(policy: str) -> Scorer:
    """What an arm's devices ran, by its name in the summary; `ConfigError` for what cannot be played here."""
    if why := unplayable(policy):
        raise ConfigError(f"policy {policy!r} of that run cannot be played in the simulator: {why}")
    return of_rule(RULES[policy]()) if policy in RULES else of_file(_file(policy))


def unplayable(policy: str) -> str | None:
    """Why the simulator's fixed ticks cannot play what an arm's devices ran; None for what they can."""
    if policy in RULES:
        return CHOOSES if hasattr(RULES[policy], "sleeps") else None
    if policy == "default" or policy.endswith(".tflite"):
        return CHOOSES if load_policy(_file(policy)).manifest.sleeps is not None else None
    return "it is neither a rule nor a policy file"


def _file(policy: str) -> Path:
    return shipped_policy() if policy == "default" else Path(policy)


def not_foretold(run: Demonstration) -> dict[str, str]:
    """The arms that `foretell` leaves out, and why."""
    reasons = {name: unplayable(found["policy"]) for name, found in run.arms.items()}
    return {name: why for name, why in reasons.items() if why}


def foretell(
    run: Demonstration, conditions: Conditions, tell: Callable[[str, float], None] | None = None
) -> tuple[Foretold, ...]:
    """Every arm's first day in the run's fleet, with as many copies, against that arm; see `not_foretold`."""
    problem = run.problem()
    left_out = not_foretold(run)
    rows: list[Foretold] = []
    for done, (name, found) in enumerate(run.arms.items()):
        if name in left_out:
            continue
        if tell:
            tell(f"foretelling {name}", done / len(run.arms))
        rows += _arm(name, found, run.devices, _first_day(problem, scorer_of(found["policy"]), conditions))
    return tuple(rows)


def _first_day(problem: Problem, scorer: Scorer, conditions: Conditions) -> Played:
    first = replace(conditions, days=1.0, warm_up_days=0.0, new=True)
    return first.play(problem, scorer, np.array([PREFERENCE]))


def _arm(name: str, found: Mapping[str, Any], devices: int, played: Played) -> list[Foretold]:
    days = devices * found["day_s"] / 86_400
    ended = found["served"] + found["expired"]
    rows = (
        ("requests served", "a device and day", _per_day(played, "served"), found["served"] / days),
        (JOULES, "kJ a device and day", _per_day(played, "agent_j") / 1e3, found["energy_total_j"] / days / 1e3),
        ("energy for a served request", "J", float(played.j_per_served[0]), _known(found["energy_per_served_j"])),
        ("latency, median", "s", float(played.latency_s(0.5)[0]), _known(found["latency_median_s"])),
        ("latency, 95th percentile", "s", float(played.latency_s(0.95)[0]), _known(found["latency_p95_s"])),
        ("requests expired", "share", float(played.expired_share[0]), found["expired"] / ended if ended else math.nan),
        (ACCURACY, "share", float(played.accuracy[0]), _known(found["mean_accuracy"])),
    )  # fmt: skip
    return [Foretold(arm=name, name=row, unit=unit, foretold=a, found=b) for row, unit, a, b in rows]


def _known(value: float | None) -> float:
    """NaN for what an arm has not, as the latency of one that served nothing."""
    return math.nan if value is None else value


def _per_day(played: Played, field: str) -> float:
    return float(getattr(played.sums, field).sum() / played.sums.days.sum())
