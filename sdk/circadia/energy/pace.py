"""How long an action's work takes at most on this body: what the profile foretells, and what was measured.

    largest = the longest unit that was measured of any work of the same mode and clock
    bound   = MARGIN · largest · units         after SAMPLES measurements of the work itself
              max(foretold, the same)          before

Work is an action that only serves or only trains: the parts of one that does both are measured one by one. A unit is a
training step or an invocation of `infer`, which takes as long for one answer as for a full batch; units is the most of
them that the work has. So a bound rises at once, for the work's larger and smaller kin too, and falls only when enough
was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from circadia.actions import INDEX, action_named, units_of
from circadia.types import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from circadia.types import Action, Phase, Units

SAMPLES = 30
"""Measurements of an action until its bound may be below what the profile foretells."""
MARGIN = 1.2
"""Over the longest that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """What was measured, by action."""

    rows: Mapping[str, Pace] = field(default_factory=dict)
    batch: int = 1
    """Answers that one invocation gives at most."""

    @classmethod
    def of(cls, rows: Iterable[Pace], batch: int = 1) -> Paces:
        """Of a store's rows; those of actions that this version does not know are passed over."""
        return cls(rows={row.action: row for row in rows if row.action in INDEX}, batch=batch)

    def units(self, units: Units) -> int:
        """What that much of one work is in units of it: invocations or steps."""
        return -(-units.answers // self.batch) + units.steps

    def after(self, work: Action, unit_s: float, samples: int = 1) -> Pace | None:
        """The work's row after so many measurements, the longest of which took `unit_s`; None: it says nothing new."""
        row = self.rows.get(work.name, Pace(action=work.name, samples=0, unit_s=0.0))
        new = Pace(
            action=work.name,
            samples=min(row.samples + samples, SAMPLES),
            unit_s=max(row.unit_s, unit_s),
        )
        return None if new == row else new

    def having(self, row: Pace) -> Paces:
        """With that row in the place of the action's."""
        return replace(self, rows={**self.rows, row.action: row})

    def bound_s(self, work: Action, foretold_s: float) -> float:
        """Seconds that the work takes at most."""
        kin = (row.unit_s for name, row in self.rows.items() if action_named(name).load is work.load)
        seen_s = MARGIN * max(kin, default=0.0) * self.units(units_of(work))
        own = self.rows.get(work.name)
        known = own is not None and own.samples >= SAMPLES
        return seen_s if known else max(foretold_s, seen_s)

    def bounded(self, action: Action, phases: Sequence[Phase]) -> tuple[Phase, ...]:
        """The foretold phases of the whole action, those of its works as long as they may last."""
        works = {work.load: work for work in action.works} if self.rows else {}
        return tuple(
            replace(phase, duration_s=self.bound_s(works[phase.load], phase.duration_s))
            if phase.load in works
            else phase
            for phase in phases
        )
