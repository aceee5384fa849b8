"""Which actions have nothing to do: they would wake the device for what sleeping does as well.

    serving        nobody waits:                       queue_length = 0
    training       there is no example:                fresh_examples + practice = 0
    pushing alone  there is nothing to send:           unsent_examples + spooled_updates = 0

An example that is not fresh was trained on, and practice fades without ever being 0, so fresh_examples + practice > 0
says whether the buffer holds any. A training makes what it pushes. A pull always has something to do: it asks.
That is no limit: nothing is kept from the user, and what is not known counts as there.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from circadia.observation import COLUMN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from circadia.actions import ActionFacts

STOCK = [
    COLUMN[name]
    for name in ("queue_length", "fresh_examples", "practice", "unsent_examples", "spooled_updates")
]
"""The columns of an observation that `lacking` takes, in its order."""
_stock = itemgetter(*STOCK)


class Stock(NamedTuple):
    """For each thing that actions work on, whether it lacks, or which actions need it."""

    requests: Any
    examples: Any
    updates: Any


def lacking(queue: Any, fresh: Any, practice: Any, unsent: Any, spooled: Any) -> Stock:
    """Numbers or (…,) arrays, of NumPy or JAX → what there is nothing of; NaN, an absent sensor, lacks nothing."""
    return Stock(queue <= 0, fresh + practice <= 0, unsent + spooled <= 0)


def lacking_now(x: NDArray[np.float32]) -> Stock:
    """(features,) values of one device → the same, as plain bools: a key, and cheap."""
    return lacking(*_stock(x.tolist()))


def lacking_in(x: Any) -> Stock:
    """(…, features) values → the same."""
    return lacking(*(x[..., column] for column in STOCK))


def needs_of(facts: ActionFacts) -> Stock:
    """(actions,) each: who can do nothing without it."""
    return Stock(facts.serves, facts.trains, facts.only_pushes)


def idle_without(lack: Stock, needs: Stock) -> Any:
    """What lacks, and who needs it, in shapes that go together → which actions have nothing to do."""
    return (
        (lack.requests & needs.requests) | (lack.examples & needs.examples) | (lack.updates & needs.updates)
    )


def idle(x: Any, facts: ActionFacts) -> Any:
    """(…, features) values → (…, actions) which of them have nothing to do, with NumPy or JAX arrays."""
    return idle_without(Stock(*(column[..., None] for column in lacking_in(x))), needs_of(facts))
