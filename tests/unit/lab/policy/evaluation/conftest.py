"""What became of policies, made up to be computed by hand; and a problem of one phone to play."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia_lab.policy.env.accuracy import shipped_accuracy
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.histogram import AGE_EDGES_S, LATENCY_EDGES_S
from circadia_lab.policy.evaluation.played import Played, Sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.problem import Problem

WIDE = {
    "reward": 3,
    "cost": 3,
    "latencies": len(LATENCY_EDGES_S) - 1,
    "ages": len(AGE_EDGES_S) - 1,
    "actions": len(CATALOGUE),
}


def made(
    reward: Any, cost: Any, *, preferences: Any = ANCHORS, limits: Any = (0.02, 0.2, 0.2), **sums: Any
) -> Played:
    """One device, one copy, a unit of time: averages as given, (objectives,) or (preferences, objectives)."""
    n = len(preferences)
    plain: dict[str, Any] = {f.name: np.ones((n, 1, 1, *_wide(f.name))) for f in fields(Sums)}
    plain["reward"] = np.broadcast_to(np.asarray(reward, float), (n, 3))[:, None, None].copy()
    plain["cost"] = np.broadcast_to(np.asarray(cost, float), (n, 3))[:, None, None].copy()
    for name, value in sums.items():
        plain[name] = np.broadcast_to(np.asarray(value, float), (n, 1, 1, *_wide(name))).copy()
    return Played(
        preferences=np.asarray(preferences, float),
        limits=np.asarray(limits, float),
        accuracy_model=shipped_accuracy(),
        sums=Sums(**plain),
        devices=("a device",),
    )


def _wide(name: str) -> tuple[int, ...]:
    return (WIDE[name],) if name in WIDE else ()


@pytest.fixture(scope="session")
def made_up() -> Callable[..., Played]:
    return made


@pytest.fixture(scope="session")
def problem() -> Problem:
    return find_problem("phone")
