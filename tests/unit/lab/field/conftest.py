"""Ticks whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.types import Load
from circadia_lab.field.ticks import Ticks

if TYPE_CHECKING:
    from collections.abc import Callable

WATTS = {Load.DEEP_SLEEP: 0.02, Load.WAKE_UP: 0.4, Load.SERVE_HIGH: 1.1, Load.TRAIN_LOW: 0.36}


def known_ticks(count: int, seed: int, *, noise_j: float = 0.02, warm: float = 0.0) -> Ticks:
    """Of three actions in random order; `warm`: how much of a tick's surplus the next one draws, too."""
    rng = np.random.default_rng(seed)
    action = rng.choice(["sleep", "serve/high/small", "train/low/large"], count)
    load_s = np.zeros((count, len(Load)))
    load_s[:, Load.WAKE_UP] = rng.uniform(0.1, 0.5, count)
    load_s[:, Load.SERVE_HIGH] = np.where(action == "serve/high/small", rng.uniform(0.5, 2, count), 0)
    load_s[:, Load.TRAIN_LOW] = np.where(action == "train/low/large", rng.uniform(3, 8, count), 0)
    load_s[:, Load.DEEP_SLEEP] = 10 - load_s.sum(axis=1)
    noise = rng.normal(0, noise_j, count)
    for k in range(1, count):
        noise[k] += warm * noise[k - 1]
    return Ticks(
        t_s=10.0 * np.arange(count),
        duration_s=np.full(count, 10.0),
        action=action,
        load_s=load_s,
        energy_j=load_s @ [WATTS.get(load, 0.0) for load in Load] + noise,
        gap_s=np.zeros(count),
        bound_j=np.full(count, 0.003),
        served=np.zeros(count, np.int64),
        source="measured",
        unsettled=0,
    )


@pytest.fixture
def ticks() -> Callable[..., Ticks]:
    """Makes them."""
    return known_ticks


@pytest.fixture
def watts() -> dict[Load, float]:
    """The truth in them."""
    return WATTS
