"""A policy in the evaluation: what it is, and what became of it under the evaluation's conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.rollout import play

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.played import Played
    from circadia_lab.policy.evaluation.scorers import Scorer

KINDS = {
    "trained": "trained by interaction",
    "ablation": "trained likewise, but for one thing",
    "ceiling": "made from the certified optimum",
    "rule": "rule with searched constants",
    "reference": "reference, no rival",
}
"""What an arm may be, in the order of the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How long and with which chance policies are played; all of an evaluation under the same."""

    per_device: int = 32
    """Copies of each device."""
    days: float = 4.0
    warm_up_days: float = 1.0
    """Not counted: the start is forgotten."""
    seed: int = 0

    def play(
        self,
        problem: Problem,
        scorer: Scorer,
        preferences: Any = ANCHORS,
        progress: Callable[[float], None] | None = None,
    ) -> Played:
        """See `rollout.play`."""
        return play(
            problem,
            scorer,
            preferences,
            per_device=self.per_device,
            days=self.days,
            warm_up_days=self.warm_up_days,
            seed=self.seed,
            progress=progress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A policy by name, with its days under every anchor: one `Played` a training seed, a rule's a single one.

    Arms that were trained with the same seeds have them in the same order.
    """

    name: str
    kind: str
    """Of `KINDS`."""
    plays: tuple[Played, ...]
    constants: str = ""
    """Those that a search chose, or that define it."""
    note: str = ""
    """What a reader must know beside the figures."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"arm {self.name}: unknown kind {self.kind!r}; there are {', '.join(KINDS)}")
        if not self.plays:
            raise ConfigError(f"arm {self.name}: was never played; give it one Played at least")
