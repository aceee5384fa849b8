"""Training a small int8 network in a world that can be computed exactly: mirror descent on what each choice is worth there.

With Q the cost to go of a work or a sleep in a state, prices included, under the network's own policy π,

    q(a | s)  ∝  π(a | s)^(1 − α) exp(−η (Q(s, a) − mean Q) / Q̄),      minimise  E_{s ~ ν} [−Σ_a q(a | s) log π(a | s)]

and so that a chance that leaks costs what it is worth, plus E_{s ~ ν} [Σ_a π(a | s) (Q(s, a) − mean Q) / Q̄], by some steps of
Adam, then again (Abdolmaleki et al., arXiv:1806.06920, with exact values in place of a critic and of draws).
ν is the time that the policy spends in each state, a share of it even; Q̄ what a wake costs on average; α holds the
policy a little random, as the optimum under limits is. Work and sleep are drawn apart: each has the mean over the other.

A limit's price is m exp(κ v), in shares of the objective for the limit as a whole, v = cost / limit − target cut at ±½, and
m grows by the factor exp(ρ v) a round (Kivinen and Warmuth, 1997: prices differ by orders). Every network of the last part is one in 8 bits and is computed exactly: the cheapest that keeps the limits is the one to come out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from circadia.observation import INPUT_SCALE
from circadia_lab.policy.cmoppo.rounding import dense_layers, rounded_heads
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.files.policy_file import FloatLayer, quantise_heads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.policy.kernel import QuantisedLayer

    Floats = NDArray[np.float64]
    Layers = tuple[QuantisedLayer, ...]

NEVER = -1e9
RANGE_KEPT = 0.98
MOST = 50.0
"""Wakes that a choice can cost."""
LEAST_PRICE = 1e-4
LEAST = 1e-7
"""Of a chance, before its logarithm is taken."""


class Tables(NamedTuple):
    """A policy by state."""

    work: Floats
    """(S, W) sum to 1 over what is admitted"""
    sleep: Floats
    """(S, O) sum to 1"""


class Judged(NamedTuple):
    """What a policy brings, exactly."""

    cost: float
    """The objective: a day."""
    over_limit: Floats
    """(C,) each cost over its limit"""
    visits: Floats
    """(S,) sum to 1: where it wakes"""
    wake_cost: float
    """A wake's mean objective."""
    work: Floats
    """(S, W) cost to go, prices included …"""
    sleep: Floats
    """(S, O)"""


class Exact(Protocol):
    """A world in which any policy can be judged."""

    encoded: NDArray[np.int8]
    """(S, WIDTH) what a device sees."""
    admitted: NDArray[np.bool_]
    """(S, W)"""
    options: int
    """O"""
    limits: int
    """C"""

    def judge(self, tables: Tables, prices: Floats) -> Judged:
        """`prices` (C,) of a limit as a whole, in shares of the objective."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and how."""

    width: int = 64
    lessons: int = 400
    """Steps of learning what the teacher does."""
    rounds: int = 24
    """Of judging, then …"""
    steps: int = 80
    """… so many steps."""
    rows: int = 3_000
    """Of a step, drawn."""
    rate: float = 8e-3
    rate_last: float = 0.1
    """Share of it at the end."""
    even: float = 0.02
    """Share of the states' weight that is even."""
    smoothed: float = 1e-5
    """Of the teacher's chances, even over what is admitted."""
    worth: float = 3.0
    """Weight of what choices are worth beside that of q."""
    pull: float = 20.0
    """η"""
    longest_pull: float = 3.0
    """The exponent is cut there."""
    explored: float = 1e-3
    """Least chance that what is better is taken to have had."""
    randomness: float = 0.02
    """α at the start, falling to a tenth of it."""
    rounded_from: float = 0.5
    """Share of the rounds after which the network is trained and judged as it is in 8 bits."""
    price_rate: float = 0.5
    """ρ"""
    price_share: float = 1.0
    """κ"""
    target: float = 0.975
    """Of a limit."""
    kept: float = 0.995
    """Of a limit that a network must keep to, computed exactly, to come out."""
    lowest_score: float = -12.0
    largest_weight: float = 3.0


class Network(NamedTuple):
    """In 8 bits, over the inputs that vary."""

    layers: Layers
    sleeps: Layers


class Learnt(NamedTuple):
    """What came out."""

    network: Network
    tables: Tables
    judged: Judged
    taught: Judged
    """What the network that only knew its teacher brought, in 8 bits."""
    rounds: tuple[tuple[float, float], ...]
    """(cost, worst cost over limit) of each round."""


def learn(
    exact: Exact,
    teacher: Tables,
    weights: Floats,
    prices: Floats,
    *,
    seed: int,
    course: Course,
    rounds: int | None = None,
    tell: Callable[[float], None] = lambda _: None,
) -> Learnt:
    """From what `teacher` does, in states by `weights`, on; the same arguments and machine, the same network.

    `prices` (C,) to start from. With 0 `rounds` instead of the course's the teacher's own ways come out.
    """
    pupil = _Pupil(exact, course, seed)
    smooth = _smoothed(teacher, exact.admitted, course.smoothed)
    first = exact.judge(teacher, prices)
    seen = (1 - course.even) * weights + course.even / len(weights)
    worth = Tables(*(np.maximum(part, 0) for part in _worth(teacher, first, exact.admitted)))
    pupil.fit(
        smooth, worth, seen, course.lessons, lambda k: k / course.lessons, lambda k: k > course.lessons // 2
    )
    network, tables = pupil.in_8_bits(weights)
    taught = judged = exact.judge(tables, prices)
    best = network, tables, judged
    levels, over, history = prices.copy(), np.zeros(len(prices)), []
    count = course.rounds if rounds is None else rounds
    for number in range(count):
        share = number / count
        rounded = share >= course.rounded_from
        if number:
            if rounded:
                network, tables = pupil.in_8_bits(judged.visits)
            else:
                tables = pupil.tables(rounded=False)
            judged = exact.judge(tables, levels * np.exp(course.price_share * over))
        history.append((judged.cost, _worst(judged)))
        if rounded and _better(judged, best[2], course.kept):
            best = network, tables, judged
        over = np.clip(judged.over_limit - course.target, -0.5, 0.5)
        levels = np.maximum(levels * np.exp(course.price_rate * _falling(share) * over), LEAST_PRICE)
        wanted, worth = (
            _wanted(tables, judged, exact.admitted, course, share),
            _worth(tables, judged, exact.admitted),
        )
        seen = (1 - course.even) * judged.visits + course.even / len(judged.visits)
        pupil.fit(wanted, worth, seen, course.steps, partial(_always, share), partial(_always, rounded))
        tell((number + 1) / count)
    return Learnt(*best, taught, tuple(history))


def _always(value: Any, _: int) -> Any:
    return value


def _worst(judged: Judged) -> float:
    return float(judged.over_limit.max(initial=0))


def _falling(share: float) -> float:
    """From 1 to a tenth."""
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share))


def _better(new: Judged, old: Judged, kept: float) -> bool:
    if max(_worst(new), _worst(old)) > kept:
        return _worst(new) <= _worst(old)
    return new.cost <= old.cost


def _smoothed(teacher: Tables, admitted: NDArray[np.bool_], share: float) -> Tables:
    work = admitted / admitted.sum(-1, keepdims=True)
    sleep = 1 / teacher.sleep.shape[-1]
    return Tables((1 - share) * teacher.work + share * work, (1 - share) * teacher.sleep + share * sleep)


def _worth(tables: Tables, judged: Judged, admitted: NDArray[np.bool_]) -> Tables:
    """What each choice costs more than the policy's own, in wakes."""

    def apart(chance: Floats, worth: Floats) -> Floats:
        found: Floats = (worth - (chance * worth).sum(-1, keepdims=True)) / judged.wake_cost
        return found.clip(-MOST, MOST)

    work = apart(tables.work, np.where(admitted, judged.work, 0))
    return Tables(work * admitted, apart(tables.sleep, judged.sleep))


def _wanted(
    tables: Tables, judged: Judged, admitted: NDArray[np.bool_], course: Course, share: float
) -> Tables:
    eta = course.pull * _falling(share)
    alpha = course.randomness * 0.1**share
    worth = _worth(tables, judged, admitted)

    def moved(chance: Floats, apart: Floats) -> Floats:
        pull = np.clip(-eta * apart, -course.longest_pull, course.longest_pull)
        z = (1 - alpha) * np.log(np.maximum(chance, np.where(apart < 0, course.explored, LEAST))) + pull
        z = np.exp(z - z.max(-1, keepdims=True))
        found: Floats = z / z.sum(-1, keepdims=True)
        return found

    work = moved(tables.work, worth.work) * admitted
    return Tables(work / work.sum(-1, keepdims=True), moved(tables.sleep, worth.sleep))


class _Pupil:
    """Mutable: the network as it learns."""

    def __init__(self, exact: Exact, course: Course, seed: int) -> None:
        self._course = course
        self._varying = np.flatnonzero((exact.encoded != exact.encoded[0]).any(0))
        self._rows = exact.encoded[:, self._varying]
        self._admitted = exact.admitted
        self._random = np.random.default_rng(seed)
        width, outputs = course.width, (exact.admitted.shape[1], exact.options)
        keys = jax.random.split(jax.random.PRNGKey(seed), 2)
        trunk = dense_layers(keys[0], (len(self._varying), width, width, outputs[0]), 0.1)
        self._parameters = (*trunk, *dense_layers(keys[1], (width, outputs[1]), 0.1))
        self._adam = optax.chain(optax.clip_by_global_norm(0.5), optax.scale_by_adam(eps=1e-5))
        self._moments = self._adam.init(self._parameters)
        self._ranges = jnp.zeros((4, 2))

    def fit(
        self,
        wanted: Tables,
        worth: Tables,
        weights: Floats,
        steps: int,
        progress: Callable[[int], float],
        rounded: Callable[[int], bool],
    ) -> None:
        """`steps` towards `wanted`; `progress` the share of all learning that is done, for the rate."""
        course, states = self._course, len(weights)
        cumulative = np.cumsum(weights) / weights.sum()
        for k in range(steps):
            at = np.searchsorted(cumulative, self._random.random(course.rows)).clip(0, states - 1)
            share = progress(k)
            rate = course.rate * (course.rate_last + (1 - course.rate_last) * (1 - share))
            batch = (
                self._rows[at],
                self._admitted[at],
                wanted.work[at].astype(np.float32),
                wanted.sleep[at].astype(np.float32),
                worth.work[at].astype(np.float32),
                worth.sleep[at].astype(np.float32),
            )
            self._parameters, self._moments, self._ranges = _step(
                self._adam, course, self._parameters, self._moments, self._ranges, batch, rate, rounded(k)
            )

    def tables(self, *, rounded: bool) -> Tables:
        """As floats, or nearly as 8 bits have it."""
        work, sleep = (
            np.asarray(y, np.float64)
            for y in _forward(self._course, self._parameters, self._ranges, self._rows, rounded)
        )
        return _chances(work, sleep, self._admitted)

    def in_8_bits(self, weights: Floats) -> tuple[Network, Tables]:
        """The ranges are those of the states by weight, and of all of them."""
        arrays = [(np.asarray(p.w), np.asarray(p.b)) for p in self._parameters]
        layers = tuple(
            FloatLayer(weights=np.ascontiguousarray(w.T), bias=b, relu=i < 2)
            for i, (w, b) in enumerate(arrays)
        )
        met = self._random.choice(len(weights), 4_000, p=weights / weights.sum())
        rows = self._rows[met].astype(np.float32) * np.float32(INPUT_SCALE)
        found = Network(*quantise_heads(layers[:3], layers[3:], rows, lowest_score=self._course.lowest_score))
        work = int8_scores(found.layers)(self._rows)
        sleep = int8_scores((*found.layers[:-1], *found.sleeps))(self._rows)
        return found, _chances(work.astype(np.float64), sleep.astype(np.float64), self._admitted)


def _chances(work: Floats, sleep: Floats, admitted: NDArray[np.bool_]) -> Tables:
    def softmax(z: Floats) -> Floats:
        z = np.exp(z - z.max(-1, keepdims=True))
        found: Floats = z / z.sum(-1, keepdims=True)
        return found

    return Tables(softmax(np.where(admitted, work, NEVER)), softmax(sleep))


@partial(jax.jit, static_argnums=(0, 4))
def _forward(course: Course, parameters: Any, ranges: Any, rows: Any, rounded: bool) -> Any:
    x = rows.astype(jnp.float32) * INPUT_SCALE
    return rounded_heads(parameters, x, ranges, rounded, course.lowest_score, heads=2)[0]


@partial(jax.jit, static_argnums=(0, 1))
def _step(
    adam: Any,
    course: Course,
    parameters: Any,
    moments: Any,
    ranges: Any,
    batch: Any,
    rate: Any,
    rounded: Any,
) -> Any:
    rows, admitted, work, sleep, work_worth, sleep_worth = batch
    x = rows.astype(jnp.float32) * INPUT_SCALE

    def loss(parameters: Any) -> Any:
        scores, seen = rounded_heads(parameters, x, ranges, rounded, course.lowest_score, heads=2)
        masked = jnp.where(admitted, scores[0], NEVER)
        log_work = masked - jax.nn.logsumexp(masked, -1, keepdims=True)
        log_sleep = jax.nn.log_softmax(scores[1])
        entropy = -jnp.sum(jnp.where(admitted, work * log_work, 0), -1) - jnp.sum(sleep * log_sleep, -1)
        leaks = jnp.sum(jnp.exp(log_work) * work_worth, -1) + jnp.sum(jnp.exp(log_sleep) * sleep_worth, -1)
        size = sum(jnp.square(jax.nn.logsumexp(y, axis=-1)) for y in scores)
        return jnp.mean(entropy + course.worth * leaks + 1e-3 * size), seen

    gradient, seen = jax.grad(loss, has_aux=True)(parameters)
    change, moments = adam.update(gradient, moments, parameters)
    parameters = jax.tree.map(lambda p, s: p - rate * s, parameters, change)
    most = course.largest_weight
    parameters = jax.tree.map(lambda p: jnp.clip(p, -most, most) if p.ndim > 1 else p, parameters)
    kept = ranges * RANGE_KEPT
    ranges = jnp.stack([jnp.minimum(kept[:, 0], seen[:, 0]), jnp.maximum(kept[:, 1], seen[:, 1])], -1)
    return parameters, moments, ranges
