"""The best average of one objective in a chain, with a certified bound on either side.

Relative value iteration by modified policy iteration (Puterman, Markov Decision Processes, 1994, section 8.7). For any
values V of a unichain process (Odoni, Operations Research 17, 1969; theorem 8.5.5 there)

    min (TV − V)  ≤  gain of the policy that is greedy for V  ≤  best gain  ≤  max (TV − V)

whatever was done to V in between, so the bounds hold for every shortcut that is taken here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia_lab.policy.oracle.chain import walk_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.chain import Chain, Walk

    Floats = NDArray[np.float64]

MOST_ROUNDS = 10_000
ROUND_SWEEPS = 40
"""Sweeps under a fixed policy between two improvements."""
DAMPING = 0.9
"""V ← V + 0.9 (TV − V): a periodic chain converges too (Puterman, section 8.5.4), and the bounds are untouched."""


class Plan(NamedTuple):
    """A policy and how good it is."""

    lower: float
    """The policy's average is at least this …"""
    upper: float
    """… and no policy's average is more than this."""
    actions: NDArray[np.int64]
    """(S,)"""
    values: Floats
    """(C, N) relative values, from which a similar problem may start."""
    sweeps: int
    """Backups done, of all actions or of one, in all."""


class Bounds(NamedTuple):
    """Of an average."""

    lower: float
    upper: float


def plan(
    chain: Chain,
    objective: Floats,
    *,
    tolerance: float,
    values: Floats | None = None,
    round_sweeps: int = ROUND_SWEEPS,
) -> Plan:
    """Maximise the average of `objective` (C, A, N), −inf where not admissible, to upper − lower ≤ `tolerance`.

    Ends after `MOST_ROUNDS` improvements with the bounds it has got.
    """
    v = np.zeros((chain.contexts, chain.inner)) if values is None else values
    best, sweeps = Bounds(-np.inf, np.inf), 0
    actions = np.zeros(chain.states, np.int64)
    for _ in range(MOST_ROUNDS):
        backed = objective + chain.expected(v)
        greedy, top = backed.argmax(axis=1), backed.max(axis=1)
        bounds = _bounds(top - v)
        sweeps += 1
        if bounds.lower > best.lower:
            actions = greedy.ravel()
        best = Bounds(max(best.lower, bounds.lower), min(best.upper, bounds.upper))
        if best.upper - best.lower <= tolerance:
            return Plan(best.lower, best.upper, actions, v, sweeps)
        walk = walk_of(chain, greedy.ravel())
        gained = np.take_along_axis(objective, greedy[:, None], axis=1)[:, 0]
        v, done = _settled(walk, gained, top, tolerance / 2, round_sweeps)
        sweeps += done
    return Plan(best.lower, best.upper, actions, v, sweeps)


def _settled(walk: Walk, gained: Floats, values: Floats, tolerance: float, most: int) -> tuple[Floats, int]:
    """Some sweeps with that walk, fewer when nothing moves any more."""
    v = values - values.flat[0]
    for sweep in range(most):
        change = gained + walk.expected(v) - v
        v = v + DAMPING * (change - change.flat[0])
        if np.ptp(change) <= tolerance:
            return v, sweep + 1
    return v, most


def _bounds(change: Floats) -> Bounds:
    return Bounds(float(change.min()), float(change.max()))
