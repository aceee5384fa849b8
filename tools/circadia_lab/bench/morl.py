"""C-MOPPO against two algorithms of morl-baselines: the same devices, the same wall time, the same days to be judged by.

Of the library's algorithms these learn one network for many preferences, choose among discrete actions and install from
wheels: Envelope Q-learning (values) and Pareto conditioned networks (a policy). CAPQL and PGMORL want continuous actions,
GPI-LS a package that has to be compiled. None of them knows limits on costs. So C-MOPPO without limits is measured too.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.bench._machine import machine
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.arm import Conditions
from circadia_lab.policy.evaluation.figures import hypervolume, utility, violating_fraction
from circadia_lab.policy.rivals.environment import rivals_python
from circadia_lab.policy.rivals.learned import of_learned, read_learned
from circadia_lab.policy.rivals.process import run_rival

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure
    from circadia_lab.policy.cmoppo.course import Course
    from circadia_lab.policy.env.interface import Environment
    from circadia_lab.policy.evaluation.scorers import Scorer

PROBLEM, BATCH, SEED = "phone", 1024, 0
RIVALS = ("envelope", "pcn")
JUDGED = Conditions(per_device=16, days=4.0, warm_up_days=1.0, seed=20_000)
"""Chance that nobody trained with."""
VARIABLE = "CIRCADIA_BENCH_MORL_S"
DEFAULT_S, LEAST_S = 120.0, 60.0
SPARE = 0.9
"""Share of the time that is planned for: speed varies."""


def measure() -> dict[str, Figure]:
    """For each algorithm, prefixed with its name: the figures of `judged`, `seconds` and `steps` of its training.

    `wall_s` is what C-MOPPO takes to train with all it compiles, and then what the others are given; about
    $CIRCADIA_BENCH_MORL_S seconds (120). Needs four times that, and the network the first time.
    """
    where = machine()
    budget = budget_s(os.environ.get(VARIABLE, ""))
    rivals_python()  # before anything takes minutes
    figures, wall_s = _ours(budget)
    for name in RIVALS:
        figures |= _rival(name, wall_s)
    uniform = _judged("random", _uniform())
    return {"problem": PROBLEM, "wall_s": wall_s, **figures, **uniform, **where}


def budget_s(said: str) -> float:
    """Seconds; `ConfigError` for what is no number or too little to compile in."""
    try:
        seconds = float(said or DEFAULT_S)
    except ValueError:
        seconds = math.nan
    if not LEAST_S <= seconds < math.inf:
        raise ConfigError(f"{VARIABLE}={said}: a number of seconds, {LEAST_S:g} at least")
    return seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """Of C-MOPPO on this machine, now."""

    fixed_s: float
    """Compiling and judging, of a whole training."""
    steps_per_s: float

    def steps(self, budget: float) -> int:
        """That fit."""
        return max(int((SPARE * budget - self.fixed_s) * self.steps_per_s), 1)


def _ours(budget: float) -> tuple[dict[str, Figure], float]:
    """Figures with and without limits, and the seconds that the training with limits took."""
    from circadia_lab.policy.cmoppo.train import train
    from circadia_lab.policy.cmoppo.trained import scorer
    from circadia_lab.policy.env.environment import TrainingEnvironment

    environment = TrainingEnvironment(find_problem(PROBLEM), BATCH)
    steps = _pace(environment).steps(budget)
    figures: dict[str, Figure] = {}
    wall_s = 0.0
    for name, constrained in (("cmoppo", True), ("cmoppo_unconstrained", False)):
        start = time.perf_counter()
        found = train(environment, replace(Config(), steps=steps, constrained=constrained), SEED)
        seconds = time.perf_counter() - start
        wall_s = wall_s or seconds
        by_network = scorer(found)
        played = _judged(name, lambda _, encoded, mask, act=by_network: act(encoded, mask))
        figures |= played | {f"{name}_seconds": seconds, f"{name}_steps": found.steps}
    return figures, wall_s


def _pace(environment: Environment) -> Pace:
    """From a training that is begun and thrown away."""
    from circadia_lab.policy.cmoppo.course import Course

    start = time.perf_counter()
    course = Course(environment, Config(), SEED, None)
    started_s = time.perf_counter() - start
    first_s, later_s = (_timed(course, "advance") for _ in range(2))
    judge_first_s, judge_s = (_timed(course, "judge") for _ in range(2))
    config = course.trainer.config
    # Both stages compile; each round of the second one is judged as well.
    fixed_s = started_s + 2 * (first_s - later_s) + judge_first_s
    fixed_s += (config.judgements - 1 + config.extension_rounds) * judge_s
    return Pace(fixed_s, config.report_every * course.trainer.steps_per_update / later_s)


def _timed(course: Course, what: str) -> float:
    start = time.perf_counter()
    if what == "advance":
        course.advance()
    else:
        course.judge_now(stage=1)
    return time.perf_counter() - start


def _rival(name: str, seconds: float) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(prefix="circadia-morl-") as folder:
        out = Path(folder) / f"{name}.npz"
        run = run_rival(
            "morl", name, f"--problem={PROBLEM}", f"--seconds={seconds}", f"--seed={SEED}", f"--out={out}"
        )
        played = _judged(name, of_learned(read_learned(out)))
    versions = {f"{library}_version": number for library, number in run["versions"].items()}
    return played | {f"{name}_seconds": run["seconds"], f"{name}_steps": run["steps"]} | versions


def _judged(name: str, scorer: Scorer) -> dict[str, Figure]:
    """On days that nobody has seen, under all anchors, the shield on."""
    played = JUDGED.play(find_problem(PROBLEM), scorer, ANCHORS)
    found: dict[str, Any] = {
        "expected_utility": utility(played),
        "hypervolume": hypervolume(played.reward),
        "violating_fraction": violating_fraction(played),
        "worst_excess": float(played.excess.max()),
    }
    print(f"{name}: {found}", file=sys.stderr)
    return {f"{name}_{key}": value for key, value in found.items()}


def _uniform() -> Scorer:
    from circadia_lab.policy.evaluation.scorers import uniform

    return uniform
