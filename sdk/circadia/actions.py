"""The catalogue of actions. Names are stable for ever: policy files refer to them; later ones are only added."""

from __future__ import annotations

from itertools import product

from circadia.errors import ArtifactError
from circadia.types import Action, ClockLevel, Mode, Sync, Work

LOCAL_STEPS = {Work.SMALL: 8, Work.LARGE: 32}
"""Training steps (one batch each) of a TRAIN action."""
SERVE_LIMIT = {Work.SMALL: 8, Work.LARGE: 32}
"""Requests that a SERVE action answers at most."""


def _catalogue() -> tuple[Action, ...]:
    sleep = [Action(mode=Mode.SLEEP, sync=sync) for sync in Sync]
    amounts = list(product(ClockLevel, Work))
    serve = [
        Action(mode=Mode.SERVE, clock=clock, work=work, sync=sync)
        for clock, work in amounts
        for sync in (Sync.NONE, Sync.PULL)
    ]
    train = [
        Action(mode=Mode.TRAIN, clock=clock, work=work, sync=sync)
        for clock, work in amounts
        for sync in (Sync.NONE, Sync.INT8)
    ]
    return (*sleep, *serve, *train)


CATALOGUE: tuple[Action, ...] = _catalogue()
"""Every valid action: 3 ways to sleep, 8 to serve, 8 to train. The order is that of the scores and masks."""
NAMES: tuple[str, ...] = tuple(action.name for action in CATALOGUE)
INDEX: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
SLEEP = CATALOGUE[0]


def action_named(name: str) -> Action:
    """The action of that stable name; `ArtifactError` for one that this version does not know."""
    if name not in INDEX:
        raise ArtifactError(f"unknown action {name!r}; this version knows {', '.join(NAMES)}")
    return CATALOGUE[INDEX[name]]
