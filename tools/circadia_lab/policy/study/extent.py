"""How much an evaluation trains, plays and searches."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from circadia_lab.policy.study.ground import BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of everything."""

    seeds: int
    batch: int
    """Devices that act at once in a training, at least."""
    trainer: Mapping[str, Any]
    """Of the trainer's numbers, those that differ."""
    copies: int
    days: float
    warm_up_days: float
    search_copies: int
    search_days: float
    lessons: int
    """Steps of the distillation."""


WHOLE = Extent(
    seeds=5,
    batch=BATCH,
    trainer=MappingProxyType({}),
    copies=32,
    days=4.0,
    warm_up_days=1.0,
    search_copies=8,
    search_days=2.0,
    lessons=6_000,
)
QUICK = Extent(
    seeds=2,
    batch=256,
    trainer=MappingProxyType(
        {"steps": 40_000, "judgements": 1, "judged_ticks": 50, "judged_warm_up": 20, "report_every": 5}
    ),
    copies=2,
    days=0.5,
    warm_up_days=0.1,
    search_copies=1,
    search_days=0.1,
    lessons=200,
)
