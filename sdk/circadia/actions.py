"""The catalogue of actions, and what is known of each.

Names are stable for ever: policy files refer to them. Places are, too: later actions are only added, at the end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.types import Action, ClockLevel, Load, Mode, Work

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]

LOCAL_STEPS = {Work.SMALL: 8, Work.LARGE: 32}
"""Training steps (one batch each) of a TRAIN action."""
SERVE_LIMIT = {Work.SMALL: 8, Work.LARGE: 32}
"""Requests that a SERVE action answers at most."""

CATALOGUE: tuple[Action, ...] = (
    Action(mode=Mode.SLEEP),
    Action(mode=Mode.SLEEP, pull=True),
    Action(mode=Mode.SLEEP, push="int8", pull=True),
    Action(mode=Mode.SERVE, clock=ClockLevel.LOW, work=Work.SMALL),
    Action(mode=Mode.SERVE, clock=ClockLevel.LOW, work=Work.SMALL, pull=True),
    Action(mode=Mode.SERVE, clock=ClockLevel.LOW, work=Work.LARGE),
    Action(mode=Mode.SERVE, clock=ClockLevel.LOW, work=Work.LARGE, pull=True),
    Action(mode=Mode.SERVE, clock=ClockLevel.HIGH, work=Work.SMALL),
    Action(mode=Mode.SERVE, clock=ClockLevel.HIGH, work=Work.SMALL, pull=True),
    Action(mode=Mode.SERVE, clock=ClockLevel.HIGH, work=Work.LARGE),
    Action(mode=Mode.SERVE, clock=ClockLevel.HIGH, work=Work.LARGE, pull=True),
    Action(mode=Mode.TRAIN, clock=ClockLevel.LOW, work=Work.SMALL),
    Action(mode=Mode.TRAIN, clock=ClockLevel.LOW, work=Work.SMALL, push="int8", pull=True),
    Action(mode=Mode.TRAIN, clock=ClockLevel.LOW, work=Work.LARGE),
    Action(mode=Mode.TRAIN, clock=ClockLevel.LOW, work=Work.LARGE, push="int8", pull=True),
    Action(mode=Mode.TRAIN, clock=ClockLevel.HIGH, work=Work.SMALL),
    Action(mode=Mode.TRAIN, clock=ClockLevel.HIGH, work=Work.SMALL, push="int8", pull=True),
    Action(mode=Mode.TRAIN, clock=ClockLevel.HIGH, work=Work.LARGE),
    Action(mode=Mode.TRAIN, clock=ClockLevel.HIGH, work=Work.LARGE, push="int8", pull=True),
)
"""Every action there is. The order is that of the scores and masks; the first is sleeping, and nothing else."""
NAMES: tuple[str, ...] = tuple(action.name for action in CATALOGUE)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
SLEEP = CATALOGUE[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionFacts:
    """What is known of each action of a catalogue: (actions,) arrays in its order, not to be written to."""

    names: tuple[str, ...]
    modes: Flags
    """(actions, modes) in the order of `Mode`."""
    serves: Flags
    trains: Flags
    works: Flags
    """It does more than sleep: not the first."""
    high: Flags
    """The processor's clock."""
    pushes: Flags
    pulls: Flags
    syncs: Flags
    """It pushes or pulls."""
    only_pushes: Flags
    """It pushes what is there already; a training makes what it pushes."""
    codecs: tuple[str | None, ...]
    """In which it pushes."""
    steps: Floats
    """Training steps."""
    answers: Floats
    """Requests that it answers at most."""
    work_load: Floats
    """(actions, loads) 1 at the load of its work."""

    def __post_init__(self) -> None:
        for f in fields(self):
            if isinstance(column := getattr(self, f.name), np.ndarray):
                column.flags.writeable = False


def facts_of(catalogue: Iterable[Action]) -> ActionFacts:
    """The table of any catalogue; `ConfigError` unless the first action is plain sleep and no name comes twice."""
    actions = tuple(catalogue)
    names = tuple(action.name for action in actions)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not actions or actions[0] != SLEEP or twice:
        raise ConfigError(
            f"a catalogue begins with sleep, each name once; twice: {', '.join(twice) or 'none'}"
        )
    modes = np.array([[action.mode is mode for mode in Mode] for action in actions])
    serves, trains = (modes[:, list(Mode).index(mode)] for mode in (Mode.SERVE, Mode.TRAIN))
    pushes = np.array([action.push is not None for action in actions])
    pulls = np.array([action.pull for action in actions])
    return ActionFacts(
        names=names,
        modes=modes,
        serves=serves,
        trains=trains,
        works=np.arange(len(actions)) > 0,
        high=np.array([action.clock is ClockLevel.HIGH for action in actions]),
        pushes=pushes,
        pulls=pulls,
        syncs=pushes | pulls,
        only_pushes=pushes & ~trains,
        codecs=tuple(action.push for action in actions),
        steps=np.array([LOCAL_STEPS[action.work] for action in actions]) * 1.0 * trains,
        answers=np.array([SERVE_LIMIT[action.work] for action in actions]) * 1.0 * serves,
        work_load=np.stack([work_load(action) for action in actions]),
    )


def work_load(action: Action) -> Floats:
    """(loads,) 1 at the load of the action's work."""
    row = np.zeros(len(Load))
    if action.mode is not Mode.SLEEP:
        row[Load[f"{action.mode.name}_{action.clock.name}"]] = 1
    return row


FACTS = facts_of(CATALOGUE)


def units_of(action: Action) -> int:
    """The most units of work that it does: training steps or requests."""
    return {Mode.TRAIN: LOCAL_STEPS, Mode.SERVE: SERVE_LIMIT}.get(action.mode, {}).get(action.work, 0)


def action_named(name: str) -> Action:
    """The action of that stable name; `ArtifactError` for one that this version does not know."""
    if name not in INDEX:
        raise ArtifactError(f"unknown action {name!r}; this version knows {', '.join(NAMES)}")
    return CATALOGUE[INDEX[name]]
