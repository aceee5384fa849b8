"""`gymnasium.make("circadia_lab.env.gym:circadia/Phone-v1")`: importing this registers the environments, `…-v0` and `…-v1`."""

from __future__ import annotations

from circadia_lab.policy.env import gym, gym_wakes


def register() -> None:
    """Make them known to Gymnasium; again does no harm."""
    gym.register()
    gym_wakes.register()


__all__ = ["register"]
