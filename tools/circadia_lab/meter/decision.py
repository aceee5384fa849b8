"""A decision on the plot: from when to when it owned the time, what it did, and its joules once they are settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_lab.page.action_name import mode_of

if TYPE_CHECKING:
    from circadia.types import EnergyReading, TickRecord

LETTERS = {"train": "T", "serve": "S", "sleep": "z"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Times in the device's seconds since the demonstration began."""

    made_s: float
    """On the agent's clock."""
    t_s: float
    end_s: float
    """When the next one begins."""
    busy_s: float
    """How long its work takes; after that the device rests."""
    action: str
    """Stable name."""
    served: int
    """Requests."""
    steps: int
    """Of training."""
    queue: int
    """Requests that waited when it was made."""
    fresh: int
    """Examples that no step had seen."""
    reading: EnergyReading | None = None
    """None until it is settled."""

    @property
    def mode(self) -> str:
        """`train`, `serve` or `sleep`."""
        return mode_of(self.action)

    @property
    def letter(self) -> str:
        """Of the mode."""
        return LETTERS[self.mode]

    @property
    def work(self) -> str:
        """What it did, in words."""
        if self.steps:
            return f"{self.steps} steps"
        return f"{self.served} served" if self.mode == "serve" else ""


def decision_of(record: TickRecord, origin_s: float, end_s: float) -> Decision:
    """`end_s` as in the record's time."""
    outcome, seen = record.outcome, record.observation
    return Decision(
        made_s=record.t_s,
        t_s=record.t_s - origin_s,
        end_s=end_s - origin_s,
        busy_s=outcome.busy_s,
        action=record.decision.action.name,
        served=len(outcome.served),
        steps=outcome.training.steps if outcome.training else 0,
        queue=int(seen.queue_length),
        fresh=int(seen.fresh_examples),
    )
