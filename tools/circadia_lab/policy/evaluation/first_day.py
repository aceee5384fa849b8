"""A fleet's first day in the simulator of wakes, all its devices by one clock: what a run of the demonstration goes through.

Bodies, sleeps, requests and what is learnt are `WakeFleet`'s. What a fleet in the mean stands for there is played here:
each copy is a federation of its own, whose versions are made of its devices' updates when the aggregator makes them, and
whose devices hear of each at once; and the world jumps when the demonstration's does. Devices are taken in slots of
three minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.energy.battery import energy_j
from circadia.observation import COLUMN, DAY_S
from circadia.physics import learnt
from circadia.physics.dynamics import LEARNT
from circadia.physics.surroundings import by_hour
from circadia.physics.wake import RESTING
from circadia.recent import LABELS
from circadia.types import Link, Load
from circadia_lab.data.day.arrivals import STOCK
from circadia_lab.data.day.plan import Plan
from circadia_lab.data.day.world import DRIFT_S
from circadia_lab.policy.env.environment import STARTS
from circadia_lab.policy.env.sleeping import DRAWS
from circadia_lab.policy.env.wakes import Living, WakeFleet
from circadia_lab.policy.evaluation.histogram import LATENCY_EDGES_S, bin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.physics.state import State
    from circadia.physics.wake import Woken
    from circadia_lab.policy.env.problem import Problem, WakeLaw
    from circadia_lab.policy.evaluation.deciding import Decider

    Floats = NDArray[np.float64]

SLOT_S = 180.0
_REST = np.array([load in RESTING for load in Load])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What became of it, (devices, copies) each."""

    accuracy: Floats
    """Mean over the day of the weights in service."""
    last_accuracy: Floats
    """At its end."""
    served: Floats
    expired: Floats
    energy_j: Floats
    """Of all loads but the user's screen and applications."""
    agent_j: Floats
    """Of waking up, work and radio."""
    battery_agent_j: Floats
    """Of these, what charger and panel did not pay for."""
    latencies: Floats
    """(devices, copies, bins of LATENCY_EDGES_S) requests."""
    wakes: Floats


class Woke(NamedTuple):
    """Who is at a wake, for who watches."""

    due: NDArray[np.bool_]
    """(devices, copies)"""
    t_s: Floats
    work: Any


def live(
    problem: Problem,
    decide: Decider,
    preference: tuple[float, float, float],
    *,
    copies: int,
    seed: int = 0,
    day_s: float = DAY_S,
    watch: Callable[[Woke], object] | None = None,
) -> Lived:
    """`copies` of a fleet of a problem's devices, from midnight on, for a day or less of it."""
    assert problem.wake is not None
    still = replace(problem, wake=replace(problem.wake, drift_per_day=0.0, jumps_per_day=0.0))
    day = _Day(
        WakeFleet(still, copies, sleeps=decide.sleeps, prior=decide.prior), np.random.default_rng(seed), day_s
    )
    for end_s in np.arange(SLOT_S, day_s + SLOT_S, SLOT_S).tolist():
        day.go_on(decide, np.asarray(preference), min(end_s, day_s), watch)
    return day.lived()


class _Day:
    def __init__(self, fleet: WakeFleet, random: np.random.Generator, day_s: float) -> None:
        self._fleet, self._random, self._day_s = fleet, random, day_s
        self._living = begun(fleet, random)
        self._accuracy = fleet.problem.served_accuracy
        assert fleet.law is not None
        self._federations = Federations(fleet.shape[1], fleet.law)
        self._installed = np.ones(fleet.shape)
        self._labels = np.zeros(fleet.shape)
        self._told = np.zeros((2, *fleet.shape))
        """Σ accuracy · seconds, and the last."""
        self._sums: dict[str, Any] = {}
        self._latencies = np.zeros((np.prod(fleet.shape), len(LATENCY_EDGES_S) - 1))

    def go_on(self, decide: Decider, preference: Floats, end_s: float, watch: Any) -> None:
        """All wakes before that time."""
        self._federations.go_on(end_s)
        while (due := self._living.bodies.time_s < end_s).any():
            self._living = self._heard(due)
            values = self._look(preference)
            work, asked = decide(self._fleet, self._living, values, self._random.random((*due.shape, 2)))
            if watch:
                watch(Woke(due, self._living.bodies.time_s, work))
            u = self._random.random((*due.shape, DRAWS))
            woken = self._fleet.advance(self._living, work, asked, u).woken
            self._count(due, woken)
            self._living = self._living._replace(bodies=self._after(due, woken))

    def _heard(self, due: NDArray[np.bool_]) -> Living:
        """A device that has a link knows what its federation has published."""
        bodies, newest = self._living.bodies, self._federations
        behind = newest.number - self._installed
        age = np.maximum(bodies.time_s - newest.published_s, 0)
        linked = bodies.link >= Link.METERED
        changes = {
            "versions_behind": behind + 0.0,
            "newest_age_s": age,
            "known_behind": np.where(linked, behind, bodies.known_behind),
            "contact_age_s": np.where(linked, np.minimum(bodies.contact_age_s, age), bodies.contact_age_s),
            "newest_known": newest.known + 0 * age,
            "newest_present": newest.present + 0 * age,
        }
        merged = {name: np.where(due, new, getattr(bodies, name)) for name, new in changes.items()}
        return self._living._replace(bodies=bodies._replace(**merged))

    def _look(self, preference: Floats) -> Any:
        values = self._fleet.look(self._living, preference).astype(np.float32)
        untold = self._labels == 0
        for name in ("recent_error", "error_age_s"):
            values[..., COLUMN[name]] = np.where(untold, np.nan, values[..., COLUMN[name]])
        return values

    def _after(self, due: NDArray[np.bool_], woken: Woken) -> State:
        """Those that were due at their next wake, in a world that may have jumped meanwhile."""
        before, after = self._living.bodies, woken.after
        jumps = (before.time_s < DRIFT_S) & (after.time_s >= DRIFT_S)
        after = after._replace(
            present=after.present * learnt.kept(jumps, np), recent_error=self._erred(due, before, woken)
        )
        self._installed = np.where(due & (woken.result.pulled > 0), self._federations.number, self._installed)
        pushed = due * woken.result.updates_pushed
        self._federations.take(pushed, due * woken.told, before.time_s)
        return type(before)(*(np.where(due, new, old) for new, old in zip(after, before, strict=True)))

    def _erred(self, due: NDArray[np.bool_], before: State, woken: Woken) -> Floats:
        """As `circadia.recent` begins: the first labels count as many as there are, where the fleet's state is that of long use."""
        result, after = woken.result, woken.after
        told = due & (after.error_age_s <= result.dt_s)
        labels = told * np.maximum(result.requests_served * self._fleet.params.feedback_share, 1)
        self._labels += labels
        wrong = 1 - self._fleet.right(before)
        mean = before.recent_error + (wrong - before.recent_error) * labels / np.maximum(self._labels, 1)
        return np.where(told & (self._labels < LABELS), mean, after.recent_error)

    def _count(self, due: NDArray[np.bool_], woken: Woken) -> None:
        result, start = woken.result, self._living.bodies.time_s
        end = np.minimum(start + result.dt_s, self._day_s)
        share = np.clip((end - start) / result.dt_s, 0, 1)
        model = self._accuracy
        first = model.accuracy(woken.begin)
        moved = model.accuracy(woken.begin._replace(present=woken.begin.present * learnt.KEPT))
        length = end - start
        later = np.clip(end - DRIFT_S, 0, length) * (start < DRIFT_S)
        over = first * (length - later) + moved * later
        self._told[0] += due * over
        self._told[1] = np.where(due, np.where(later > 0, moved, first), self._told[1])
        counted = {
            "served": result.requests_served,
            "expired": result.requests_expired * share,
            "energy_j": (result.energy_j * np.where(_REST, share[..., None], 1)).sum(-1),
            "agent_j": woken.paid.agent_j,
            "battery_agent_j": woken.paid.agent_battery_j,
            "wakes": np.ones_like(share),
        }
        for name, x in counted.items():
            self._sums[name] = self._sums.get(name, 0.0) + due * x
        rows, latency_s = _latencies(self._living.bodies, result, due)
        np.add.at(self._latencies, (rows, bin_of(latency_s, LATENCY_EDGES_S)), 1.0)

    def lived(self) -> Lived:
        latencies = self._latencies.reshape(*self._fleet.shape, -1)
        return Lived(
            accuracy=self._told[0] / self._day_s,
            last_accuracy=self._told[1],
            latencies=latencies,
            **self._sums,
        )


def begun(fleet: WakeFleet, random: np.random.Generator) -> Living:
    """As the demonstration's devices are at midnight: nothing trained, the first version, a stock of examples."""
    living = fleet.start(np.full((*fleet.shape, STARTS), 0.5))
    bodies, params = living.bodies, fleet.params
    none = np.zeros(fleet.shape)
    plan = Plan(devices=fleet.shape[0])
    soc = np.array([[plan.initial_soc(index)] for index in range(fleet.shape[0])]) + none
    stock = random.integers(STOCK[0], STOCK[1], fleet.shape, endpoint=True) * 1.0
    free, metered = (by_hour(table, none, np) for table in (params.link_free, params.link_metered))
    u = random.random(fleet.shape)
    link = np.where(u < free, int(Link.FREE), np.where(u < free + metered, int(Link.METERED), int(Link.NONE)))
    zeros = (
        "time_s", "practice", "model_age_s", "newest_age_s", "versions_behind", "known_behind", "fresh_age_s", "unsent_examples",
        "contact_age_s", "requests_per_hour", *LEARNT,
    )  # fmt: skip
    bodies = bodies._replace(
        battery_j=energy_j(soc, params.battery, np),
        stored_examples=stock,
        fresh_examples=stock,
        link=link * 1.0,
        user_active=(random.random(fleet.shape) < by_hour(params.user_share, none, np)) * 1.0,
        trained_age_s=none + DAY_S,
        error_age_s=none + DAY_S,
        recent_error=none + 0.5,
        **dict.fromkeys(zeros, none),
    )
    nothing = np.zeros(fleet.fleets)
    return Living(bodies, nothing, nothing)


@dataclass(slots=True)
class Federations:
    """One for each copy; (copies,) arrays."""

    copies: int
    law: WakeLaw
    number: Any = field(init=False)
    published_s: Any = field(init=False)
    known: Any = field(init=False)
    present: Any = field(init=False)
    _waiting: Any = field(init=False)
    _told: Any = field(init=False)
    _first_s: Any = field(init=False)
    _moved: bool = False

    def __post_init__(self) -> None:
        self.number = np.ones(self.copies)
        self.published_s, self.known, self.present, self._waiting, self._told = np.zeros((5, self.copies))
        self._first_s = np.full(self.copies, np.inf)

    def go_on(self, now_s: float) -> None:
        """What waits for too long makes a version; the world may jump."""
        if not self._moved and now_s > DRIFT_S:
            self._moved, self.present = True, self.present * learnt.KEPT
        over = self._first_s + self.law.timeout_s <= now_s
        self._publish(over, np.where(over, self._first_s + self.law.timeout_s, 0))

    def take(self, pushed: Any, told: Any, t_s: Any) -> None:
        """(devices, copies) updates, what they are worth and when they came."""
        came = pushed.sum(0)
        first = np.where(pushed > 0, t_s, np.inf).min(0)
        self._first_s = np.where((self._waiting == 0) & (came > 0), first, self._first_s)
        self._waiting, self._told = self._waiting + came, self._told + told.sum(0)
        last = np.where(pushed > 0, t_s, 0).max(0)
        self._publish(self._waiting >= self.law.buffer, last)

    def _publish(self, some: Any, t_s: Any) -> None:
        more = np.where(some, learnt.VERSION_GAIN * self._told / np.maximum(self._waiting, 1), 0)
        self.known, self.present = self.known + more, self.present + more
        self.number = self.number + some
        self.published_s = np.where(some, t_s, self.published_s)
        self._waiting, self._told = np.where(some, 0, self._waiting), np.where(some, 0, self._told)
        self._first_s = np.where(some, np.inf, self._first_s)


def _latencies(before: State, result: Any, due: Any) -> tuple[Any, Any]:
    """Flat row and latency of each request that was served, one by one: the i-th oldest of n is age · (1 − i / n) old."""
    served = (due * result.requests_served).astype(int).ravel()
    rows = np.repeat(np.arange(served.size), served)
    i = np.arange(len(rows)) - np.repeat(np.cumsum(served) - served, served)
    waited = before.queue_age_s.ravel()[rows] * (1 - i / np.maximum(before.queue_length.ravel()[rows], 1))
    total = np.bincount(rows, waited, served.size)
    answered = (result.latency_s.ravel() - total) / np.maximum(served, 1)
    return rows, np.maximum(waited + answered[rows], 0)
