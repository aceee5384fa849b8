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

from circadia.errors import ConfigError
from circadia.observation import DAY_S
from circadia.policy.artifact import shipped_policy
from circadia.policy.rules import RULES
from circadia_lab.data.day.plan import PERIOD_S
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.deciding import decider_of_file, decider_of_rule
from circadia_lab.policy.evaluation.first_day import live
from circadia_lab.policy.evaluation.histogram import LATENCY_EDGES_S, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.deciding import Decider
    from circadia_lab.policy.evaluation.first_day import Lived

PROBLEMS = {"task": "wake-demonstration", "cnn": "wake-demonstration-cnn"}
"""By how long work took."""
EARLIER = ("pixel-3", "fairphone-4", "pi-solar")
"""Dealt in turn to the devices of a run whose summary does not tell their kinds."""
PREFERENCE = (1 / 3, 1 / 3, 1 / 3)
"""The demonstration's devices have the agent's default."""
ARM = "circadia"
ACCURACY, JOULES = "accuracy over the day", "energy of the agent"
"""The figures by which the simulator is judged …"""
BATTERY = "energy of the agent's work, out of the battery"
"""… and one that is hard to foretell: it takes chargers and clouds at the very time of the work."""
COPIES = 16
"""Of the fleet, when nobody says."""


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


def decider_of(policy: str) -> Decider:
    """What an arm's devices ran, by its name in the summary; `ConfigError` for what cannot be played here."""
    if why := unplayable(policy):
        raise ConfigError(f"policy {policy!r} of that run cannot be played in the simulator: {why}")
    if policy in RULES:
        return decider_of_rule(policy, PERIOD_S)
    return decider_of_file(shipped_policy() if policy == "default" else Path(policy), PERIOD_S)


def unplayable(policy: str) -> str | None:
    """Why the simulator cannot play what an arm's devices ran; None for what it can."""
    known = policy in RULES or policy == "default" or policy.endswith(".tflite")
    return None if known else "it is neither a rule nor a policy file"


def not_foretold(run: Demonstration) -> dict[str, str]:
    """The arms that `foretell` leaves out, and why."""
    reasons = {name: unplayable(found["policy"]) for name, found in run.arms.items()}
    return {name: why for name, why in reasons.items() if why}


def foretell(
    run: Demonstration,
    *,
    copies: int = COPIES,
    seed: int = 0,
    tell: Callable[[str, float], None] | None = None,
) -> tuple[Foretold, ...]:
    """Every arm's first day in so many copies of the run's fleet, against that arm; see `not_foretold`."""
    problem = run.problem()
    left_out = not_foretold(run)
    rows: list[Foretold] = []
    for done, (name, found) in enumerate(run.arms.items()):
        if name in left_out:
            continue
        if tell:
            tell(f"foretelling {name}", done / len(run.arms))
        decide, day_s = decider_of(found["policy"]), float(found["day_s"])
        lived = live(problem, decide, PREFERENCE, copies=copies, seed=seed, day_s=day_s)
        rows += _arm(name, found, run.devices, lived)
    return tuple(rows)


def _arm(name: str, found: Mapping[str, Any], devices: int, lived: Lived) -> list[Foretold]:
    day = found["day_s"] / DAY_S
    days = devices * day
    ended = found["served"] + found["expired"]
    served, expired = float(lived.served.sum()), float(lived.expired.sum())
    latencies = lived.latencies.sum((0, 1))
    battery_j = _known(found.get("battery_agent_j"))
    rows = (
        ("requests served", "a device and day", float(lived.served.mean()) / day, found["served"] / days),
        (JOULES, "kJ a device and day", float(lived.energy_j.mean()) / 1e3 / day, found["energy_total_j"] / days / 1e3),
        (BATTERY, "kJ a device and day", float(lived.battery_agent_j.mean()) / 1e3 / day, battery_j / days / 1e3),
        ("energy for a served request", "J", _ratio(lived.energy_j.sum(), served), _known(found["energy_per_served_j"])),
        ("latency, median", "s", float(quantile(latencies, LATENCY_EDGES_S, 0.5)), _known(found["latency_median_s"])),
        ("latency, 95th percentile", "s", float(quantile(latencies, LATENCY_EDGES_S, 0.95)), _known(found["latency_p95_s"])),
        ("requests expired", "share", _ratio(expired, expired + served), _ratio(found["expired"], ended)),
        (ACCURACY, "share", float(lived.accuracy.mean()), _known(found["mean_accuracy"])),
        ("accuracy at the end", "share", float(lived.last_accuracy.mean()), _known(found.get("federated_accuracy"))),
    )  # fmt: skip
    return [Foretold(arm=name, name=row, unit=unit, foretold=a, found=b) for row, unit, a, b in rows]


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan


def _known(value: float | None) -> float:
    """NaN for what an arm has not, as the latency of one that served nothing."""
    return math.nan if value is None else value
