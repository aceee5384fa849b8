"""Speed of the environment: compiled in large batches, against a plain Gymnasium loop over it, in one run."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from circadia.observation import WIDTH
from circadia_lab.policy.env.environment import TrainingEnvironment
from circadia_lab.policy.env.interface import OBJECTIVES, Outcome
from circadia_lab.policy.env.problem import find_problem

if TYPE_CHECKING:
    from circadia.physics.state import State
    from circadia_lab.bench.__main__ import Figure

PROBLEM = "default"
NAME = f"circadia_lab.env.gym:circadia/{PROBLEM.title()}-v0"
ROUNDS = 9
BATCH_A_CORE = 8192
"""Devices: their arrays of one tick fit a core's cache."""
TICKS = 128
GYM_STEPS = 300
VECTOR_BATCH, VECTOR_TICKS = 4096, 8


def measure() -> dict[str, Figure]:
    """`steps_per_s` of XLA, `gymnasium_steps_per_s`, `vector_steps_per_s` (NumPy), ratios of the first to each.

    Medians of interleaved rounds. A step of all three observes, encodes and masks, draws an admissible action, each
    as likely, and lives one tick of one device. `batch` devices live at a time under XLA, a part on each of `cores`;
    `cpu_ns_per_step` is the processor time of a step there, which other programs disturb less.
    """
    cores = len(os.sched_getaffinity(0))
    sides = (Compiled(cores), GymnasiumLoop(), VectorLoop())
    rounds = [[timed(side) for side in sides] for _ in range(ROUNDS + 1)][1:]
    compiled, single, vector = (
        statistics.median(turn.per_s for turn in column) for column in zip(*rounds, strict=True)
    )
    return {
        "steps_per_s": compiled,
        "gymnasium_steps_per_s": single,
        "vector_steps_per_s": vector,
        "over_gymnasium": compiled / single,
        "over_vector": compiled / vector,
        "cpu_ns_per_step": statistics.median(row[0].cpu_ns for row in rounds),
        "problem": PROBLEM,
        "batch": BATCH_A_CORE * cores,
        "vector_batch": VECTOR_BATCH,
        "cores": cores,
    }


class Turn(NamedTuple):
    """What a round of one side took."""

    per_s: float
    cpu_ns: float
    """Of a step, on all cores together."""


class Side(Protocol):
    """One way to live."""

    def live(self) -> int:
        """A round; → steps of single devices."""
        ...


def timed(side: Side) -> Turn:
    """One round of it."""
    start, cpu = time.perf_counter_ns(), time.process_time_ns()
    steps = side.live()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - start
    return Turn(steps / wall * 1e9, cpu / steps)


class Compiled:
    """`TICKS` ticks of `BATCH_A_CORE` devices on each core, one function compiled by XLA."""

    def __init__(self, cores: int) -> None:
        import jax

        with suppress(RuntimeError):  # a process that has computed keeps the devices that it has
            jax.config.update("jax_num_cpu_devices", cores)  # type: ignore[no-untyped-call]
        self._parts = min(cores, jax.local_device_count())
        self._environment = TrainingEnvironment(find_problem(PROBLEM), BATCH_A_CORE)
        self._run = jax.pmap(self._ticks)
        self._round = 0
        self._state = jax.pmap(self._environment.initial)(self._keys())

    def live(self) -> int:
        """A round."""
        self._state, outcomes = self._run(self._state, self._keys())
        np.asarray(outcomes.weight)  # waits
        return self._parts * BATCH_A_CORE * TICKS

    def _keys(self) -> Any:
        import jax

        self._round += 1
        return jax.random.split(jax.random.key(self._round), self._parts)

    def _ticks(self, state: State, key: Any) -> tuple[State, Outcome]:
        """→ the devices afterwards, and each tick's sums over them."""
        import jax
        import jax.numpy as jnp

        even = jnp.full((BATCH_A_CORE, len(OBJECTIVES)), 1 / len(OBJECTIVES), jnp.float32)

        def tick(carried: tuple[State, Any], key: Any) -> tuple[tuple[State, Any], Outcome]:
            acting, chance = jax.random.split(key)
            seen = self._environment.see(carried[0], even)
            action = any_admitted(seen.mask, jax.random.uniform(acting, (BATCH_A_CORE,)), jnp)
            after, worth = self._environment.step(carried[0], action, chance)
            return (after, seen.encoded.T), Outcome(*(x.sum(0) for x in worth))

        # What was encoded is carried on, so that XLA cannot leave it out.
        nothing = jnp.zeros((WIDTH, BATCH_A_CORE), jnp.int8)
        (after, _), worths = jax.lax.scan(tick, (state, nothing), jax.random.split(key, TICKS))
        return after, worths


def any_admitted(mask: Any, u: Any, xp: Any) -> Any:
    """(batch, actions) mask, (batch,) uniforms → (batch,) int32 an admitted action, each as likely.

    The first that has more than ⌊u · admitted⌋ admitted ones up to it.
    """
    wanted = xp.floor(u * mask.sum(-1))
    seen = action = xp.zeros(u.shape, xp.int32)
    for column in mask.T:
        seen = seen + column
        action = action + (seen <= wanted)
    return action


class GymnasiumLoop:
    """`GYM_STEPS` steps of one device, as any Gymnasium program takes them."""

    def __init__(self) -> None:
        import gymnasium

        self._env = gymnasium.make(NAME).unwrapped
        self._random = np.random.default_rng(0)
        _, info = self._env.reset(seed=0)
        self._mask = info["action_mask"]

    def live(self) -> int:
        """A round."""
        for _ in range(GYM_STEPS):
            admitted = self._mask.nonzero()[0]
            action = admitted[int(self._random.random() * len(admitted))]
            _, _, _, cut, info = self._env.step(action)
            if cut:
                _, info = self._env.reset()
            self._mask = info["action_mask"]
        return GYM_STEPS


class VectorLoop:
    """`VECTOR_TICKS` ticks of `VECTOR_BATCH` devices in Gymnasium's vector environment, which is NumPy."""

    def __init__(self) -> None:
        import gymnasium

        self._env = gymnasium.make_vec(NAME, num_envs=VECTOR_BATCH)
        self._random = np.random.default_rng(0)
        _, info = self._env.reset(seed=0)
        self._mask = info["action_mask"]

    def live(self) -> int:
        """A round."""
        for _ in range(VECTOR_TICKS):
            action = any_admitted(self._mask, self._random.random(VECTOR_BATCH), np)
            *_, info = self._env.step(action)
            self._mask = info["action_mask"]
        return VECTOR_BATCH * VECTOR_TICKS
