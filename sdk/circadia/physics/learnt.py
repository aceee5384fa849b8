"""What weights know, in training rows: this device's own, and what came with the federation's versions.

    worth     v(u) = U · (1 − exp(−u / U))                    of u rows trained since the last push
    training  known′ = known + v(u + rows) − v(u)
    pulling   known′ = newest + v(u)
    version   newest′ = newest + G · mean worth of an update
    moving    present′ = present · K^moved                    the world moves, and of what was known so much is still so

`known` counts all rows, `present` those of the world as it is; training and versions add to both. A device's own rows
are worth ever less until it shares them: they are alike. U, G and K are fitted to federated lives of policies
(`circadia_lab.policy.env.learnt_fit`). Pure functions over an array module `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circadia.physics.state import State

OWN_ROWS = 150.0
"""U: what a device's rows are worth at most, however many it trains before it pushes."""
VERSION_GAIN = 2.0
"""G: of what an update is worth, in the mean of those that make a version."""
KEPT = 0.1
"""K: of what is known of the present, after the world has moved by 1."""


def worth(rows: Any, xp: Any, own_rows: Any = OWN_ROWS) -> Any:
    """(…,) rows trained since the last push, 0 or more → rows that they are worth, in [0, own_rows]."""
    return own_rows * (1 - xp.exp(-rows / own_rows))


def kept(moved: Any, xp: Any) -> Any:
    """(…,) how far the world moved → the share of the present that is still known."""
    return KEPT ** xp.asarray(moved)


def pulled(state: State, came: Any, xp: Any) -> dict[str, Any]:
    """(…,) whether the newest version is installed; what is unsent is carried over onto it."""
    own = worth(state.unsent_examples, xp)
    return {
        "known": xp.where(came, state.newest_known + own, state.known),
        "present": xp.where(came, state.newest_present + own, state.present),
    }


def trained(state: State, rows: Any, xp: Any) -> dict[str, Any]:
    """(…,) rows that went through training, on top of the unsent ones."""
    more = worth(state.unsent_examples + rows, xp) - worth(state.unsent_examples, xp)
    return {"known": state.known + more, "present": state.present + more}


def moved(state: State, by: Any, published: Any, told: Any, xp: Any) -> dict[str, Any]:
    """(…,) how far the world moves, versions that are published meanwhile, and what an update is worth to them."""
    still, new = kept(by, xp), VERSION_GAIN * published * told
    return {
        "known": state.known,
        "present": state.present * still,
        "newest_known": state.newest_known + new,
        "newest_present": state.newest_present * still + new,
    }
