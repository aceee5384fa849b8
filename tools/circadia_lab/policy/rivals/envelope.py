"""Envelope Q-learning of morl-baselines (arXiv:1908.08342), one network for all preferences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from morl_baselines.multi_policy.envelope.envelope import Envelope

from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.rivals.days import Days, TimeIsUp

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_STEPS = 500
"""With which its speed is found; they count."""
EXPLORING = 0.5
"""Share of the training over which ε falls, and the loss turns from vectors to utilities."""
WITHOUT_END = 10**9


def learn(world: Days, seed: int) -> Any:
    """Until the world's time is up. Networks as wide as ours; schedules as in the library's examples."""
    agent = Envelope(
        world,
        net_arch=[64, 64],
        batch_size=64,
        initial_epsilon=1.0,
        final_epsilon=0.05,
        epsilon_decay_steps=WITHOUT_END,
        homotopy_decay_steps=WITHOUT_END,
        buffer_size=200_000,
        log=False,
        seed=seed,
        device="cpu",
    )
    try:
        _train(agent, world)
    except TimeIsUp:
        return agent
    raise AssertionError("a training without end has ended")


def _train(agent: Any, world: Days) -> None:
    start = time.perf_counter()
    agent.train(FIRST_STEPS)
    now = time.perf_counter()
    left = (world.until_s - now) * FIRST_STEPS / (now - start)
    agent.epsilon_decay_steps = agent.homotopy_decay_steps = max(int(EXPLORING * left), 1)
    agent.train(WITHOUT_END, reset_num_timesteps=False)


def arrays(agent: Any) -> dict[str, NDArray[np.float32]]:
    """As `learned.envelope_wishes` takes them."""
    layers = [layer for layer in agent.q_net.net if isinstance(layer, torch.nn.Linear)]
    found: dict[str, NDArray[np.float32]] = {}
    for i, layer in enumerate(layers):
        found |= {f"w{i}": layer.weight.detach().numpy(), f"b{i}": layer.bias.detach().numpy()}
    return found


def actions(agent: Any, observed: NDArray[np.float32], anchors: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) what the library's own evaluation does at (n, KEPT) under the anchors of those indices."""
    return np.array(
        [agent.eval(row, np.float32(ANCHORS[anchor])) for row, anchor in zip(observed, anchors, strict=True)]
    )
