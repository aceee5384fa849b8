"""The shield of one body, whose bounds follow what work is seen to take."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from circadia.energy.pace import Paces
from circadia.shield import Shield
from circadia.types import Units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.shield import Foretold, Limits
    from circadia.types import Action, Outcome, Pace

log = logging.getLogger(__name__)

LONGEST_UNIT_S = 3600.0
"""As in a profile: what takes longer was no work."""


class Bounds:
    """Of the agent's thread."""

    def __init__(self, limits: Limits, foretold: Foretold, paces: Paces | None = None) -> None:
        """`paces`: what earlier runs measured."""
        self._limits, self._foretold = limits, foretold
        self._paces = paces or Paces()
        self._news: dict[str, Pace] = {}
        self._follow()

    def _follow(self) -> None:
        self.shield = Shield(self._limits, self._foretold.costs(self._paces), self._foretold.catalogue)
        """As of now."""
        self.at_most_s = self._at_most_s(self._paces)
        """How long each action takes at most, for all that is known, by name."""

    def _at_most_s(self, paces: Paces) -> dict[str, float]:
        return {
            action.name: sum(phase.duration_s for phase in paces.bounded(action, phases))
            for action, phases in zip(self._foretold.catalogue, self._foretold.phases, strict=True)
        }

    def saw(self, action: Action, outcome: Outcome) -> None:
        """What an action's works took on a body that measures; nothing if it did none, or what came back was done elsewhere."""
        steps = outcome.training.steps if outcome.training else 0
        for work in action.works:
            units = self._paces.units(Units(steps=steps) if work.train else Units(len(outcome.served)))
            load_s = sum(phase.duration_s for phase in outcome.phases if phase.load is work.load)
            if units and load_s:
                self.measured(work, load_s / units)

    def measured(self, action: Action, unit_s: float, samples: int = 1) -> None:
        """So many measurements of one work, a unit of which took `unit_s` at most."""
        if unit_s > LONGEST_UNIT_S:
            log.warning(
                "%s: %.0f s for one unit of work is more than any device's profile may say: taken for a program that was held "
                "up, no limit counts on it",
                action.name,
                unit_s,
            )
            return
        row = self._paces.after(action, unit_s, samples)
        if row is None:
            return
        self._paces = self._paces.having(row)
        self._news[action.name] = row
        before, now = self.at_most_s, self._at_most_s(self._paces)
        if now != before:
            self._tell(action.name, before[action.name], now[action.name])
            self._follow()

    def _tell(self, name: str, before_s: float, now_s: float) -> None:
        """Limits that close earlier than the profile lets one expect are said to."""
        foretold_s = self._at_most_s(Paces())[name]
        if now_s > max(before_s, foretold_s):
            log.info(
                "%s takes up to %.3g s here, %.3g s by the profile: the limits count on that from now on",
                name,
                now_s,
                foretold_s,
            )

    def news(self) -> tuple[Pace, ...]:
        """What the store does not have yet."""
        return tuple(self._news.values())

    def kept(self, rows: Iterable[Pace]) -> None:
        """The store has these."""
        for row in rows:
            if self._news.get(row.action) == row:
                del self._news[row.action]
