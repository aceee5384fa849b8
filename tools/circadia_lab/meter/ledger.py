"""The decisions of a demonstration in order, their joules as they settle, and the sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from circadia_lab.page.action_name import mode_of

if TYPE_CHECKING:
    from circadia.types import EnergyReading
    from circadia_lab.meter.decision import Decision


class Ledger:
    """One thread's."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.joules: defaultdict[str, float] = defaultdict(float)
        """By action, of those that are settled."""
        self.counts: Counter[str] = Counter()
        """Settled decisions by action."""
        self.settled = 0
        """The first so many decisions are settled, for they settle in order."""
        self.gap_s = 0.0
        """Time in them of which the meter's samples never came."""

    def add(self, decision: Decision) -> None:
        """A new one."""
        self.decisions.append(decision)

    def settle(self, told: dict[float, EnergyReading]) -> list[Decision]:
        """Take readings out, by the time at which their decisions were made → those that are settled by them."""
        found: list[Decision] = []
        for place in range(self.settled, len(self.decisions)):
            decision = self.decisions[place]
            if (reading := told.pop(decision.made_s, None)) is None:
                break
            found.append(replace(decision, reading=reading))
            self.decisions[place] = found[-1]
            self.joules[decision.action] += reading.energy_j
            self.gap_s += reading.gap_s
            self.counts[decision.action] += 1
        self.settled += len(found)
        return found

    @property
    def energy_j(self) -> float:
        """Of all that are settled."""
        return sum(self.joules.values())

    @property
    def by_mode(self) -> dict[str, float]:
        """Joules."""
        found = dict.fromkeys(("train", "serve", "sleep"), 0.0)
        for action, joules in self.joules.items():
            found[mode_of(action)] += joules
        return found
