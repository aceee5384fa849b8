"""A regime as a semi-Markov chain: a wake finds a state, some work leads to another, a sleep to the next wake.

Time is in slots. A state is the age of the oldest request that waits (0: none; with a remote queue the time since the
last serving), and the age of each of the agent's clocks: one since the last training with its exchange, or one since
each where they are apart. Requests come as a Poisson stream, seen as coming at their slot's start, so that an age is
never taken for less than it is. Ages end at a cap: there a request must be served, and where mean ages are limited
one must learn.

Once in ten million wakes the device begins anew, as just installed. So every policy has one average, whatever the
state it starts from, and bounds need no assumption about which states a policy visits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from circadia.types import WakeOn
from circadia_lab.policy.regimes.regime import DAY_S, Regime, Stale

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RESTART = 1e-7
"""Probability at each wake."""
LONGEST_WOKEN_S = 3 * DAY_S
"""A controller that only serves and is woken by requests may sleep as long as that while nothing waits."""


class Part(Enum):
    """Which controllers decide."""

    BOTH = "both"
    SERVING = "serving"
    LEARNING = "learning"


class Sleep(NamedTuple):
    """An option after the work."""

    slots: int
    wake_on: WakeOn


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work:
    """An option at a wake, and what it does in each of N states."""

    serves: bool
    trains: bool
    exchanges: bool
    after: Ints
    """(N,) the state it leads to."""
    joules: Floats
    """(N,) with the wake-up."""
    late: Floats
    """(N,) requests answered after their deadline."""
    session: Floats
    """(N,) 1 where it opens the radio."""
    admitted: NDArray[np.bool_]
    """(N,)"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """N states, W works, L sleeps, C limits: requests late, then each clock's."""

    regime: Regime
    part: Part
    queue: Ints
    """(N,) slots"""
    ages: Ints
    """(clocks, N) slots"""
    works: tuple[Work, ...]
    sleeps: tuple[Sleep, ...]
    moves: Any
    """Sparse (L · N, N): row l · N + i is where sleep l leads from state i."""
    duration: Floats
    """(L, N) mean slots"""
    aged: Floats
    """(clocks, L, N) what each clock's limit counts meanwhile."""
    admitted: NDArray[np.bool_]
    """(L, N)"""
    limits: Floats
    """(C,) a slot"""

    @property
    def states(self) -> int:
        """N"""
        return len(self.queue)

    @property
    def deadline(self) -> int:
        """Slots."""
        return self.regime.slots(self.regime.deadline_s)


class _Frame(NamedTuple):
    """What the parts of a chain are built from."""

    regime: Regime
    part: Part
    shape: tuple[int, ...]
    """Points of the queue and of each clock."""
    queue: Ints
    ages: Ints
    sleeps: tuple[Sleep, ...]

    @property
    def serving(self) -> bool:
        return self.part is not Part.LEARNING

    @property
    def learning(self) -> bool:
        return self.part is not Part.SERVING

    @property
    def blind(self) -> NDArray[np.bool_]:
        """Where a request that comes changes nothing."""
        return (self.queue > 0) | self.regime.remote | (not self.serving)

    @property
    def must_learn(self) -> bool:
        """Ages end at a cap that a mean would not see beyond."""
        return self.learning and not isinstance(self.regime.age, Stale)

    def place(self, queue: Any, ages: Any) -> Ints:
        """The state of these ages, which end at their caps."""
        parts = (queue, *ages)
        capped = [np.minimum(part, size - 1) for part, size in zip(parts, self.shape, strict=True)]
        found: Ints = np.ravel_multi_index(tuple(np.broadcast_arrays(*capped)), self.shape)
        return found


def make_chain(regime: Regime, part: Part = Part.BOTH) -> Chain:
    """All of it, exactly."""
    frame = _frame(regime, part)
    moves, duration, aged = _moves(frame)
    return Chain(
        regime=regime,
        part=part,
        queue=frame.queue,
        ages=frame.ages,
        works=tuple(_works(frame)),
        sleeps=frame.sleeps,
        moves=moves,
        duration=duration,
        aged=aged,
        admitted=_admitted(frame),
        limits=_limits(frame),
    )


def _frame(regime: Regime, part: Part) -> _Frame:
    sleeps = _sleeps(regime, part)
    deadline, longest = regime.slots(regime.deadline_s), regime.slots(regime.longest_s)
    queue = 0 if part is Part.LEARNING else max(deadline + longest, *(sleep.slots for sleep in sleeps))
    clocks = 0 if part is Part.SERVING else 1 + regime.apart
    shape = (queue + 1, *[_age_cap(regime) + 1] * clocks)
    places = np.indices(shape).reshape(len(shape), -1)
    return _Frame(regime, part, shape, places[0], places[1:], sleeps)


def _age_cap(regime: Regime) -> int:
    if isinstance(regime.age, Stale):
        return regime.slots(regime.age.after_s) + max(regime.slots(regime.age.after_s), 6)
    return 2 * regime.slots(regime.age.timer_s)


def _sleeps(regime: Regime, part: Part) -> tuple[Sleep, ...]:
    longest = regime.slots(regime.longest_s)
    lengths = sorted({regime.slots(s) for s in regime.sleeps_s}) or list(range(1, longest + 1))
    woken = part is not Part.LEARNING and len(regime.wakes_on) > 1
    if part is Part.SERVING and woken:
        lengths.append(max(longest + 1, regime.slots(LONGEST_WOKEN_S)))
    kinds = [kind for kind in WakeOn if kind in regime.wakes_on and (kind is WakeOn.DUE or woken)]
    return tuple(
        Sleep(length, kind)
        for length in lengths
        for kind in kinds
        if kind is WakeOn.DUE or _held(regime, kind) < length
    )


def _held(regime: Regime, kind: WakeOn) -> int:
    """Slots from a request's own to the wake."""
    return 0 if kind is WakeOn.REQUEST else regime.slots(regime.deadline_s) - 1


def _limits(frame: _Frame) -> Floats:
    regime = frame.regime
    age = regime.age.share if isinstance(regime.age, Stale) else regime.age.at_most_s / regime.slot_s
    late = [regime.late * regime.rate] if frame.serving else []
    return np.array(late + [age] * len(frame.ages))


# Works


def _works(frame: _Frame) -> Iterator[Work]:
    pairs = [(False, False)]
    if frame.learning:
        pairs = [(a, b) for a in (False, True) for b in (False, True) if frame.regime.apart or a == b]
    for serves in (False, True) if frame.serving else (False,):
        for trains, exchanges in pairs:
            yield _work(frame, serves, trains, exchanges)


def _work(frame: _Frame, serves: bool, trains: bool, exchanges: bool) -> Work:
    regime, body = frame.regime, frame.regime.body
    asked = serves & ((frame.queue > 0) | regime.remote)
    session = asked & regime.answers_by_radio | exchanges
    joules = body.wake_j.value + asked * body.serve_j.value + session * body.radio_j.value
    reset = (trains, exchanges)[: len(frame.ages)]
    ages = [np.where(done, 0, age) for done, age in zip(reset, frame.ages, strict=True)]
    admitted = np.full(len(frame.queue), True)
    if frame.serving and not serves:
        admitted &= frame.queue < frame.shape[0] - 1
    if frame.must_learn:
        for age, size in zip(ages, frame.shape[1:], strict=True):
            admitted &= age < size - 1
    return Work(
        serves=serves,
        trains=trains,
        exchanges=exchanges,
        after=frame.place(np.where(serves, 0, frame.queue), ages),
        joules=joules + trains * body.train_j.value + exchanges * body.exchange_j.value,
        late=serves * _late(frame),
        session=session.astype(np.float64),
        admitted=admitted,
    )


def _late(frame: _Frame) -> Floats:
    """(N,) mean requests past their deadline among those that wait: in each slot but the oldest's λ, in that λ / (1 − e^−λ)."""
    regime, rate = frame.regime, frame.regime.rate
    over = frame.queue - regime.slots(regime.deadline_s)
    if regime.remote:
        return rate * np.maximum(over, 0)
    return np.where(over > 0, rate / -np.expm1(-rate) + rate * (over - 1), 0.0)


# Sleeps


def _admitted(frame: _Frame) -> NDArray[np.bool_]:
    longest = frame.regime.slots(frame.regime.longest_s)
    table = np.full((len(frame.sleeps), len(frame.queue)), True)
    for row, sleep in zip(table, frame.sleeps, strict=True):
        if sleep.wake_on is not WakeOn.DUE:
            row[frame.blind] = False
        if frame.serving:
            row[frame.blind & (frame.queue + sleep.slots > frame.shape[0] - 1)] = False
        if sleep.slots > longest:
            row[frame.blind] = False
        if frame.must_learn:
            for age, size in zip(frame.ages, frame.shape[1:], strict=True):
                row[age + sleep.slots > size - 1] = False
    table[0, ~table.any(axis=0)] = True  # states that no admitted work leads to
    return table


class _Entries(NamedTuple):
    rows: list[Ints]
    columns: list[Ints]
    shares: list[Floats]


def _moves(frame: _Frame) -> tuple[Any, Floats, Floats]:
    count, options = len(frame.queue), len(frame.sleeps)
    duration = np.zeros((options, count))
    aged = np.zeros((len(frame.ages), options, count))
    entries = _Entries([], [], [])
    for option, sleep in enumerate(frame.sleeps):
        for states, share, slots, queue in _wakes(frame, sleep):
            ages = frame.ages[:, states]
            entries.rows.append(option * count + states)
            entries.columns.append(frame.place(queue, ages + slots))
            entries.shares.append(np.full(len(states), share))
            duration[option, states] += share * slots
            aged[:, option, states] += share * _counted(frame.regime, ages, slots)
    shares, rows, columns = (np.concatenate(part) for part in (entries.shares, entries.rows, entries.columns))
    return csr_array((shares, (rows, columns)), shape=(options * count, count)), duration, aged


def _counted(regime: Regime, ages: Ints, slots: int) -> Floats:
    """(…,) what a clock's limit counts over so many slots: those beyond its bound, or the integral of the age."""
    if isinstance(regime.age, Stale):
        bound = regime.slots(regime.age.after_s)
        found: Floats = np.maximum(0.0, ages + slots - np.maximum(ages, bound))
        return found
    return slots * (ages + slots / 2)


def _wakes(frame: _Frame, sleep: Sleep) -> Iterator[tuple[Ints, float, int, Ints]]:
    """(states, probability, slots asleep, the queue's age then), which sum to 1 for each state."""
    blind = np.flatnonzero(frame.blind)
    yield blind, 1.0, sleep.slots, frame.queue[blind] + sleep.slots if frame.serving else 0 * blind
    empty = np.flatnonzero(~frame.blind)
    if not len(empty):
        return
    none = float(np.exp(-frame.regime.rate))
    for slot in range(1, sleep.slots + 1):
        held = sleep.slots if sleep.wake_on is WakeOn.DUE else slot + _held(frame.regime, sleep.wake_on)
        slots = min(sleep.slots, held)
        yield empty, none ** (slot - 1) * (1 - none), slots, 0 * empty + slots - slot + 1
    yield empty, none**sleep.slots, sleep.slots, 0 * empty
