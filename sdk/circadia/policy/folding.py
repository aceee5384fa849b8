"""Policies from when doing nothing had many names: what they would spend on an action with nothing to do, they sleep.

Before such actions were masked (`circadia.idle`), serving nobody was as good as sleeping, and trained policies learnt to
sleep that way: take those actions from them, and what they hardly ever did is all that is left. So their weight goes to
the sleeping that they amount to, with the same exchange as far as there is something to send:

    s(sleep) ← log Σ exp s(a)   over sleep and every a that amounts to it
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.idle import Stock, idle_without, lacking_in, lacking_now, needs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.actions import ActionFacts

    Gathered = tuple[tuple[int, list[int]], ...]


class Folding(NamedTuple):
    """What is gathered where, for each case of what lacks: the sleeping action, and all that amount to it, itself first."""

    cases: dict[Stock, Gathered]

    def at(self, x: NDArray[np.float32]) -> Gathered:
        """For one observation, (features,) values."""
        return self.cases[lacking_now(x)]

    def folded(self, scores: NDArray[Any], x: NDArray[np.float32]) -> NDArray[Any]:
        """(…, actions) scores at (…, features) values → the same with what is gathered.

        What has nothing to do keeps its own: nobody draws it.
        """
        found, lacks = scores.copy(), lacking_in(x)
        for lack, gathered in self.cases.items():
            rows = np.logical_and.reduce([has == now for has, now in zip(lacks, lack, strict=True)])
            for target, members in gathered:
                found[rows, target] = np.logaddexp.reduce(scores[rows][:, members], axis=-1)
        return found


def folding_of(facts: ActionFacts, offered: NDArray[np.bool_]) -> Folding:
    """For a catalogue, and the actions of it that a policy offers."""
    cases = map(Stock._make, product((False, True), repeat=3))
    return Folding({lack: _gathered(lack, facts, offered) for lack in cases})


def _gathered(lack: Stock, facts: ActionFacts, offered: NDArray[np.bool_]) -> Gathered:
    """(sleeping action, itself and what amounts to it) for each that gains by it."""
    idles = np.broadcast_to(idle_without(lack, needs_of(facts)), offered.shape)
    members: dict[int, list[int]] = {}
    for i in np.flatnonzero(idles & offered).tolist():
        target = _sleeping(facts, i, idles)
        if offered[target]:
            members.setdefault(target, [target]).append(i)
    return tuple(members.items())


def _sleeping(facts: ActionFacts, action: int, idles: NDArray[np.bool_]) -> int:
    """Sleeping with the same exchange, or with the pull in it, or without."""
    same = facts.names[action].rpartition("/")[2]
    for name in (f"sleep/{same}", "sleep/sync-pull"):
        place = facts.names.index(name) if name in facts.names else 0
        if facts.pulls[action] and not idles[place] and place:
            return place
    return 0
