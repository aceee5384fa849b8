"""A network that does as a teacher does, from where training by interaction goes on.

    minimise  E [−Σ_a q(a) log π(a | o) − Σ_s q(s) log π(s | o)],   q = (1 − ε) teacher + ε · even over what is admitted

over the observations that the teacher's own choices lead to, some of them drawn evenly instead, so that it also tells
what to do where it would not have come. A little of everything is kept (ε), for what has no chance is never tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import optax

from circadia.policy.sampling import sample
from circadia_lab.policy.cmoppo.actor import actor_for
from circadia_lab.policy.cmoppo.course import Taught
from circadia_lab.policy.cmoppo.crowd import drawn_preferences
from circadia_lab.policy.env.interface import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.env.interface import Seen, WakeEnvironment
    from circadia_lab.policy.study.teacher import Lesson, Teacher

RANGE_KEPT = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """How long and how."""

    wakes: int = 600
    """Of the whole batch; a step of learning after each."""
    rate: float = 3e-3
    strayed: float = 0.1
    """Share of the choices that are drawn evenly."""
    even: float = 0.02
    """ε, of works …"""
    even_sleep: float = 0.005
    """… and of sleeps: a brief one is dear."""
    redraw: float = 0.01
    """Share of the devices that get another preference at each wake."""
    chunk: int = 50
    """Wakes that are compiled as one."""


def taught_by(
    teacher: Teacher,
    environment: WakeEnvironment,
    config: Config,
    *,
    seed: int = 0,
    lessons: Lessons | None = None,
    progress: Callable[[float], None] | None = None,
) -> Taught:
    """The network that training starts from; the same arguments and machine, the same network."""
    lessons = lessons or Lessons()
    actor = actor_for(config, environment)
    adam = optax.chain(
        optax.clip_by_global_norm(0.5),
        optax.adam(optax.cosine_decay_schedule(lessons.rate, lessons.wakes), eps=1e-5),
    )

    def loss(parameters: Any, ranges: Any, seen: Seen, wanted: Lesson) -> Any:
        out = actor.drawn(parameters, seen.encoded, seen.mask, seen.sleeps, ranges=ranges)
        work = -jnp.sum(wanted.work * jnp.where(seen.mask, out.log_p, 0), -1)
        sleep = -jnp.sum(wanted.sleep * jnp.where(seen.sleeps, out.sleep_log_p, 0), -1)
        return jnp.mean(work + sleep) + config.normaliser * jnp.mean(out.normaliser), out.ranges

    def wake(carried: Any, key: Any) -> Any:
        world, preference, parameters, moments, ranges = carried
        acting, chance, redrawn, anew = jax.random.split(key, 4)
        seen = environment.see(world, preference)
        lesson = teacher(seen)
        wanted = type(lesson)(
            _evened(lesson.work, seen.mask, lessons.even),
            _evened(lesson.sleep, seen.sleeps, lessons.even_sleep),
        )
        gradient, met = jax.grad(loss, has_aux=True)(parameters, ranges, seen, wanted)
        change, moments = adam.update(gradient, moments)
        parameters = optax.apply_updates(parameters, change)
        most = config.largest_weight
        parameters = jax.tree.map(lambda p: jnp.clip(p, -most, most) if p.ndim > 1 else p, parameters)
        world = environment.step(world, _chosen(lesson, seen, acting, lessons.strayed), chance)[0]
        new = jax.random.bernoulli(anew, lessons.redraw, (environment.batch, 1))
        preference = jnp.where(new, drawn_preferences(redrawn, environment.batch), preference)
        return (world, preference, parameters, moments, jax.tree.map(_widened, ranges, met)), None

    @jax.jit
    def chunk(carried: Any, keys: Any) -> Any:
        return jax.lax.scan(wake, carried, keys)[0]

    of_network, of_world, of_preference, of_wakes = jax.random.split(jax.random.PRNGKey(seed), 4)
    parameters = actor.parameters(of_network)
    carried = (
        environment.initial(of_world),
        drawn_preferences(of_preference, environment.batch),
        parameters,
        adam.init(parameters),
        actor.ranges(),
    )
    keys = jax.random.split(of_wakes, lessons.wakes)
    for start in range(0, lessons.wakes, lessons.chunk):
        carried = chunk(carried, keys[start : start + lessons.chunk])
        if progress is not None:
            progress(min(start + lessons.chunk, lessons.wakes) / lessons.wakes)
    return Taught(carried[2], carried[4])


def _evened(wanted: Any, mask: Any, even: float) -> Any:
    return (1 - even) * wanted + even * mask / jnp.sum(mask, -1, keepdims=True)


def _chosen(lesson: Lesson, seen: Seen, key: Any, strayed: float) -> Choice:
    """As the teacher does, some works and some sleeps drawn evenly."""
    keys = jax.random.split(key, 5)
    u = [jax.random.uniform(k, seen.mask.shape[:1]) for k in keys]

    def drawn(wanted: Any, mask: Any, stray: Any, at: Any) -> Any:
        scores = jnp.where((stray < strayed)[:, None], 0.0, jnp.log(wanted + 1e-9))
        return sample(scores, mask, at, jnp).astype(jnp.int32)

    return Choice(
        drawn(lesson.work, seen.mask, u[0], u[1]), drawn(lesson.sleep, seen.sleeps, u[2], u[3]), u[4]
    )


def _widened(old: Any, new: Any) -> Any:
    kept = old * RANGE_KEPT
    return jnp.stack([jnp.minimum(kept[:, 0], new[:, 0]), jnp.maximum(kept[:, 1], new[:, 1])], -1)
