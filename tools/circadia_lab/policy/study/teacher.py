"""Whom a policy of wakes learns from before it learns by itself: the rule that does what is due, as one picks and sleeps.

At a wake everything is done that falls due within a while (`circadia.due`), for the wake is paid for; then the device
sleeps until the next thing is due. What the shield forbids is left out, the exchange first, then training, then
serving. What is overdue and was not done is tried again after `AGAIN_S`, not at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np

from circadia.actions import CATALOGUE, INDEX, SERVE_LIMIT
from circadia.due import DUE, Done, due
from circadia.observation import COLUMN, HOUR_S, TABLE
from circadia.policy.sleeps import SLEEPS
from circadia.types import Action, ClockLevel, WakeOn, Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.due import DueLimits
    from circadia.policy.sleeps import SleepOptions
    from circadia_lab.policy.env.interface import Seen

AGAIN_S = 1800.0
WITHIN_S = HOUR_S
HEARD = (WakeOn.DEADLINE, WakeOn.REQUEST, WakeOn.DUE)
"""Kinds of sleep, the one that it likes best first."""


class Lesson(NamedTuple):
    """What a teacher would do: (batch, actions) and (batch, options) chances."""

    work: Any
    sleep: Any


class Teacher(Protocol):
    """Pure, of JAX arrays."""

    def __call__(self, seen: Seen, /) -> Lesson:
        """By what the policy sees, too."""
        ...


class DueTeacher:
    """See above; `within_s`: how long ahead of its time something is done with what is due."""

    def __init__(
        self, within_s: float = WITHIN_S, limits: DueLimits = DUE, sleeps: SleepOptions = SLEEPS
    ) -> None:
        self._within_s, self._limits, self._sleeps = within_s, limits, sleeps
        self._orders = jnp.asarray(_orders())
        self._again = int(np.searchsorted(sleeps.edges_s, AGAIN_S)) - 1

    def __call__(self, seen: Seen) -> Lesson:
        """One work and one sleep with chance 1."""
        x = decoded(seen.encoded, jnp)
        found = due(x, limits=self._limits, xp=jnp)
        queue = _known(x, "queue_length")
        wants = (
            (queue > 0) & (found.request <= self._within_s),
            (_known(x, "fresh_examples") > 0) & (found.training <= self._within_s),
            found.exchange <= self._within_s,
        )
        many, told = queue > SERVE_LIMIT[Work.SMALL], wants[1] | (_known(x, "unsent_examples") > 0)
        wanted = sum(flag * 2**place for place, flag in enumerate((*wants, many, told)))
        order = self._orders[wanted]
        admitted = jnp.take_along_axis(seen.mask, order, -1)
        work = jnp.take_along_axis(order, jnp.argmax(admitted, -1)[:, None], -1)[:, 0]
        return Lesson(_one(work, seen.mask.shape[-1]), self._slept(x, work, seen.sleeps))

    def _slept(self, x: Any, work: Any, sleeps: Any) -> Any:
        group = self._sleeps.group
        can = jnp.stack([sleeps[:, self._first(kind)] for kind in HEARD], -1)
        first = jnp.asarray([self._first(kind) for kind in HEARD])[jnp.argmax(can, -1)]
        heard = first != self._first(WakeOn.DUE)
        done = Done(*(jnp.asarray(flags)[work] for flags in _DOES))
        left = due(x, heard=heard, done=done, limits=self._limits, xp=jnp)
        soonest = jnp.minimum(jnp.minimum(left.request, left.training), jnp.minimum(left.exchange, left.look))
        overdue = soonest < self._sleeps.edges_s[0]
        return _one(first + jnp.where(overdue, self._again, group - 1), self._sleeps.count)

    def _first(self, kind: WakeOn) -> int:
        return self._sleeps.wake_on.index(kind) * self._sleeps.group


def decoded(encoded: Any, xp: Any = np) -> Any:
    """(…, WIDTH) → (…, features) values that encode to it."""
    low, high, scale = (np.array([getattr(f, key) for f in TABLE]) for key in ("low", "high", "scale"))
    bent = scale > 0
    bend = np.where(bent, scale, 1.0)
    ends = [np.where(bent, np.log1p(np.where(bent, end, 0) / bend), end) for end in (low, high)]
    half = encoded.shape[-1] // 2
    z = ends[0] + (encoded[..., :half] / 127.0 + 1) / 2 * (ends[1] - ends[0])
    x = xp.where(bent, xp.expm1(z) * bend, z).astype(np.float32)
    return xp.where(encoded[..., half:] > 0, x, np.float32(np.nan))


_DOES = tuple(
    np.array([flag(action) for action in CATALOGUE])
    for flag in (
        lambda action: action.serve is not None,
        lambda action: action.train is not None,
        lambda action: action.syncs,
    )
)


def _orders() -> NDArray[np.int32]:
    """(32, 5) actions to try one after the other for what is wanted: serve, train, exchange, many requests, an update to tell."""
    rows = []
    for code in range(32):
        serves, trains, syncs, many, told = (bool(code >> place & 1) for place in range(5))
        serve = (Work.LARGE if many else Work.SMALL) if serves else None
        train = Work.LARGE if trains else None
        push = "int8" if told else None
        tries = (
            Action(serve=serve, train=train, pull=syncs, push=push if syncs else None),
            Action(serve=serve, train=train),
            Action(serve=serve),
            Action(train=train),
            Action(),
        )
        rows.append([INDEX[_plain(action).name] for action in tries])
    return np.array(rows, np.int32)


def _plain(action: Action) -> Action:
    """At a low clock, which is cheaper."""
    return Action(
        clock=ClockLevel.LOW, serve=action.serve, train=action.train, push=action.push, pull=action.pull
    )


def _known(x: Any, name: str) -> Any:
    value = x[..., COLUMN[name]]
    return jnp.where(jnp.isnan(value), 0.0, value)


def _one(place: Any, count: int) -> Any:
    return (jnp.arange(count) == place[:, None]).astype(jnp.float32)
