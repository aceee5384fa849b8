"""The oracle's randomised policies in one small int8 network: the ceiling of what training by interaction can reach.

    minimise  E_{w, s} [−Σ_a π*(a | s, w) log q(a | s, w)],   s ~ ½ μ*_w + ½ uniform

over the preferences w that the optimum was certified for, μ*_w the time that the optimum spends in each state. The
network is that of `circadia_lab.policy.cmoppo`, and is trained as it will be rounded towards the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.observation import COLUMN, INPUT_SCALE, encode
from circadia_lab.policy.env.interface import OBJECTIVES, Seen
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.files.policy_file import quantise
from circadia_lab.policy.oracle.evaluation import evaluate
from circadia_lab.policy.oracle.grid import network_policy, observations

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia.policy.kernel import QuantisedLayer
    from circadia_lab.policy.files.int8_network import Scores
    from circadia_lab.policy.files.policy_file import FloatLayer
    from circadia_lab.policy.oracle.grid import Grid
    from circadia_lab.policy.oracle.optimum import Optimum

    Floats = NDArray[np.float64]

FIRST_WEIGHT = COLUMN[f"preference_{OBJECTIVES[0]}"]
RANGE_KEPT = 0.999
LOWEST_SCORE = -12.0
CALIBRATION_ROWS = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how."""

    steps: int = 6_000
    batch: int = 4_096
    rate: float = 4e-3
    float_share: float = 0.6
    """Of the steps, before rounding is trained with."""
    uniform: float = 0.5
    """Share of the states that are drawn evenly."""
    normaliser: float = 1e-3
    chunk: int = 200
    """Steps that are compiled as one."""


class Distilled(NamedTuple):
    """The network, and how far it is from its teacher."""

    layers: tuple[FloatLayer, ...]
    quantised: tuple[QuantisedLayer, ...]
    total_variation: float
    """Mean over preferences and the optimum's time of ½ Σ |π* − q|, q in 8 bits."""


class Averages(NamedTuple):
    """Exact, by preference."""

    returns: Floats
    """(P, objectives)"""
    costs: Floats
    """(P, costs)"""


def distil(
    grid: Grid,
    teacher: Optimum,
    *,
    seed: int = 0,
    effort: Effort | None = None,
    progress: Callable[[float], None] | None = None,
) -> Distilled:
    """One network for all of the teacher's preferences; `progress` is told the share that is done."""
    lessons = _lessons(grid, teacher)
    layers = _fit(lessons, grid, seed, effort or Effort(), progress)
    random = np.random.default_rng(seed)
    quantised = quantise(layers, _calibration(lessons, random), lowest_score=LOWEST_SCORE)
    return Distilled(layers, quantised, _total_variation(grid, teacher, lessons, quantised))


def exact(grid: Grid, scores: Scores, preferences: Floats) -> Averages:
    """What a network brings in the grid, under each preference, without any sampling; `scores` in NumPy."""
    found = [evaluate(grid.chain, drawn(grid, scores, preference)) for preference in preferences]
    return Averages(np.array([e.returns for e in found]), np.array([e.costs for e in found]))


def drawn(grid: Grid, scores: Scores, preference: Floats) -> Floats:
    """(S, A) chances of a network's actions."""
    return network_policy(grid, lambda x: scores(encode(x)), preference)


class _Lessons(NamedTuple):
    encoded: NDArray[np.int8]
    """(S, WIDTH), the preference's columns to be filled."""
    weights: NDArray[np.int8]
    """(P, objectives) those columns."""
    wanted: NDArray[np.float32]
    """(P, S, A)"""
    time: Floats
    """(P, S) the teacher's stationary distributions."""


def _lessons(grid: Grid, teacher: Optimum) -> _Lessons:
    columns = slice(FIRST_WEIGHT, FIRST_WEIGHT + len(OBJECTIVES))
    told = [encode(observations(grid, preference)[:1])[0, columns] for preference in teacher.preferences]
    policies = teacher.policies / teacher.policies.sum(-1, keepdims=True)
    time, start = [], None
    for policy in policies:
        start = evaluate(grid.chain, policy.astype(np.float64), start=start).distribution
        time.append(start)
    blank = encode(observations(grid, np.zeros(len(OBJECTIVES))))
    return _Lessons(blank, np.array(told), policies.astype(np.float32), np.array(time))


def _rows(lessons: _Lessons, which: Any, state: Any, xp: Any) -> Any:
    """(rows,) preferences and states by number → (rows, WIDTH) int8."""
    rows, told = xp.asarray(lessons.encoded)[state], xp.asarray(lessons.weights)[which]
    end = FIRST_WEIGHT + len(OBJECTIVES)
    return xp.concatenate([rows[:, :FIRST_WEIGHT], told, rows[:, end:]], axis=-1)


def _calibration(lessons: _Lessons, random: np.random.Generator) -> NDArray[np.float32]:
    """(rows, WIDTH) real inputs, as the teacher meets them and evenly, half each."""
    preferences, states = lessons.time.shape
    which = random.integers(0, preferences, CALIBRATION_ROWS)
    half = CALIBRATION_ROWS // 2
    met = [random.choice(states, p=lessons.time[i] / lessons.time[i].sum(), size=half // preferences + 1)
           for i in range(preferences)]  # fmt: skip
    state = np.concatenate([random.integers(0, states, CALIBRATION_ROWS - half), np.concatenate(met)[:half]])
    rows: NDArray[np.float32] = _rows(lessons, which, state, np) * np.float32(INPUT_SCALE)
    return rows


def _total_variation(
    grid: Grid, teacher: Optimum, lessons: _Lessons, layers: tuple[QuantisedLayer, ...]
) -> float:
    apart = [
        time @ np.abs(wanted - drawn(grid, int8_scores(layers), preference)).sum(-1) / 2
        for preference, wanted, time in zip(teacher.preferences, lessons.wanted, lessons.time, strict=True)
    ]
    return float(np.mean(apart))


def _fit(
    lessons: _Lessons, grid: Grid, seed: int, effort: Effort, progress: Callable[[float], None] | None
) -> tuple[FloatLayer, ...]:
    import jax
    import jax.numpy as jnp
    import optax

    from circadia_lab.policy.cmoppo.actor import actor_of
    from circadia_lab.policy.cmoppo.config import Config

    config = Config()
    actor = actor_of(config)
    preferences, states = lessons.time.shape
    cumulative = jnp.asarray(
        np.cumsum(lessons.time, axis=1) / lessons.time.sum(1, keepdims=True), jnp.float32
    )
    wanted, mask = jnp.asarray(lessons.wanted), jnp.asarray(grid.chain.mask)
    # Scores that saturate still get tiny gradients, all of one sign; a small ε would make large steps of them.
    falling = optax.cosine_decay_schedule(effort.rate, effort.steps)
    adam = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(falling, eps=1e-5))

    def loss(parameters: Any, ranges: Any, batch: Any, rounded: Any) -> Any:
        which, state = batch
        seen = Seen(_rows(lessons, which, state, jnp), mask[state])
        out = actor.drawn(parameters, seen, ranges=ranges, rounded=rounded)
        entropy = -jnp.sum(wanted[which, state] * jnp.where(mask[state], out.log_p, 0), -1)
        return jnp.mean(entropy) + effort.normaliser * jnp.mean(out.normaliser), out.ranges

    def draw(key: Any) -> Any:
        first, second, third, fourth = jax.random.split(key, 4)
        which = jax.random.randint(first, (effort.batch,), 0, preferences)
        met = jax.vmap(jnp.searchsorted)(cumulative[which], jax.random.uniform(second, (effort.batch,)))
        any_ = jax.random.randint(third, (effort.batch,), 0, states)
        evenly = jax.random.uniform(fourth, (effort.batch,)) < effort.uniform
        return which, jnp.where(evenly, any_, jnp.minimum(met, states - 1))

    def step(carried: Any, at: Any) -> Any:
        parameters, moments, ranges = carried
        key, number = at
        rounded = number >= effort.float_share * effort.steps
        gradient, seen = jax.grad(loss, has_aux=True)(parameters, ranges, draw(key), rounded)
        change, moments = adam.update(gradient, moments)
        moved = optax.apply_updates(parameters, change)
        most = config.largest_weight
        moved = jax.tree.map(lambda p: jnp.clip(p, -most, most) if p.ndim > 1 else p, moved)
        return (moved, moments, jax.tree.map(_widened, ranges, seen)), None

    @jax.jit
    def chunk(carried: Any, keys: Any, numbers: Any) -> Any:
        return jax.lax.scan(step, carried, (keys, numbers))[0]

    of_network, of_draws = jax.random.split(jax.random.PRNGKey(seed))
    parameters = actor.parameters(of_network)
    carried = (parameters, adam.init(parameters), actor.ranges())
    keys = jax.random.split(of_draws, effort.steps)
    for start in range(0, effort.steps, effort.chunk):
        numbers = jnp.arange(start, min(start + effort.chunk, effort.steps))
        carried = chunk(carried, keys[numbers], numbers)
        if progress is not None:
            progress(min(start + effort.chunk, effort.steps) / effort.steps)
    return actor.layers(carried[0])["actor"]


def _widened(old: Any, new: Any) -> Any:
    """(layers, 2) ranges that hold what was seen, shrinking slowly."""
    import jax.numpy as jnp

    kept = old * RANGE_KEPT
    return jnp.stack([jnp.minimum(kept[:, 0], new[:, 0]), jnp.maximum(kept[:, 1], new[:, 1])], -1)
