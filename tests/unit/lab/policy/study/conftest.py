"""A ground to train on in a moment, and what came of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from circadia.observation import WIDTH
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.policy_file import FloatLayer
from circadia_lab.policy.study.ground import _multiple
from circadia_lab.policy.study.training_file import Training


class ChainGround:
    """Random chains, told apart by their seeds."""

    name = "chain"

    def __init__(self, chain: Any, seed: int = 0) -> None:
        self._chain, self._seed = chain, seed
        self.made = 0
        """Environments."""

    @property
    def digest(self) -> str:
        return f"chain{self._seed}"

    def environment(self, batch: int) -> Any:
        self.made += 1
        return self._chain(batch, self._seed)

    def batch(self, least: int, parts: int) -> int:
        return _multiple(least, parts)


@pytest.fixture(scope="session")
def ground(chain: Any) -> ChainGround:
    return ChainGround(chain)


@pytest.fixture(scope="session")
def other_ground(chain: Any) -> ChainGround:
    return ChainGround(chain, 1)


@pytest.fixture
def training() -> Training:
    random = np.random.default_rng(0)
    sizes = (WIDTH, 8, len(NAMES))
    layers = tuple(
        FloatLayer(
            weights=random.normal(size=(out, of)).astype(np.float32),
            bias=random.normal(size=out).astype(np.float32),
            relu=i == 0,
        )
        for i, (of, out) in enumerate(pairwise(sizes))
    )
    costs = np.full((len(ANCHORS), 3), 0.5)
    costs[:7, 1] = 1.5
    point = {
        "steps": 10,
        "judged": True,
        "returns": np.zeros((len(ANCHORS), 3)).tolist(),
        "costs": costs.tolist(),
    }
    return Training(
        layers={"actor": layers},
        multipliers=random.random((len(ANCHORS), 3)),
        problem="chain",
        problem_digest="chain0",
        arm="coupled",
        seed=3,
        batch=24,
        config={"steps": 10},
        steps=10,
        seconds=1.5,
        steps_per_s=100.0,
        judged=point,
        history=({**point, "judged": False}, point),
    )
