"""A whole tick, as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia.types.decision import Decision
    from circadia.types.observation import Observation
    from circadia.types.outcome import Outcome
    from circadia.types.phase import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long one unit of an action's work, a training step or an invocation of `infer`, took on this body so far."""

    action: str
    """Its stable name."""
    samples: int
    """How often it was measured, as far as that matters (`circadia.energy.pace`)."""
    unit_s: float
    """The longest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickRecord:
    """One decision: what was seen, what was done, what came of it."""

    t_s: float
    """The agent's clock when the tick began; the tick owns the time until the next one."""
    observation: Observation
    decision: Decision
    outcome: Outcome
    version: int
    """Of the model that is installed after the tick."""
    paces: tuple[Pace, ...] = ()
    """What was measured since the last tick, where it says something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTick:
    """Where a device that restarts takes up again."""

    tick_id: int
    t_s: float
    observation: Observation
    phases: tuple[Phase, ...]
