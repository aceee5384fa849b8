"""What the optimum of each world is ahead of the searched rule, with its bracket: the most that a network can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia_lab.policy.regimes.worlds.best import best
from circadia_lab.policy.regimes.worlds.daynight import (
    BY_DAY,
    DAY_NIGHTS,
    LEARN_J,
    LONGEST,
    STALE_AFTER,
    WAKE_J,
    DayNight,
    day_night_world,
)
from circadia_lab.policy.regimes.worlds.due import (
    DAY_NIGHT_CHOICES,
    HARVEST_CHOICES,
    day_night_grid,
    harvest_grid,
    search,
    settings,
)
from circadia_lab.policy.regimes.worlds.harvest import HARVESTS, Harvest, harvest_world

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia_lab.policy.regimes.worlds.best import Best
    from circadia_lab.policy.regimes.worlds.due import Searched
    from circadia_lab.policy.regimes.worlds.world import World

TOLERANCE = 1e-4
SUNNY = range(12, 36)


class Lead(NamedTuple):
    """Of one world."""

    world: World
    best: Best
    due: Searched
    separate: float | None
    """What two controllers cost a day, each alone, where that can be told exactly."""

    @property
    def over_due(self) -> tuple[float, float]:
        """1 − optimum / rule: certainly at least the first, certainly at most the second."""
        cost = self.due.played.cost
        return 1 - self.best.upper / cost, 1 - self.best.lower / cost


def harvest_lead(given: Harvest) -> Lead:
    """Hours apart: with sun and without."""
    world = harvest_world(given)
    hours = np.isin(np.arange(world.slots), SUNNY).astype(np.int64)
    return Lead(world, best(world, TOLERANCE), search(world, hours, harvest_grid(), HARVEST_CHOICES), None)


def day_night_lead(given: DayNight) -> Lead:
    """Hours apart: day and night."""
    world = day_night_world(given)
    hours = (np.arange(world.slots) >= BY_DAY).astype(np.int64)
    alone = best(day_night_world(replace(given, learning=False)), TOLERANCE)
    return Lead(
        world,
        best(world, TOLERANCE),
        search(world, hours, day_night_grid(), DAY_NIGHT_CHOICES),
        alone.upper + _even_learning(given, world.slots),
    )


def _even_learning(given: DayNight, slots: int) -> float:
    """The best even period of a controller that only learns, a day."""
    periods = np.arange(1, LONGEST + 1)
    stale = given.stale_cost * np.maximum(periods - STALE_AFTER, 0)
    return float(((WAKE_J + LEARN_J + stale) / periods).min() * slots)


def leads(*, quick: bool = False, tell: Callable[[str, float], None] = lambda *_: None) -> list[Lead]:
    """Of all that are reported; `quick`: the first day and night alone."""
    nights, harvests = DAY_NIGHTS[: 1 if quick else None], () if quick else HARVESTS
    every = len(nights) + len(harvests)
    found = []
    for i, given in enumerate(nights):
        tell(f"day and night: {given.name}", i / every)
        found.append(day_night_lead(given))
    for i, harvest in enumerate(harvests, start=len(nights)):
        tell(harvest.name, i / every)
        found.append(harvest_lead(harvest))
    return found


def figures_of(found: Sequence[Lead]) -> dict[str, Any]:
    """For JSON: the heads are the first of each kind, the least of which no policy can be ahead by more."""
    rows = [
        {
            "name": lead.world.name,
            "optimum": {"lower": lead.best.lower, "upper": lead.best.upper},
            "due": lead.due.played.cost,
            "due_measures": lead.due.played.measures,
            "due_settings": settings(lead.due.rules),
            "due_without_hours": lead.due.plain.cost,
            "rules_tried": lead.due.tried,
            "separate": lead.separate,
            "over_due": list(lead.over_due),
        }
        for lead in found
    ]
    heads: dict[str, Any] = {}
    for key, kind in (("over_due_harvest", "harvest"), ("over_due_diurnal", "day-night")):
        of_kind = [row["over_due"] for row in rows if str(row["name"]).startswith(kind)]
        if of_kind:
            heads[f"{key}_optimum"] = of_kind[0]
    return {**heads, "worlds": rows}


def world_cells(found: Sequence[Lead]) -> list[tuple[str, ...]]:
    """A line a world: its name, costs of optimum, rules and separate controllers, and how far the optimum is ahead."""
    return [
        (
            lead.world.name,
            f"{lead.best.upper:.2f}",
            f"{lead.due.played.cost:.2f}",
            f"{lead.due.plain.cost:.2f}",
            "–" if lead.separate is None else f"{lead.separate:.2f}",
            f"{100 * lead.over_due[0]:.2f} to {100 * lead.over_due[1]:.2f} %",
        )
        for lead in found
    ]


def table(found: Sequence[Lead]) -> str:
    """As text."""
    names = ("world", "optimum", "rule, by hours", "one setting", "separate", "optimum ahead")
    lines = [
        "worlds with a day in them: cost a day, and how far the optimum is ahead of the searched rule; modelled",
        "",
    ]
    lines += [
        f"{row[0]:26}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in (names, *world_cells(found))
    ]
    return "\n".join(lines)
