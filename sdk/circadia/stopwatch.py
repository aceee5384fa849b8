"""How long work took, by a clock that counts suspend and a stopwatch that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.types import Load, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.ports import Clock

SUSPEND_S = 0.5
"""The clocks are read one after the other: what they differ by less is no suspend."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something began."""

    t_s: float
    """On the agent's clock."""
    awake_s: float
    """On the stopwatch."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took; never negative, whatever the clocks did."""

    awake_s: float
    asleep_s: float
    """The machine was suspended meanwhile."""

    def phases(self, load: Load) -> tuple[Phase, ...]:
        """As marks of energy: the work, and the sleep in the middle of it."""
        marks = ((load, self.awake_s), (Load.DEEP_SLEEP, self.asleep_s))
        return tuple(Phase(load=mark, duration_s=seconds) for mark, seconds in marks if seconds > 0)


class Stopwatch:
    """Reads both, from any thread."""

    def __init__(self, clock: Clock, awake_s: Callable[[], float]) -> None:
        self._clock, self._awake_s = clock, awake_s

    def begin(self) -> Moment:
        """Now."""
        return Moment(self._clock.now_s(), self._awake_s())

    def since(self, began: Moment) -> Took:
        """Until now. A clock that was set back or forward meanwhile is taken for what it is not: no time, or a suspend."""
        awake_s = max(self._awake_s() - began.awake_s, 0.0)
        asleep_s = self._clock.now_s() - began.t_s - awake_s
        return Took(awake_s, asleep_s if asleep_s > SUSPEND_S else 0.0)
