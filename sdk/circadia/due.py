"""When something is due, as far as an observation tells: pure functions over an array module.

    request    queue_slack_s − margin                  where one waits
    training   fresh_limit_s − fresh_age_s             where examples are unseen
    exchange   contact_limit_s − contact_age_s         with a federation
    look       deadline_s − margin                     where requests do not end the sleep: one may have come just now
    margin   = min(margin_s, margin_share · deadline_s)

in seconds from now, 0 once it is overdue, infinite where there is nothing. What the wake itself does is due anew when as
much time has passed as may pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.actions import units_of
from circadia.errors import ConfigError
from circadia.observation import COLUMN, HOUR_S
from circadia.types import WakeOn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from circadia.types import Action

DEADLINE_S = 60.0
"""Of requests, where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLimits:
    """How long things may wait."""

    fresh_limit_s: float = 3 * HOUR_S
    """The oldest example that no training has seen."""
    contact_limit_s: float = 3 * HOUR_S
    """The federation's last answer."""
    margin_s: float = 120.0
    """Before a deadline, for the end of this wake's work, waking up and serving; at most …"""
    margin_share: float = 0.4
    """… this share of the usual deadline."""

    def __post_init__(self) -> None:
        numbers = (self.fresh_limit_s, self.contact_limit_s, self.margin_s, self.margin_share)
        if not all(math.isfinite(n) and n >= 0 for n in numbers) or self.margin_share >= 1:
            raise ConfigError(f"{self}: numbers from 0 on, and a margin_share below 1")


SOON_S = 5.0
"""Due now."""
AGAIN_S, AGAIN_SHARE = 900.0, 1 / 15
"""What is due now and is not done is tried again after so long, a request after this share of it."""


class Done(NamedTuple):
    """What a wake does: (…,) each, true or 1 where it does."""

    serves: Any = False
    """All that waits."""
    trains: Any = False
    syncs: Any = False


class Patience(NamedTuple):
    """(…,) factors of what may wait."""

    training: Any = 1.0
    exchange: Any = 1.0


class Due(NamedTuple):
    """(…,) seconds until each is due."""

    request: Any
    training: Any
    exchange: Any
    look: Any


NOTHING = Done()
PATIENT = Patience()
DUE = DueLimits()


def due(
    x: Any,
    *,
    heard: Any = True,
    done: Done = NOTHING,
    limits: DueLimits = DUE,
    patience: Patience = PATIENT,
    xp: Any = np,
) -> Due:
    """(…, features) values → what is due when, after a wake that did `done`; `heard`: whether requests end the sleep.

    `patience`: how much longer or shorter than `limits` says. An absent sensor has nothing due: no request,
    no example, no federation.
    """
    deadline_s = _known(x, "deadline_s", DEADLINE_S, xp)
    margin_s = xp.minimum(limits.margin_s, limits.margin_share * deadline_s)
    serves, trains, syncs, heard = (xp.asarray(flag) > 0 for flag in (*done, heard))
    waits = (_known(x, "queue_length", 0.0, xp) > 0) & ~serves
    unseen = _known(x, "fresh_examples", 0.0, xp) > 0
    fresh_s = xp.where(trains, 0.0, _known(x, "fresh_age_s", 0.0, xp))
    contact_s = _column(x, "contact_age_s")
    told_s = xp.where(syncs, 0.0, contact_s)
    fresh_limit_s = limits.fresh_limit_s * patience.training
    contact_limit_s = limits.contact_limit_s * patience.exchange
    never = xp.inf
    return Due(
        request=xp.where(waits, _left(_known(x, "queue_slack_s", never, xp) - margin_s, xp), never),
        training=xp.where(unseen | trains, _left(fresh_limit_s - fresh_s, xp), never),
        exchange=xp.where(xp.isnan(contact_s), never, _left(contact_limit_s - told_s, xp)),
        look=xp.where(heard, never, deadline_s - margin_s),
    )


def due_s(x: Any, *, heard: Any = True, done: Done = NOTHING, limits: DueLimits = DUE, xp: Any = np) -> Any:
    """(…,) seconds until the first of them is due."""
    found = due(x, heard=heard, done=done, limits=limits, xp=xp)
    return xp.minimum(xp.minimum(found.request, found.training), xp.minimum(found.exchange, found.look))


def next_s(
    x: Any,
    *,
    heard: Any = True,
    done: Done = NOTHING,
    limits: DueLimits = DUE,
    again_s: float = AGAIN_S,
    patience: Patience = PATIENT,
    xp: Any = np,
) -> Any:
    """(…,) the same for a sleep: what is due now and is not done is tried again after `again_s`.

    A request after `AGAIN_SHARE` of it. There may be no link, or a limit in the way.
    """
    found = due(x, heard=heard, done=done, limits=limits, patience=patience, xp=xp)
    request = xp.where(found.request > SOON_S, found.request, again_s * AGAIN_SHARE)
    training, exchange = (xp.where(s > SOON_S, s, again_s) for s in (found.training, found.exchange))
    return xp.minimum(xp.minimum(request, training), xp.minimum(exchange, found.look))


def due_for(
    x: NDArray[np.float32], action: Action, kinds: Iterable[WakeOn], limits: DueLimits = DUE
) -> tuple[float, ...]:
    """Of one device, after that action, for each of those kinds of sleep: `next_s`."""
    waits, most = float(x[COLUMN["queue_length"]]), units_of(action).answers
    done = Done(serves=most > 0 and not waits > most, trains=action.train is not None, syncs=action.syncs)
    return tuple(float(next_s(x, heard=kind is not WakeOn.DUE, done=done, limits=limits)) for kind in kinds)


def _column(x: Any, name: str) -> Any:
    return x[..., COLUMN[name]]


def _known(x: Any, name: str, absent: float, xp: Any) -> Any:
    value = _column(x, name)
    return xp.where(xp.isnan(value), absent, value)


def _left(seconds: Any, xp: Any) -> Any:
    return xp.maximum(seconds, 0.0)
