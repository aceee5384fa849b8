"""How fast Stable-Baselines3's PPO trains on the scalarised environment; runs in the rivals' environment.

    python -m circadia_lab.policy.rivals.ppo VARIANT --problem default --devices 1024 --seconds 10

`defaults`    one device in Gymnasium's loop, every number Stable-Baselines3's own
`batched`     many devices in one NumPy batch; minibatches of 64 and 10 epochs, its own; rollouts of 2048 or of 16 ticks
`tuned`       the same batch with rollouts, minibatches and epochs of our trainer
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import gymnasium
import stable_baselines3
import torch
from stable_baselines3 import PPO

from circadia_lab.policy.env.gym import ScalarEnv
from circadia_lab.policy.env.gym_vector import ScalarVectorEnv
from circadia_lab.policy.rivals.days import BALANCED
from circadia_lab.policy.rivals.one_batch import OneBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN_ROLLOUT = 2048
"""Stable-Baselines3's `n_steps`, which counts one device's ticks."""
SHORTEST = 16


def ppo(
    variant: str, problem: str, devices: int, ticks: int, minibatches: int, epochs: int, seed: int
) -> PPO:
    """The learner; networks are Stable-Baselines3's own, 64 and 64 with tanh, as wide as ours."""
    if variant == "defaults":
        return PPO("MlpPolicy", ScalarEnv(problem, BALANCED), device="cpu", seed=seed)
    world = OneBatch(ScalarVectorEnv(problem, devices, BALANCED, days=None), seed)
    if variant == "batched":
        return PPO("MlpPolicy", world, n_steps=max(OWN_ROLLOUT // devices, SHORTEST), device="cpu", seed=seed)
    size = devices * ticks // minibatches
    return PPO("MlpPolicy", world, n_steps=ticks, batch_size=size, n_epochs=epochs, device="cpu", seed=seed)


def speed(learner: PPO, seconds: float) -> dict[str, Any]:
    """Ticks a second over whole rollouts with their updates, after a first one that warms up."""
    rollout = learner.n_steps * learner.n_envs
    learner.learn(rollout)
    start, before = time.perf_counter(), learner.num_timesteps
    while (taken := time.perf_counter() - start) < seconds:
        learner.learn(rollout, reset_num_timesteps=False)
    steps = learner.num_timesteps - before
    return {"steps": steps, "seconds": taken, "steps_per_s": steps / taken}


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=("defaults", "batched", "tuned"))
    parser.add_argument("--problem", default="default")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--ticks", type=int, default=64)
    parser.add_argument("--minibatches", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    learner = ppo(
        args.variant, args.problem, args.devices, args.ticks, args.minibatches, args.epochs, args.seed
    )
    versions = {
        "threads": torch.get_num_threads(),
        "sb3": stable_baselines3.__version__,
        "torch": torch.__version__,
    }
    print(json.dumps(speed(learner, args.seconds) | versions | {"gymnasium": gymnasium.__version__}))


if __name__ == "__main__":
    main()
