"""What came of an action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from circadia.types.model import Model, ModelUpdate, Training
    from circadia.types.phase import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An answered request."""

    request_id: int
    label: int
    """The index of the most probable label."""
    label_name: str
    """What the task calls it."""
    confidence: float
    """The most probable label's probability."""
    probabilities: NDArray[np.float32] = field(compare=False)
    """(labels,) of each label, in the task's order; not to be written to."""
    latency_s: float
    """From `submit` to the answer, in the agent's time."""
    version: int
    """The federation's version of the model that answered; 0 before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Work that went away, to another device say, and comes back in the outcome of a later tick."""

    work_id: str
    requests: tuple[int, ...] = ()
    """Those that it answers."""
    sent_s: float
    due_s: float
    """Until when it is waited for."""
    note: bytes = b""
    """What its workload needs to take it up again after a restart; nobody else reads it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What an action did."""

    phases: tuple[Phase, ...] = ()
    served: tuple[Served, ...] = ()
    expired: tuple[int, ...] = ()
    """Requests whose deadline passed unanswered."""
    training: Training | None = None
    update: ModelUpdate | None = None
    model: Model | None = None
    """The weights to keep, when they changed."""
    away: tuple[Away, ...] = ()
    """Work that went away with it."""
    back: tuple[str, ...] = ()
    """Ids of earlier work that is not away any more: it came back, or is given up."""
    overrun_s: float = 0.0
    """How much longer the real computation took than its phases or the pacing period, whichever is longer.

    0 where phases are what passed.
    """

    @property
    def busy_s(self) -> float:
        """The time the phases take together."""
        return sum(phase.duration_s for phase in self.phases)
