"""The rule `due` in the worlds, searched with thresholds on the charge and settings that differ by hour of day.

When something is due, do everything that is due within a window. Settings are searched exactly, each policy played in
the world: first a coarse grid with one setting for the whole day, then one number of one time of day after another
until none makes it better.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.types import WakeOn
from circadia_lab.policy.regimes.chain import Sleep
from circadia_lab.policy.regimes.worlds.play import Stage, Tables
from circadia_lab.policy.regimes.worlds.world import WORKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.worlds.play import Played
    from circadia_lab.policy.regimes.worlds.world import World

    Floats = NDArray[np.float64]
    Rules = tuple["HarvestDue", ...] | tuple["DayNightDue", ...]

MOST_PASSES = 4
SHORTER = 1e-6
"""Relative: a setting is better if it costs less by more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestDue:
    """Settings for a time of day; slots, and shares of the capacity."""

    serve_after: int = 2
    """With much charge."""
    low: tuple[float, int] = (0.0, 2)
    """Below which charge there is little, and after how long it serves then: two that only make sense together."""
    learn_after: int = 6
    learn_from: float = 0.0
    """Charge below which it does not learn."""
    window: int = 2


HARVEST_CHOICES: dict[str, tuple[Any, ...]] = {
    "serve_after": (2, 3),
    "low": ((0.0, 2), *product((0.25, 0.4, 0.55, 0.7), (3, 4, 6))),
    "learn_after": (4, 5, 6, 7, 8),
    "learn_from": (0.0, 0.25, 0.5),
    "window": (0, 2, 4, 8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayNightDue:
    """Settings for a time of day; slots."""

    learn_after: int = 14
    window: int = 4
    """Of learning; a request that waits is answered at any wake."""
    look: tuple[int, bool] = (4, False)
    """The longest sleep, and whether a request ends it: two that only make sense together."""


DAY_NIGHT_CHOICES: dict[str, tuple[Any, ...]] = {
    "learn_after": (12, 13, 14, 15, 16, 18, 20, 22),
    "window": (0, 2, 4, 8, 12, 14),
    "look": ((3, False), (4, False), (5, False), (4, True), (8, True), (15, True)),
}


class Searched(NamedTuple):
    """The best found."""

    played: Played
    rules: Rules
    """One for each time of day."""
    plain: Played
    """The best of the coarse grid, with one setting for the whole day."""
    tried: int
    tables: Tables
    """The best, by slot and state."""


def search(
    world: World, hours: NDArray[np.int64], grid: Sequence[Any], choices: dict[str, tuple[Any, ...]]
) -> Searched:
    """`hours` (H,) the time of day of each slot, from 0; `grid` of rules for the whole day."""
    stage, build = Stage(world), _builder(grid[0])
    known: dict[Rules, Played] = {}

    def played(rules: Rules) -> Played:
        if rules not in known:
            known[rules] = stage.play(build(world, [rules[time] for time in hours]), roughly=True)
        return known[rules]

    times = int(hours.max()) + 1
    best: Rules = min((((rule,) * times) for rule in grid), key=lambda rules: played(rules).cost)
    plain = best
    for _ in range(MOST_PASSES):
        before = played(best).cost
        for rules in _neighbours(times, choices):
            changed = rules(best)
            if played(changed).cost < played(best).cost * (1 - SHORTER):
                best = changed
        if played(best).cost >= before * (1 - SHORTER):
            break
    tables = build(world, [best[time] for time in hours])
    exact = stage.play(tables)
    return Searched(
        exact, best, stage.play(build(world, [plain[time] for time in hours])), len(known), tables
    )


def _neighbours(times: int, choices: dict[str, tuple[Any, ...]]) -> Iterator[Callable[[Rules], Rules]]:
    """One number of one time of day, or of all times at once."""
    for name, values in choices.items():
        for where in (None, *range(times)):
            for value in values:
                yield partial(_changed, name=name, where=where, value=value)


def _changed(rules: Any, name: str, where: int | None, value: Any) -> Any:
    return tuple(
        replace(rule, **{name: value}) if where in (None, time) else rule for time, rule in enumerate(rules)
    )


def _builder(rule: Any) -> Callable[[World, Sequence[Any]], Tables]:
    return _harvest_tables if isinstance(rule, HarvestDue) else _day_night_tables


def harvest_grid() -> list[HarvestDue]:
    """One setting for the whole day."""
    lows = [(0.0, 2), *product((0.4, 0.7), (3, 4, 6))]
    return [
        HarvestDue(low=low, learn_after=learn_after, window=window)
        for low, learn_after, window in product(lows, (4, 6, 8), (0, 2, 8))
    ]


def day_night_grid() -> list[DayNightDue]:
    """One setting for the whole day."""
    looks = ((4, False), (15, True))
    return [
        DayNightDue(learn_after=learn_after, window=window, look=look)
        for learn_after, window, look in product((14, 16, 18), (4, 14), looks)
    ]


def _harvest_tables(world: World, rules: Sequence[HarvestDue]) -> Tables:
    """A rule for each slot."""
    charge, served, learnt = (world.axes[name] for name in ("charge", "served", "learnt"))
    work = np.zeros((world.slots, len(WORKS), world.states))
    seen: dict[HarvestDue, Floats] = {}
    for slot, rule in enumerate(rules):
        if rule not in seen:
            serve_at = np.where(charge >= rule.low[0], rule.serve_after, rule.low[1])
            may_learn = charge >= rule.learn_from
            due = (served >= serve_at) | ((learnt >= rule.learn_after) & may_learn)
            serves = due & (served >= np.maximum(1, serve_at - rule.window))
            learns = due & (learnt >= max(1, rule.learn_after - rule.window)) & may_learn
            seen[rule] = _admitted(world, slot, serves, learns)
        work[slot] = seen[rule]
    return Tables(work, None)


def _admitted(world: World, slot: int, serves: NDArray[np.bool_], learns: NDArray[np.bool_]) -> Floats:
    """(W, N); what is not admitted is not done at all."""
    chosen = np.array([[0, 2], [1, 3]])[serves.astype(int), learns.astype(int)]
    every = np.arange(world.states)
    chosen = np.where(world.admitted[slot, chosen, every], chosen, 0)
    found: Floats = np.eye(len(WORKS))[chosen].T
    return found


def _day_night_tables(world: World, rules: Sequence[DayNightDue]) -> Tables:
    """A rule for each slot."""
    queue, learnt = world.axes["queue"], world.axes["learnt"]
    longest = max(sleep.slots for sleep in world.sleeps)
    place = {sleep: i for i, sleep in enumerate(world.sleeps)}
    work = np.zeros((world.slots, len(WORKS), world.states))
    sleep = np.zeros((world.slots, len(WORKS), len(world.sleeps), world.states))
    every = np.arange(world.states)
    for slot, rule in enumerate(rules):
        learns = learnt >= max(1, rule.learn_after - rule.window)
        work[slot] = _admitted(world, slot, queue > 0, learns)
        age = np.where(learns, 0, learnt)
        length = np.clip(np.minimum(rule.learn_after - age, rule.look[0]), 1, longest)
        kind = WakeOn.REQUEST if rule.look[1] else WakeOn.DUE
        options = np.array([place[Sleep(int(slots), kind)] for slots in range(1, longest + 1)])[length - 1]
        sleep[slot][:, options, every] = 1
    return Tables(work, sleep)


def settings(rules: Rules) -> list[dict[str, Any]]:
    """For figures."""
    return [{part.name: getattr(rule, part.name) for part in fields(rule)} for rule in rules]
