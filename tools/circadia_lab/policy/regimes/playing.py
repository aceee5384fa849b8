"""Any policy in a regime's chain, exactly: what a network that sees the state as a device would spends in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array

from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE
from circadia.types import Link, WakeOn
from circadia_lab.policy.regimes.planning import averages_from
from circadia_lab.policy.regimes.regime import HOUR_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Chain
    from circadia_lab.policy.regimes.planning import Averages

    Floats = NDArray[np.float64]


class Decided(NamedTuple):
    """What a policy does in n situations: it draws from these."""

    work: Floats
    """(n, W) weights; what is not admitted is left out and the rest made to sum to 1."""
    sleep: Floats
    """(n, L) or (n, W, L) likewise; where nothing with weight is admitted, the shortest sleep."""


class Decide(Protocol):
    """A policy: a network, a rule."""

    def __call__(self, observed: NDArray[np.float32]) -> Decided:
        """`observed` (n, features) as `observe` makes it; works and sleeps in the order of the chain's."""
        ...


class Played(NamedTuple):
    """Averages."""

    joules: float
    """The agent's, a day."""
    over_limit: Floats
    """(C,) each cost over its limit: 1 is at the limit."""
    wakes: float
    """A day."""
    sessions: float


def observe(chain: Chain, preference: Floats | None = None) -> NDArray[np.float32]:
    """(N, features) of today's table; NaN where the chain has no such thing or the table has no such row.

    How many requests wait is their mean. With a remote queue age and number are those of what may wait there.
    `preference` (objectives,) instead of even weights.
    """
    values = np.full((chain.states, len(TABLE)), np.nan, np.float32)
    weights = np.full(3, 1 / 3) if preference is None else preference
    told = {f"preference_{name}": weights[i] for i, name in enumerate(("accuracy", "latency", "energy"))}
    for name, column in {**_observed(chain), **told}.items():
        if name in COLUMN:
            values[:, COLUMN[name]] = column
    return values


def _observed(chain: Chain) -> dict[str, Floats | float]:
    regime, body = chain.regime, chain.regime.body
    waits_s = chain.queue * regime.slot_s
    trained_s, contact_s = chain.ages[0] * regime.slot_s, chain.ages[-1] * regime.slot_s
    first = 0.0 if regime.remote else regime.rate / -np.expm1(-regime.rate) - regime.rate
    waiting = np.where(chain.queue > 0, first + regime.rate * chain.queue, 0.0)
    wakes = 2.0 if WakeOn.REQUEST in regime.wakes_on else float(WakeOn.DEADLINE in regime.wakes_on)
    return {
        "user_active": 0.0,
        "link": float(Link.FREE.value),
        "queue_length": waiting,
        "queue_age_s": waits_s,
        "queue_slack_s": np.where(chain.queue > 0, np.maximum(regime.deadline_s - waits_s, 0.0), HOUR_S),
        "fresh_examples": regime.requests_a_day / 86_400 * trained_s,
        "fresh_age_s": trained_s,
        "model_age_s": contact_s,
        "trained_age_s": trained_s,
        "contact_age_s": contact_s,
        "requests_per_hour": regime.requests_a_day / 24,
        "deadline_s": regime.deadline_s,
        "wake_on_request": wakes,
        "wake_up_j": body.wake_j.value,
        "radio_session_j": body.radio_j.value,
        "sleep_w": body.sleep_w.value,
    }


def play(chain: Chain, decide: Decide, preference: Floats | None = None) -> Played:
    """The policy's averages. `ConfigError` if what it decides has not the chain's shape."""
    work, sleep = _whole(chain, decide(observe(chain, preference)))
    found = _averages(chain, work, sleep)
    a_day = chain.regime.slots_a_day
    return Played(
        found.joules * a_day, found.costs / chain.limits, found.wakes * a_day, found.sessions * a_day
    )


def _whole(chain: Chain, decided: Decided) -> tuple[Floats, Floats]:
    """(N, W) and (N, W, L), each summing to 1 over what is admitted."""
    works, sleeps = len(chain.works), len(chain.sleeps)
    work, sleep = np.asarray(decided.work, np.float64), np.asarray(decided.sleep, np.float64)
    if work.shape != (chain.states, works) or not (work >= 0).all():
        raise ConfigError(
            f"policy in {chain.regime.name}: works must be ({chain.states}, {works}), not negative"
        )
    if sleep.ndim == 2:
        sleep = np.broadcast_to(sleep[:, None], (len(sleep), works, sleep.shape[-1]))
    if sleep.shape != (chain.states, works, sleeps) or not (sleep >= 0).all():
        raise ConfigError(
            f"policy in {chain.regime.name}: sleeps must be ({chain.states}, {sleeps}), not negative"
        )
    work = _normal(work, np.stack([w.admitted for w in chain.works], axis=1))
    return work, _normal(sleep, np.stack([chain.admitted[:, w.after].T for w in chain.works], axis=1))


def _normal(weights: Floats, admitted: NDArray[np.bool_]) -> Floats:
    """Sum to 1 over the last axis; the first that is admitted where none of those with weight is."""
    kept = np.where(admitted, weights, 0.0)
    total = kept.sum(axis=-1, keepdims=True)
    first = np.eye(weights.shape[-1])[admitted.argmax(axis=-1)]
    found: Floats = np.where(total > 0, kept / np.where(total > 0, total, 1), first)
    return found


def _averages(chain: Chain, work: Floats, sleep: Floats) -> Averages:
    n = chain.states
    gained = np.zeros((n, len(chain.limits) + 4))
    rows, columns, shares = [], [], []
    late = len(chain.limits) > len(chain.aged)
    for i, done in enumerate(chain.works):
        now = [done.joules, *([done.late] if late else []), *np.zeros((len(chain.aged), n)), np.ones(n)]
        gained += work[:, i, None] * np.stack([*now, done.session, np.zeros(n)], axis=1)
        for option in range(len(chain.sleeps)):
            share = work[:, i] * sleep[:, i, option]
            kept = np.flatnonzero(share)
            after, part = done.after[kept], share[kept]
            gained[kept, -1] += part * chain.duration[option, after]
            for clock, aged in enumerate(chain.aged):
                gained[kept, 1 + late + clock] += part * aged[option, after]
            rows.append(kept)
            columns.append(option * n + after)
            shares.append(part)
    entries = np.concatenate(shares), (np.concatenate(rows), np.concatenate(columns))
    return averages_from(gained, csr_array(entries, shape=(n, len(chain.sleeps) * n)) @ chain.moves)
