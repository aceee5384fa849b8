"""Pareto conditioned networks of morl-baselines (AAMAS 2022): one network, told what return to bring about.

Its policies are asked for days; ours never end. So each preference asks at every moment for the day that its best
return so far came from, of those that nothing dominates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from morl_baselines.common.pareto import get_non_dominated_inds
from morl_baselines.multi_policy.pcn.pcn import PCN

from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.rivals.days import REWARD_SCALE, Days, TimeIsUp

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = 300.0
"""Ticks of one, about: what returns and horizons are scaled by."""
MODEL_UPDATES = 500
"""Of each ten days: ten times the library's number, with which it stays near its first policy in so few days."""
WITHOUT_END = 10**9
"""Steps; the library stops to evaluate after each thousandth of them, so never."""


def learn(world: Days, seed: int) -> Any:
    """Until the world's time is up; the library's own numbers but for `MODEL_UPDATES`."""
    scale = np.array([1 / (DAY * REWARD_SCALE)] * 3 + [1 / DAY])
    agent = PCN(world, scaling_factor=scale, log=False, seed=seed, device="cpu")
    best = np.array([DAY, 0, 0], np.float32) * np.float32(1.2 * REWARD_SCALE)
    try:
        agent.train(
            WITHOUT_END,
            eval_env=world,
            ref_point=np.zeros(3),
            max_return=best,
            num_model_updates=MODEL_UPDATES,
        )
    except TimeIsUp:
        return agent
    raise AssertionError("a training without end has ended")


def commands(agent: Any) -> NDArray[np.float32]:
    """(anchors, objectives + 1) return and horizon to ask for, unscaled."""
    days = agent.experience_replay
    returns = np.array([day[2][0].reward for day in days])
    horizons = np.array([len(day[2]) for day in days])
    keep = get_non_dominated_inds(returns)
    returns, horizons = returns[keep], horizons[keep]
    best = (ANCHORS @ returns.T).argmax(-1)
    return np.column_stack([returns[best], horizons[best]]).astype(np.float32)


def arrays(agent: Any) -> dict[str, NDArray[np.float32]]:
    """As `learned.pcn_wishes` takes them."""
    model = agent.model
    layers = {"state": model.s_emb[0], "command": model.c_emb[0], "hidden": model.fc[0], "last": model.fc[2]}
    found = {"command": commands(agent) * model.scaling_factor.detach().numpy()}
    for name, layer in layers.items():
        found |= {f"{name}_w": layer.weight.detach().numpy(), f"{name}_b": layer.bias.detach().numpy()}
    return found


def actions(agent: Any, observed: NDArray[np.float32], anchors: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) what the library's own evaluation does at (n, KEPT) under the anchors of those indices."""
    asked, found = commands(agent), []
    for row, anchor in zip(observed, anchors, strict=True):
        agent.set_desired_return_and_horizon(asked[anchor, :3], asked[anchor, 3])
        found.append(agent.eval(row))
    return np.array(found)
