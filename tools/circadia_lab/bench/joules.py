"""How often the 95 % intervals of joules by action hold the truth, on ticks whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from circadia.types import Load
from circadia_field.ticks import Ticks
from circadia_lab.measure.joules.joules import by_action

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure

TRUTH_J = {"sleep": 0.2, "serve": 1.0, "train": 3.0}
NOISE_J, TICKS, SETS = 0.1, 300, 400
MEMORIES = {"coverage_white": 0.0, "coverage": 0.5, "coverage_warm": 0.8}
"""Of the noise from one tick to the next: a warm device draws more in the next tick, too."""


def measure() -> dict[str, Figure]:
    """`coverage…`: share of the intervals of three actions in 400 sets of 300 ticks, actions in random order."""
    return coverage() | {"sets": SETS, "ticks": TICKS}


def coverage() -> dict[str, Figure]:
    """The shares alone."""
    return {name: _coverage(memory, name) for name, memory in MEMORIES.items()}


def _coverage(memory: float, name: str) -> float:
    held = [
        found.joules.low <= TRUTH_J[found.action] <= found.joules.high
        for seed in track(range(SETS), description=name)
        for found in by_action(_ticks(memory, seed), seed=seed)
    ]
    return float(np.mean(held))


def _ticks(memory: float, seed: int) -> Ticks:
    rng = np.random.default_rng(seed)
    action = rng.choice(list(TRUTH_J), TICKS)
    noise = rng.normal(0, NOISE_J, TICKS)
    for place in range(1, TICKS):
        noise[place] += memory * noise[place - 1]
    return Ticks(
        t_s=10.0 * np.arange(TICKS),
        duration_s=np.full(TICKS, 10.0),
        action=action,
        load_s=np.zeros((TICKS, len(Load))),
        energy_j=np.array([TRUTH_J[name] for name in action]) + noise,
        gap_s=np.zeros(TICKS),
        bound_j=np.zeros(TICKS),
        served=np.zeros(TICKS, np.int64),
        source="simulated",
        unsettled=0,
    )
