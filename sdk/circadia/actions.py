"""The catalogue of actions, and what is known of each.

Names are stable for ever: policy files refer to them. Places are, too: later actions are only added, at the end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.types import Action, ClockLevel, Load, Mode, Units, Work

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]

LOCAL_STEPS = {Work.SMALL: 8, Work.LARGE: 32}
"""Training steps (one batch each) of training."""
SERVE_LIMIT = {Work.SMALL: 8, Work.LARGE: 32}
"""Requests that serving answers at most."""

CATALOGUE: tuple[Action, ...] = (
    Action(),
    Action(pull=True),
    Action(push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, pull=True),
    Action(clock=ClockLevel.LOW, train=Work.SMALL),
    Action(clock=ClockLevel.LOW, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, train=Work.LARGE),
    Action(clock=ClockLevel.LOW, train=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, train=Work.SMALL),
    Action(clock=ClockLevel.HIGH, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, train=Work.LARGE),
    Action(clock=ClockLevel.HIGH, train=Work.LARGE, push="int8", pull=True),
    # from here on: with every exchange, and serving and training in one wake
    Action(push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.LOW, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.LOW, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.HIGH, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.HIGH, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.LOW, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.LOW, train=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.HIGH, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.HIGH, train=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.SMALL),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.SMALL),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.LARGE),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.SMALL, train=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.LARGE),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.SMALL, train=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.SMALL),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.SMALL),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.SMALL, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.SMALL, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.SMALL, push="int8"),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.LARGE),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.LOW, serve=Work.LARGE, train=Work.LARGE, push="int8"),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.LARGE),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.LARGE, pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.LARGE, push="int8", pull=True),
    Action(clock=ClockLevel.HIGH, serve=Work.LARGE, train=Work.LARGE, push="int8"),
)
"""Every action there is. The order is that of the scores and masks; the first is sleeping, and nothing else."""
FIRST = 19
"""So many there were when a wake did one kind of work: all that today's rules and policy files of format 1 know."""
FIRST_ACTIONS = CATALOGUE[:FIRST]
NAMES: tuple[str, ...] = tuple(action.name for action in CATALOGUE)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
SLEEP = CATALOGUE[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionFacts:
    """What is known of each action of a catalogue: (actions,) arrays in its order, not to be written to."""

    names: tuple[str, ...]
    modes: Flags
    """(actions, modes) in a word, in the order of `Mode`."""
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
    """Training steps, at most."""
    answers: Floats
    """Requests that it answers at most."""
    work_load: Floats
    """(actions, loads) 1 at the loads of its work."""

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
    units = [units_of(action) for action in actions]
    trains = np.array([action.train is not None for action in actions])
    pushes = np.array([action.push is not None for action in actions])
    pulls = np.array([action.pull for action in actions])
    return ActionFacts(
        names=names,
        modes=modes,
        serves=np.array([action.serve is not None for action in actions]),
        trains=trains,
        works=np.arange(len(actions)) > 0,
        high=np.array([action.clock is ClockLevel.HIGH for action in actions]),
        pushes=pushes,
        pulls=pulls,
        syncs=pushes | pulls,
        only_pushes=pushes & ~trains,
        codecs=tuple(action.push for action in actions),
        steps=np.array([unit.steps for unit in units], float),
        answers=np.array([unit.answers for unit in units], float),
        work_load=np.stack([work_load(action) for action in actions]),
    )


def work_load(action: Action) -> Floats:
    """(loads,) 1 at the loads of the action's work."""
    row = np.zeros(len(Load))
    row[[work.load for work in action.works]] = 1
    return row


def units_of(action: Action) -> Units:
    """The most that it does."""
    return Units(
        answers=0 if action.serve is None else SERVE_LIMIT[action.serve],
        steps=0 if action.train is None else LOCAL_STEPS[action.train],
    )


FACTS = facts_of(CATALOGUE)


def action_named(name: str) -> Action:
    """The action of that stable name; `ArtifactError` for one that this version does not know."""
    if name not in INDEX:
        raise ArtifactError(f"unknown action {name!r}; this version knows {', '.join(NAMES)}")
    return CATALOGUE[INDEX[name]]
