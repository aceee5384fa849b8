"""Speed of the environment: compiled in large batches, against a plain Gymnasium loop over it, in one run."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from circadia.observation import DAY_S, WIDTH
from circadia_lab.policy.env.environment import TrainingEnvironment
from circadia_lab.policy.env.interface import OBJECTIVES, Choice, Outcome
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.env.wakes import WakeEnvironment

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure
    from circadia_lab.policy.env.interface import Seen

PROBLEM = "default"
NAME = f"circadia_lab.env.gym:circadia/{PROBLEM.title()}-v0"
ROUNDS = 9
BATCH_A_CORE = 8192
"""Devices: their arrays of one tick fit a core's cache."""
TICKS = 128
WAKE_PROBLEM = "wake-mixture"
WAKE_NAME = "circadia_lab.env.gym:circadia/Mixture-v1"
WAKES_A_CORE = 6 * 1024
GYM_STEPS = 300
VECTOR_BATCH, VECTOR_TICKS = 4096, 8


def measure() -> dict[str, Figure]:
    """`steps_per_s` of XLA, `gymnasium_steps_per_s`, `vector_steps_per_s` (NumPy), ratios of the first to each.

    Medians of interleaved rounds. A step of all three observes, encodes and masks, draws an admissible action, each
    as likely, and lives one tick of one device. `batch` devices live at a time under XLA, a part on each of `cores`;
    `cpu_ns_per_step` is the processor time of a step there, which other programs disturb less. `wake_…` is the same where
    each wake chooses its sleep, every option that the body can do as likely; `…days_per_s` are simulated days of one
    device in a second.
    """
    cores = len(os.sched_getaffinity(0))
    sides = (Compiled(cores), GymnasiumLoop(), VectorLoop(), CompiledWakes(cores), WakeLoop())
    rounds = [[timed(side) for side in sides] for _ in range(ROUNDS + 1)][1:]
    compiled, single, vector, wakes, waking = (
        statistics.median(turn.per_s for turn in column) for column in zip(*rounds, strict=True)
    )
    return {
        "wake_steps_per_s": wakes,
        "wake_days_per_s": statistics.median(row[3].days_per_s for row in rounds),
        "wake_gymnasium_steps_per_s": waking,
        "wake_over_gymnasium": wakes / waking,
        "wake_problem": WAKE_PROBLEM,
        "days_per_s": statistics.median(row[0].days_per_s for row in rounds),
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


class Lived(NamedTuple):
    """A round of one side."""

    steps: int
    """Of single devices."""
    days: float = 0.0
    """That they lived; 0 where nobody counts them."""


class Turn(NamedTuple):
    """What a round of one side took."""

    per_s: float
    cpu_ns: float
    """Of a step, on all cores together."""
    days_per_s: float


class Side(Protocol):
    """One way to live."""

    def live(self) -> Lived:
        """A round."""
        ...


def timed(side: Side) -> Turn:
    """One round of it."""
    start, cpu = time.perf_counter_ns(), time.process_time_ns()
    lived = side.live()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - start
    return Turn(lived.steps / wall * 1e9, cpu / lived.steps, lived.days / wall * 1e9)


class Compiled:
    """`TICKS` ticks of a batch of devices on each core, one function compiled by XLA."""

    batch = BATCH_A_CORE

    def __init__(self, cores: int) -> None:
        import jax

        with suppress(RuntimeError):  # a process that has computed keeps the devices that it has
            jax.config.update("jax_num_cpu_devices", cores)  # type: ignore[no-untyped-call]
        self._parts = min(cores, jax.local_device_count())
        self._environment = self._made()
        self._run = jax.pmap(self._ticks)
        self._round = 0
        self._state = jax.pmap(self._environment.initial)(self._keys())

    def live(self) -> Lived:
        """A round."""
        self._state, outcomes = self._run(self._state, self._keys())
        periods = np.asarray(outcomes.weight).sum()  # waits
        return Lived(self._parts * self.batch * TICKS, float(periods) * self._period_s / DAY_S)

    def _made(self) -> Any:
        problem = find_problem(PROBLEM)
        self._period_s = problem.ticks.period_s
        return TrainingEnvironment(problem, self.batch)

    def _choice(self, seen: Seen, key: Any) -> Any:
        """(batch,) what is done, any that is admitted."""
        import jax
        import jax.numpy as jnp

        return any_admitted(seen.mask, jax.random.uniform(key, (self.batch,)), jnp)

    def _keys(self) -> Any:
        import jax

        self._round += 1
        return jax.random.split(jax.random.key(self._round), self._parts)

    def _ticks(self, state: Any, key: Any) -> tuple[Any, Outcome]:
        """→ the devices afterwards, and each tick's sums over them."""
        import jax
        import jax.numpy as jnp

        even = jnp.full((self.batch, len(OBJECTIVES)), 1 / len(OBJECTIVES), jnp.float32)

        def tick(carried: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], Outcome]:
            acting, chance = jax.random.split(key)
            seen = self._environment.see(carried[0], even)
            after, worth = self._environment.step(carried[0], self._choice(seen, acting), chance)
            return (after, seen.encoded.T), Outcome(*(x.sum(0) for x in worth))

        # What was encoded is carried on, so that XLA cannot leave it out.
        nothing = jnp.zeros((WIDTH, self.batch), jnp.int8)
        (after, _), worths = jax.lax.scan(tick, (state, nothing), jax.random.split(key, TICKS))
        return after, worths


class CompiledWakes(Compiled):
    """The same with sleeps that are chosen, each that the body can do as likely."""

    batch = WAKES_A_CORE

    def _made(self) -> Any:
        problem = find_problem(WAKE_PROBLEM)
        self._period_s = problem.ticks.period_s
        return WakeEnvironment(problem, self.batch)

    def _choice(self, seen: Seen, key: Any) -> Choice:
        import jax
        import jax.numpy as jnp

        work, sleep, place = jax.random.uniform(key, (3, self.batch))
        return Choice(any_admitted(seen.mask, work, jnp), any_admitted(seen.sleeps, sleep, jnp), place)


def any_admitted(mask: Any, u: Any, xp: Any) -> Any:
    """(batch, actions) mask, (batch,) uniforms → (batch,) int32 an admitted action, each as likely.

    The first that has more than ⌊u · admitted⌋ admitted ones up to it. They are counted by a product of matrices: XLA
    would compute the mask anew for each column that a loop took of it.
    """
    upto = np.triu(np.ones((mask.shape[-1],) * 2, np.float32))
    admitted = mask.astype(np.float32) @ xp.asarray(upto)
    return (admitted <= xp.floor(u * admitted[:, -1])[:, None]).sum(-1, dtype=np.int32)


class GymnasiumLoop:
    """`GYM_STEPS` steps of one device, as any Gymnasium program takes them."""

    def __init__(self) -> None:
        import gymnasium

        self._env = gymnasium.make(NAME).unwrapped
        self._random = np.random.default_rng(0)
        _, info = self._env.reset(seed=0)
        self._mask = info["action_mask"]

    def live(self) -> Lived:
        """A round."""
        for _ in range(GYM_STEPS):
            admitted = self._mask.nonzero()[0]
            action = admitted[int(self._random.random() * len(admitted))]
            _, _, _, cut, info = self._env.step(action)
            if cut:
                _, info = self._env.reset()
            self._mask = info["action_mask"]
        return Lived(GYM_STEPS)


class VectorLoop:
    """`VECTOR_TICKS` ticks of `VECTOR_BATCH` devices in Gymnasium's vector environment, which is NumPy."""

    def __init__(self) -> None:
        import gymnasium

        self._env = gymnasium.make_vec(NAME, num_envs=VECTOR_BATCH)
        self._random = np.random.default_rng(0)
        _, info = self._env.reset(seed=0)
        self._mask = info["action_mask"]

    def live(self) -> Lived:
        """A round."""
        for _ in range(VECTOR_TICKS):
            action = any_admitted(self._mask, self._random.random(VECTOR_BATCH), np)
            *_, info = self._env.step(action)
            self._mask = info["action_mask"]
        return Lived(VECTOR_BATCH * VECTOR_TICKS)


class WakeLoop:
    """`GYM_STEPS` wakes of one device, as any Gymnasium program takes them."""

    def __init__(self) -> None:
        import gymnasium

        self._env = gymnasium.make(WAKE_NAME).unwrapped
        self._env.action_space.seed(0)
        self._random = np.random.default_rng(0)
        _, info = self._env.reset(seed=0)
        self._mask = info["action_mask"]

    def live(self) -> Lived:
        """A round."""
        for _ in range(GYM_STEPS):
            admitted = self._mask.nonzero()[0]
            work = admitted[int(self._random.random() * len(admitted))]
            _, _, _, cut, info = self._env.step(self._env.action_space.sample() | {"work": work})
            if cut:
                _, info = self._env.reset()
            self._mask = info["action_mask"]
        return Lived(GYM_STEPS)
