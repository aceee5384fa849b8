"""Exact chains as a trainer's environments: a policy that sees them as a device would is trained in them, then played exactly.

A chain's works are offered as the actions that do as much, at a low clock; a sleep's length is rounded to slots, at
least one, and what a state does not admit (a request that waits cannot wake, an age has a cap) becomes the nearest
shorter sleep that it does. There is one objective: all three rewards are it, and no preference is seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import hstack, vstack

from circadia.actions import INDEX, NAMES
from circadia.due import DUE, Done, next_s
from circadia.observation import COLUMN, encode
from circadia.policy.sleeps import SLEEPS
from circadia.types import Action, WakeOn, Work
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES, Outcome, Seen
from circadia_lab.policy.oracle.grid_environment import Rows, sampled
from circadia_lab.policy.regimes import playing
from circadia_lab.policy.regimes.worlds import play as worlds
from circadia_lab.policy.regimes.worlds.world import ASLEEP, WORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.rollout import DrawFrom
    from circadia_lab.policy.env.interface import Choice
    from circadia_lab.policy.regimes.chain import Chain, Sleep
    from circadia_lab.policy.regimes.worlds.world import World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LAST = 2.0
"""Cumulative probability of a row's last entry: above every draw."""
KINDS = tuple(kind.value for kind in SLEEPS.wake_on)


def action_of(*, serves: bool, trains: bool, exchanges: bool) -> int:
    """The catalogue's index of what does as much."""
    return INDEX[
        Action(
            serve=Work.LARGE if serves else None,
            train=Work.LARGE if trains else None,
            pull=exchanges,
            push="int8" if exchanges else None,
        ).name
    ]


class _Slots(NamedTuple):
    """How sleep options become sleeps of whole slots."""

    slot_s: float
    longest: int

    def of(self, length_s: Any, xp: Any) -> Any:
        """(…,) seconds → slots from 1."""
        return xp.clip(xp.rint(length_s / self.slot_s), 1, self.longest).astype(np.int32)

    def until(self, values: Any, done: Done) -> Ints:
        """(n, features) → (n, kinds) slots until something is due, none too many."""
        left = [
            next_s(values, heard=kind is not WakeOn.DUE, done=done, limits=DUE) for kind in SLEEPS.wake_on
        ]
        whole = np.floor(np.stack(left, -1).clip(0, self.longest * self.slot_s) / self.slot_s)
        found: Ints = whole.astype(np.int64).clip(1, self.longest)
        return found

    def shares(self) -> Floats:
        """(bins, longest + 1) of each bin's draws, by slots: lengths are log-uniform within it."""
        ends = np.append((np.arange(1, self.longest) + 0.5) * self.slot_s, np.inf)
        found = np.zeros((SLEEPS.bins, self.longest + 1))
        for row, low, high in zip(found, SLEEPS.edges_s[:-1], SLEEPS.edges_s[1:], strict=True):
            below = np.clip(np.log(ends / low) / math.log(high / low), 0, 1)
            row[1:] = np.diff(below, prepend=0.0)
        return found


class _Table(NamedTuple):
    """Which sleep of a chain a kind and a number of slots is, by the state after the work."""

    place: Ints
    """(kinds, longest + 1, N)"""
    kinds: NDArray[np.bool_]
    """(kinds,) whether the chain knows them."""


def _table(sleeps: Sequence[Sleep], admitted: NDArray[np.bool_], longest: int) -> _Table:
    places = {(sleep.wake_on.value, sleep.slots): i for i, sleep in enumerate(sleeps)}
    known = np.array([any(sleep.wake_on.value == kind for sleep in sleeps) for kind in KINDS])
    found = np.zeros((len(KINDS), longest + 1, admitted.shape[1]), np.int64)
    for k, kind in enumerate(KINDS):
        shorter = admitted.argmax(axis=0)
        for slots in range(1, longest + 1):
            plain, own = (places.get((name, slots)) for name in (WakeOn.DUE.value, kind))
            if plain is not None:
                shorter = np.where(admitted[plain], plain, shorter)
            found[k, slots] = shorter if own is None else np.where(admitted[own], own, shorter)
    return _Table(found, known)


def _encoded(values: NDArray[np.float32]) -> Any:
    """A chain without a battery is never short of charge: rules hold back where they know of none."""
    told: NDArray[np.float32] = np.array(values)
    charge = told[:, COLUMN["battery_soc"]]
    told[:, COLUMN["battery_soc"]] = np.where(np.isnan(charge), 1.0, charge)
    return jnp.asarray(encode(told))


def _rows(matrix: Any) -> Rows:
    """Of a sparse (rows, next) matrix of probabilities."""
    matrix = matrix.tocsr()
    total = np.concatenate([[0.0], np.cumsum(matrix.data)])
    start, lengths = matrix.indptr, np.diff(matrix.indptr)
    cumulative = total[1:] - np.repeat(total[start[:-1]], lengths)
    cumulative[start[1:][lengths > 0] - 1] = LAST
    return Rows(
        jnp.asarray(start, np.int32),
        jnp.asarray(matrix.indices, np.int32),
        jnp.asarray(cumulative, np.float32),
        int(lengths.max()),
    )


class _Exact:
    """What both have in common."""

    actions, options = len(NAMES), SLEEPS.count
    batch: int
    _known: NDArray[np.bool_]

    def promise(self, state: Any) -> Any:
        """Nothing is known."""
        del state
        return jnp.zeros((self.batch, len(OBJECTIVES)), np.float32)

    def _seen(self, encoded: Any, mask: Any) -> Seen:
        can = jnp.asarray(np.repeat(self._known, SLEEPS.group))
        return Seen(encoded, mask, jnp.broadcast_to(can, (self.batch, self.options)))


def _length(slots: _Slots, choice: Choice, until: Any) -> tuple[Any, Any]:
    """Kinds and slots of choices; `until` (batch, kinds) of those until due."""
    kind, place = choice.sleep // SLEEPS.group, choice.sleep % SLEEPS.group
    edges = jnp.asarray(SLEEPS.edges_s)
    low, high = edges[jnp.minimum(place, SLEEPS.bins - 1)], edges[jnp.minimum(place, SLEEPS.bins - 1) + 1]
    drawn = slots.of(low * (high / low) ** choice.place, jnp)
    due = jnp.take_along_axis(until, kind[:, None], -1)[:, 0]
    return kind, jnp.where(place == SLEEPS.bins, due, drawn)


class ChainEnvironment(_Exact):
    """A regime; its joules are the objective, its limits the costs. Weights are slots."""

    def __init__(self, chain: Chain, batch: int) -> None:
        self.name = f"regime-{chain.regime.name}"
        self.batch = batch
        self.kinds = np.zeros(batch, np.int64)
        self.limits = np.append(chain.limits, np.ones(len(COSTS) - len(chain.limits)))
        self.chain = chain
        self._slots = slots_of(chain)
        table = _table(chain.sleeps, chain.admitted, self._slots.longest)
        self._known = table.kinds
        self._place = jnp.asarray(table.place, np.int32)
        self._rows = _rows(chain.moves)
        values = playing.observe(chain)
        self._encoded = _encoded(values)
        self._until = jnp.asarray(self._slots.until(values, Done()), np.int32)
        works = [_action(work) for work in chain.works]
        mask = np.zeros((chain.states, len(NAMES)), bool)
        for action, work in zip(works, chain.works, strict=True):
            mask[:, action] = work.admitted
        self._mask = jnp.asarray(mask)
        self._work = jnp.asarray(np.argmax(np.arange(len(NAMES))[:, None] == np.array(works), -1))
        late = len(chain.limits) > len(chain.aged)
        self._after = jnp.asarray(np.stack([work.after for work in chain.works]), np.int32)
        whole = max(float(work.joules.max()) for work in chain.works)
        self._joules = jnp.asarray(np.stack([work.joules for work in chain.works]) / whole, np.float32)
        self._late = jnp.asarray(np.stack([work.late * late for work in chain.works]), np.float32)
        spare = np.zeros((len(COSTS) - late - len(chain.aged), *chain.duration.shape))
        self._aged = jnp.asarray(np.concatenate([chain.aged, spare]), np.float32)
        self._duration = jnp.asarray(chain.duration, np.float32)

    def initial(self, key: Any) -> Any:
        """Every state as likely."""
        return jax.random.randint(key, (self.batch,), 0, self.chain.states, np.int32)

    def see(self, state: Any, preference: Any) -> Seen:
        """Without the preference."""
        del preference
        return self._seen(self._encoded[state], self._mask[state])

    def step(self, state: Any, choice: Choice, key: Any) -> tuple[Any, Outcome]:
        """To the next wake; what passes meanwhile is told as it is expected."""
        work = self._work[choice.work]
        after = self._after[work, state]
        kind, slots = _length(self._slots, choice, self._until[after])
        option = self._place[kind, slots, after]
        then = sampled(self._rows, option * self.chain.states + after, jax.random.uniform(key, state.shape))
        reward = jnp.repeat(-self._joules[work, state][:, None], len(OBJECTIVES), -1)
        aged = jnp.moveaxis(self._aged[:, option, after], 0, -1)
        late = [self._late[work, state][:, None]] if aged.shape[-1] < len(COSTS) else []
        cost = jnp.concatenate([*late, aged], -1)
        return then, Outcome(reward, cost, self._duration[option, after])


def slots_of(chain: Chain) -> _Slots:
    """Of a regime."""
    return _Slots(chain.regime.slot_s, chain.regime.slots(chain.regime.longest_s))


def _action(work: Any) -> int:
    return action_of(serves=work.serves, trains=work.trains, exchanges=work.exchanges)


def play_in_chain(chain: Chain, draw_from: DrawFrom) -> playing.Played:
    """A policy's averages, exactly."""
    slots, works = slots_of(chain), [_action(work) for work in chain.works]
    table = _table(chain.sleeps, chain.admitted, slots.longest)
    mask = np.zeros((chain.states, len(NAMES)), bool)
    for action, work in zip(works, chain.works, strict=True):
        mask[:, action] = work.admitted

    def decide(observed: NDArray[np.float32]) -> playing.Decided:
        work, sleep = _chances(observed, mask, table.kinds, draw_from)
        drawn = np.zeros((chain.states, len(works), len(chain.sleeps)))
        until = slots.until(observed, Done())
        for i, one in enumerate(chain.works):
            lengths = _by_length(sleep, slots, until[one.after])
            rows = np.arange(chain.states)
            for k in np.flatnonzero(table.kinds):
                for length in range(1, slots.longest + 1):
                    drawn[rows, i, table.place[k, length, one.after]] += lengths[:, k, length]
        return playing.Decided(work[:, works], drawn)

    return playing.play(chain, decide)


def _chances(
    observed: NDArray[np.float32], mask: NDArray[np.bool_], kinds: NDArray[np.bool_], draw_from: DrawFrom
) -> tuple[Floats, Floats]:
    """(n, actions), (n, options)"""
    can = np.broadcast_to(np.repeat(kinds, SLEEPS.group), (len(observed), SLEEPS.count))
    scores = draw_from(_encoded(observed), jnp.asarray(mask), jnp.asarray(can))
    found = [np.array(jax.nn.softmax(jnp.asarray(part), -1), np.float64) for part in scores]
    return found[0] * mask, found[1] * can


def _by_length(sleep: Floats, slots: _Slots, until: Ints) -> Floats:
    """(n, options) chances, (n, kinds) slots until due → (n, kinds, longest + 1) chances."""
    groups = sleep.reshape(len(sleep), len(KINDS), SLEEPS.group)
    lengths: Floats = groups[..., :-1] @ slots.shares()
    rows, kinds = np.indices(until.shape)
    lengths[rows, kinds, until] += groups[..., -1]
    return lengths


class WorldEnvironment(_Exact):
    """A world with a day in it; what it costs is the objective, nothing is limited. Weights are slots."""

    def __init__(self, world: World, batch: int) -> None:
        self.name = world.name
        self.batch = batch
        self.kinds = np.zeros(batch, np.int64)
        self.limits = np.ones(len(COSTS))
        self.world = world
        self._slots = _Slots(world.slot_s, max(sleep.slots for sleep in world.sleeps))
        self._known = np.array([any(s.wake_on.value == kind for s in world.sleeps) for kind in KINDS])
        self._rows = _rows(_kernels(world))
        values = [world.observe(slot) for slot in range(world.slots)]
        self._encoded = jnp.stack([_encoded(row) for row in values])
        works = [world_action(work) for work in WORKS]
        mask = np.zeros((world.slots, world.states, len(NAMES)), bool)
        mask[..., works] = np.moveaxis(world.admitted, 1, -1)
        self._mask = jnp.asarray(mask)
        self._work = jnp.asarray(np.argmax(np.arange(len(NAMES))[:, None] == np.array(works), -1))
        done = [Done(work.serves, work.learns, work.learns) for work in WORKS]
        until = np.stack([np.stack([self._slots.until(row, one) for one in done]) for row in values])
        self._until = jnp.asarray(until, np.int32)
        cost = np.einsum("m,hwmn->hwn", world.weights, world.counted)
        self._cost = jnp.asarray(cost / max(float(cost.max()), 1e-9), np.float32)

    def initial(self, key: Any) -> Any:
        """Every state and slot as likely."""
        slot, state = jax.random.split(key)
        return (
            jax.random.randint(slot, (self.batch,), 0, self.world.slots, np.int32),
            jax.random.randint(state, (self.batch,), 0, self.world.states, np.int32),
        )

    def see(self, state: Any, preference: Any) -> Seen:
        """Without the preference."""
        del preference
        return self._seen(self._encoded[state], self._mask[state])

    def step(self, state: Any, choice: Choice, key: Any) -> tuple[Any, Outcome]:
        """Slot after slot to the next wake."""
        world, (hour, place) = self.world, state
        work = self._work[choice.work]
        kind, slots = _length(self._slots, choice, self._until[hour, work, place])
        woken = kind == KINDS.index(WakeOn.REQUEST.value)

        def one(carried: Any, now: Any) -> Any:
            hour, place, left, cost, weight = carried
            key, number = now
            does = jnp.where(number == 0, work, len(WORKS))
            row = (hour * (len(WORKS) + 1) + does) * world.states + place
            then = sampled(self._rows, row, jax.random.uniform(key, row.shape))
            asleep = left > 0
            cost += jnp.where(asleep, self._cost[hour, does, place], 0.0)
            ends = woken & (then >= world.states)
            after = jnp.where(asleep, then % world.states, place)
            left_after = jnp.where(ends, 0, left - 1)
            hour = jnp.where(asleep, (hour + 1) % world.slots, hour)
            return (hour, after, jnp.where(asleep, left_after, left), cost, weight + asleep), None

        nothing = jnp.zeros(self.batch, np.float32)
        steps = (jax.random.split(key, self._slots.longest), jnp.arange(self._slots.longest))
        (hour, place, _, cost, weight), _ = jax.lax.scan(one, (hour, place, slots, nothing, nothing), steps)
        reward = jnp.repeat(-cost[:, None], len(OBJECTIVES), -1)
        return (hour, place), Outcome(reward, jnp.zeros((self.batch, len(COSTS))), weight)


def world_action(work: Any) -> int:
    """Of a world's work."""
    return action_of(serves=work.serves, trains=work.learns, exchanges=work.learns)


def _kernels(world: World) -> Any:
    """Sparse (slots · (works + 1) · N, N or 2 N): those with a request in the second half of the columns."""
    parts = []
    for slot in range(world.slots):
        for work in (*range(len(WORKS)), ASLEEP):
            quiet = world.quiet[slot][work]
            parts.append(
                quiet if world.asked is None else hstack([quiet, world.asked[slot][work]], format="csr")
            )
    return vstack(parts, format="csr")


def play_in_world(world: World, draw_from: DrawFrom) -> worlds.Played:
    """A policy's averages, exactly."""
    slots = _Slots(world.slot_s, max(sleep.slots for sleep in world.sleeps))
    known = np.array([any(s.wake_on.value == kind for s in world.sleeps) for kind in KINDS])
    works = [world_action(work) for work in WORKS]
    mask = np.zeros((world.states, len(NAMES)), bool)
    mask[:, works] = True
    places = {(sleep.wake_on.value, sleep.slots): i for i, sleep in enumerate(world.sleeps)}

    def decide(observed: NDArray[np.float32]) -> worlds.Decided:
        work, sleep = _chances(observed, mask, known, draw_from)
        if len(world.sleeps) == 1:
            return worlds.Decided(work[:, works])
        drawn = np.zeros((world.states, len(WORKS), len(world.sleeps)))
        for i, one in enumerate(WORKS):
            lengths = _by_length(
                sleep, slots, slots.until(observed, Done(one.serves, one.learns, one.learns))
            )
            for (kind, length), place in places.items():
                drawn[:, i, place] = lengths[:, KINDS.index(kind), length]
        return worlds.Decided(work[:, works], drawn)

    return worlds.play(world, decide)
