"""Training and serving decided apart: two deciders who do not see each other's backlog.

The serving side sees context, battery and queue, and either serves or waits. The learning side sees context, battery,
fresh and unsent examples and the model's age, and either trains, exchanges or sleeps. Serving goes first: where both
want the tick, the request is answered and training waits. A pull that the learning side wants by itself goes along
with an answer. What the shield admits depends on context and battery, so each side knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.fixed import FACTS, INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.grid import Grid

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WAIT = INDEX["sleep"]
SERVING = (WAIT, *np.flatnonzero(FACTS.serves).tolist())
"""The serving side's options, the first of which leaves the tick to the other side."""
LEARNING = tuple(np.flatnonzero(~FACTS.serves).tolist())
RIDES = INDEX["sleep/sync-pull"]
"""The learning side's option that goes along with an answer."""
SERVING_SEES, LEARNING_SEES = ("battery", "queue"), ("battery", "fresh", "model", "unsent")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One of the two deciders."""

    options: tuple[int, ...]
    """Actions of the catalogue."""
    own: Ints
    """(S,) what it sees in each state: a number below `seen`; context by context."""
    seen: int
    admitted: NDArray[np.bool_]
    """(seen, options)"""


class Pair(NamedTuple):
    """What both do: (seen, options) probabilities each."""

    serving: Floats
    learning: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Apart:
    """A grid whose decisions are split."""

    serving: Side
    learning: Side
    played: NDArray[np.int16]
    """(S, serving options, learning options) the action of the catalogue that comes of both."""
    actions: int

    def together(self, pair: Pair) -> Floats:
        """(S, A) the policy that the device follows then."""
        wishes, plans = pair.serving[self.serving.own], pair.learning[self.learning.own]
        states = np.arange(len(self.played))
        policy = np.zeros((len(states), self.actions))
        for d in range(wishes.shape[1]):
            for k in range(plans.shape[1]):
                policy[states, self.played[:, d, k]] += wishes[:, d] * plans[:, k]
        return policy

    def by_serving(self, table: Floats, pair: Pair) -> Floats:
        """(S, A) values of actions → (S, serving options) their mean over what the learning side does."""
        plans = pair.learning[self.learning.own]
        return np.stack(
            [
                (np.take_along_axis(table, self.played[:, d].astype(np.int64), axis=1) * plans).sum(axis=1)
                for d in range(self.played.shape[1])
            ],
            axis=1,
        )

    def by_learning(self, table: Floats, pair: Pair) -> Floats:
        """(S, A) values of actions → (S, learning options) likewise."""
        wishes = pair.serving[self.serving.own]
        return np.stack(
            [
                (np.take_along_axis(table, self.played[:, :, k].astype(np.int64), axis=1) * wishes).sum(
                    axis=1
                )
                for k in range(self.played.shape[2])
            ],
            axis=1,
        )


def apart(grid: Grid) -> Apart:
    """The two deciders of a grid."""
    return Apart(
        serving=_side(grid, SERVING, SERVING_SEES),
        learning=_side(grid, LEARNING, LEARNING_SEES),
        played=_played(grid.chain.mask),
        actions=grid.chain.actions,
    )


def _side(grid: Grid, options: tuple[int, ...], sees: tuple[str, ...]) -> Side:
    from circadia_lab.policy.oracle.spec import SHAPE

    kept = [0, *(SHAPE.index(name) for name in sees)]
    places = [i.ravel() for i in np.indices(grid.shape)]
    shape = tuple(grid.shape[axis] for axis in kept)
    own = np.ravel_multi_index(tuple(places[axis] for axis in kept), shape)
    seen = int(np.prod(shape))
    admitted = np.ones((seen, len(options)), np.bool_)
    anywhere = np.zeros((seen, len(options)), np.bool_)
    allowed = grid.chain.mask[:, list(options)]
    np.logical_and.at(admitted, own, allowed)
    np.logical_or.at(anywhere, own, allowed)
    if not np.array_equal(admitted, anywhere):
        raise ConfigError(
            f"grid {grid.spec.name}: what the shield admits depends on what one side does not see"
        )
    return Side(options=options, own=own.astype(np.int64), seen=seen, admitted=admitted)


def _played(mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    played = np.zeros((len(mask), len(SERVING), len(LEARNING)), np.int16)
    for d, wish in enumerate(SERVING):
        for k, plan in enumerate(LEARNING):
            joint = _with_pull(wish) if plan == RIDES else wish
            played[:, d, k] = plan if wish == WAIT else np.where(mask[:, joint], joint, wish)
    return played


def _with_pull(action: int) -> int:
    named = f"{FACTS.names[action]}/sync-pull"
    return INDEX[named] if action != WAIT and not FACTS.syncs[action] else action


def averaged(side: Side, table: Floats, weights: Floats) -> Floats:
    """(S, options) and (S,) weights → (seen, options) means over what the side does not see."""
    total = np.bincount(side.own, weights, side.seen)
    columns = [np.bincount(side.own, weights * column, side.seen) for column in table.T]
    means: Floats = np.stack(columns, axis=1) / np.maximum(total, np.finfo(float).tiny)[:, None]
    return means


def uniform_pair(split: Apart) -> Pair:
    """Each side draws evenly."""
    drawn = (s.admitted / s.admitted.sum(axis=1, keepdims=True) for s in (split.serving, split.learning))
    return Pair(*drawn)


def projected(split: Apart, policy: Floats, distribution: Floats) -> Pair:
    """The pair that comes nearest to a policy: what each side does in it, averaged over what it does not see.

    The learning side's share is among the ticks that serving leaves to it.
    """
    serves = policy[:, list(SERVING[1:])]
    wishes = np.column_stack([1 - serves.sum(axis=1), serves])
    plans = policy[:, list(LEARNING)]
    return Pair(
        _normal(split.serving, averaged(split.serving, wishes, distribution)),
        _normal(split.learning, averaged(split.learning, plans, distribution)),
    )


def _normal(side: Side, table: Floats) -> Floats:
    """Rows that sum to 1 over what is admitted; the first option where nothing is known."""
    known = np.where(side.admitted, np.maximum(table, 0), 0)
    known[known.sum(axis=1) <= 0, 0] = 1
    shares: Floats = known / known.sum(axis=1, keepdims=True)
    return shares


def decided(side: Side, table: Floats) -> Floats:
    """(seen, options) values → the best admitted option, as probabilities."""
    best = np.where(side.admitted, table, -np.inf).argmax(axis=1)
    chosen: Floats = np.eye(len(side.options))[best]
    return chosen
