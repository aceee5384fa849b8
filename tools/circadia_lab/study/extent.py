"""How much an evaluation trains, plays and searches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of everything."""

    seeds: int
    steps: int | None
    """Of a training; `None`: the trainer's own."""
    copies: int
    days: float
    warm_up_days: float
    search_copies: int
    search_days: float
    lessons: int
    """Steps of the distillation."""


WHOLE = Extent(
    seeds=5,
    steps=None,
    copies=32,
    days=4.0,
    warm_up_days=1.0,
    search_copies=8,
    search_days=2.0,
    lessons=6_000,
)
QUICK = Extent(
    seeds=2,
    steps=100_000,
    copies=2,
    days=0.5,
    warm_up_days=0.1,
    search_copies=1,
    search_days=0.1,
    lessons=200,
)
