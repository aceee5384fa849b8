"""How fast policies are trained: C-MOPPO against Stable-Baselines3's PPO, updates included, taking turns."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from circadia_lab.bench._machine import machine
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.rivals.process import run_rival

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure

PROBLEM, BATCH = "default", 1024
ROUNDS, SECONDS = 3, 6.0
"""Each round takes every trainer so many seconds at least."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A way of running Stable-Baselines3's PPO."""

    variant: str
    devices: int
    threads: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.variant}, devices {self.devices}, threads {self.threads}"

    def run(self, config: Config) -> dict[str, Any]:
        """See `circadia_lab.policy.rivals.ppo`."""
        words = {
            "problem": PROBLEM,
            "devices": self.devices,
            "ticks": config.ticks,
            "minibatches": config.minibatches,
            "epochs": config.epochs,
            "seconds": SECONDS,
        }
        options = [f"--{name}={value}" for name, value in words.items()]
        found = run_rival("ppo", self.variant, *options, threads=self.threads)
        print(f"{self.name}: {found['steps_per_s']:.0f} steps/s", file=sys.stderr)
        return found


OWN = (
    Rival("defaults", 1, 1),
    Rival("defaults", 1, 2),
    Rival("batched", 32, 1),
    Rival("batched", 256, 1),
    Rival("batched", 256, 2),
)
"""Stable-Baselines3's own numbers of the algorithm."""
TUNED = (Rival("tuned", 256, 2), Rival("tuned", 1024, 2), Rival("tuned", 4096, 2))
"""Rollouts, minibatches and epochs of our trainer: as much work for a step, so that the programs themselves compare."""


class Ours:
    """C-MOPPO as shipped, but for the number of tried actions, on the full environment."""

    def __init__(self, tried: int) -> None:
        from circadia_lab.policy.cmoppo.course import Course
        from circadia_lab.policy.env.environment import TrainingEnvironment

        start = time.perf_counter()
        environment = TrainingEnvironment(find_problem(PROBLEM), BATCH)
        explored = min(Config().explored, tried - 1)
        config = replace(Config(), tried=tried, explored=explored)
        self._course = Course(environment, config, 0, None)
        self._course.advance()
        self.first_s = time.perf_counter() - start
        self.speeds: list[float] = []

    def advance(self) -> None:
        """A timed stretch of whole updates, `SECONDS` at least."""
        start, before = time.perf_counter(), self._course.steps
        while (taken := time.perf_counter() - start) < SECONDS:
            self._course.advance()
        self.speeds.append((self._course.steps - before) / taken)

    @property
    def steps_per_s(self) -> float:
        """Median of the stretches."""
        return statistics.median(self.speeds)

    @property
    def compile_s(self) -> float:
        """What the first updates took longer than later ones."""
        config = Config()
        return self.first_s - config.report_every * config.ticks * BATCH / self.steps_per_s


def measure() -> dict[str, Figure]:
    """A step is a tick that a device lives; actions that are tried and undone do not count. All updates included.

    `steps_per_s` is ours with `tried` actions a tick, `steps_per_s_tried_1` with one as Stable-Baselines3 has it.
    `sb3_steps_per_s` is the fastest of `OWN`, `sb3_tuned_steps_per_s` of `TUNED`. `over_sb3`, `over_sb3_tuned` and
    `over_sb3_tuned_tried_1` are ratios of medians of rounds in which all take turns. Needs minutes, and the network
    the first time.
    """
    config, where = Config(), machine()
    own, tuned = _fastest(OWN, config), _fastest(TUNED, config)
    ours, single = Ours(config.tried), Ours(1)
    found: dict[Rival, list[dict[str, Any]]] = {own: [], tuned: []}
    for _ in range(ROUNDS):
        ours.advance()
        single.advance()
        for rival, runs in found.items():
            runs.append(rival.run(config))
    speeds = {rival: statistics.median(run["steps_per_s"] for run in runs) for rival, runs in found.items()}
    return {
        "over_sb3": ours.steps_per_s / speeds[own],
        "steps_per_s": ours.steps_per_s,
        "tried": config.tried,
        "compile_s": ours.compile_s,
        "sb3_steps_per_s": speeds[own],
        "sb3_envs": own.devices,
        "sb3_variant": own.name,
        "over_sb3_tuned": ours.steps_per_s / speeds[tuned],
        "sb3_tuned_steps_per_s": speeds[tuned],
        "sb3_tuned_envs": tuned.devices,
        "steps_per_s_tried_1": single.steps_per_s,
        "over_sb3_tuned_tried_1": single.steps_per_s / speeds[tuned],
        **_versions(found[own][0]),
        **where,
    }


def _fastest(rivals: tuple[Rival, ...], config: Config) -> Rival:
    return max(rivals, key=lambda rival: float(rival.run(config)["steps_per_s"]))


def _versions(run: dict[str, Any]) -> dict[str, Figure]:
    import jax

    return {
        "jax_version": jax.__version__,
        **{f"{name}_version": run[name] for name in ("sb3", "torch", "gymnasium")},
    }
