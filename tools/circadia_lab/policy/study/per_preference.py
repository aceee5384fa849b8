"""The rival that knows one preference each: PPO-Lagrangian, one network a preference, all of them at the ticks of ours.

The trainer is ours but for what many preferences ask for: every device of a network has its preference, nothing extends a
front, nothing is judged, the last running average is what comes out. The networks are trained side by side, each on its own
devices; their ticks together are those of the one network for all preferences.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.writing import whole_file
from circadia_lab.policy.cmoppo.config import VERSION
from circadia_lab.policy.cmoppo.crowd import Crowd
from circadia_lab.policy.cmoppo.errors import TrainingDiverged
from circadia_lab.policy.cmoppo.update import trainer_of
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.files.int8_network import float_scores
from circadia_lab.policy.study.digest import digest
from circadia_lab.policy.study.distil import Averages, exact
from circadia_lab.policy.study.ground import GridGround

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.update import Learner, Trainer
    from circadia_lab.policy.files.policy_file import FloatLayer
    from circadia_lab.policy.study.ground import Ground
    from circadia_lab.policy.study.study import Study

    Floats = NDArray[np.float64]


class PerPreference(NamedTuple):
    """What came of it."""

    layers: tuple[tuple[FloatLayer, ...], ...]
    """Of each preference's network, in floats."""
    steps: int
    """Ticks of all of them together."""


def per_preference(
    ground: Ground,
    config: Config,
    seed: int,
    preferences: Floats,
    *,
    batch: int,
    progress: Callable[[float], None] | None = None,
) -> PerPreference:
    """(P, objectives) preferences → P networks, on `batch` devices and `config.steps` ticks in all, or just below.

    `TrainingDiverged` if a number is lost.
    """
    import jax
    import jax.numpy as jnp

    trainer = _trainer(ground, config, len(preferences), batch)
    corners = jnp.asarray(preferences, jnp.float32)
    keys = jax.random.split(jax.random.PRNGKey(seed), len(preferences))
    learners = jax.jit(jax.vmap(lambda corner, key: _of(trainer, corner).initial(key)))(corners, keys)

    @jax.jit
    def many(learners: Learner) -> tuple[Learner, Any]:
        def one(learner: Learner, corner: Any) -> tuple[Learner, Any]:
            learner, figures = _of(trainer, corner).update(learner)
            return learner, figures.finite.all()

        return jax.lax.scan(
            lambda now, _: jax.vmap(one)(now, corners), learners, None, length=trainer.config.report_every
        )

    for done in range(0, trainer.updates, trainer.config.report_every):
        learners, finite = many(learners)
        if not np.asarray(finite).all():
            raise TrainingDiverged(
                f"training of one network for each preference diverged by update {done + trainer.config.report_every}: "
                "not finite; try a smaller actor_rate and critic_rate"
            )
        if progress is not None:
            progress((done + trainer.config.report_every) / trainer.updates)
    averages = jax.tree.map(np.asarray, learners.average)
    each = [jax.tree.map(lambda x, i=i: x[i], averages) for i in range(len(preferences))]
    return PerPreference(
        tuple(trainer.actor.layers(parameters)["actor"] for parameters in each),
        trainer.updates * trainer.steps_per_update * len(preferences),
    )


def exact_alone(study: Study, seed: int, progress: Callable[[float], None] | None = None) -> Averages:
    """Its networks, in floats, evaluated exactly under their preferences; kept in the study's folder, trained once."""
    ground = study.ground
    if not isinstance(ground, GridGround):
        raise ConfigError("networks of one preference each are evaluated exactly; that takes a grid")
    config = study.config_of("coupled")
    key = digest([VERSION, ground.digest, config.as_dict(), study.batch, ANCHORS])
    path = study.folder / f"{ground.name}-per-preference-{seed}-{key}.npz"
    if not path.exists():
        found = per_preference(ground, config, seed, ANCHORS, batch=study.batch, progress=progress)
        rows = [
            exact(ground.grid, float_scores(layers), preference[None])
            for layers, preference in zip(found.layers, ANCHORS, strict=True)
        ]
        study.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            np.savez(
                file, returns=np.vstack([r.returns for r in rows]), costs=np.vstack([r.costs for r in rows])
            )
    with np.load(path, allow_pickle=False) as kept:
        return Averages(kept["returns"], kept["costs"])


def _trainer(ground: Ground, config: Config, count: int, batch: int) -> Trainer:
    """Of one network among `count`."""
    devices = math.floor(batch / count / config.minibatches) * config.minibatches
    own = replace(
        config, steps=config.steps // count, free_share=0.0, extension_share=0.0, extension_rounds=0
    )
    environment = ground.environment(ground.batch(max(devices, config.minibatches), config.minibatches))
    return trainer_of(environment, own, Crowd(environment.batch, environment.batch, ANCHORS[:1]))


def _of(trainer: Trainer, corner: Any) -> Trainer:
    """All of its devices at that preference."""
    return replace(trainer, crowd=trainer.crowd._replace(corners=corner[None]))
