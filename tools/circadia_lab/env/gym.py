"""`gymnasium.make("circadia_lab.env.gym:circadia/Phone-v0")`: importing this registers the environments."""

from __future__ import annotations

from circadia_lab.policy.env.gym import register

__all__ = ["register"]
