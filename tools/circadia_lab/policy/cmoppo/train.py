"""C-MOPPO: from an environment, a configuration and a seed to a policy for every preference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.policy.cmoppo.course import Course
from circadia_lab.policy.cmoppo.extension import extend
from circadia_lab.policy.cmoppo.trained import Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Progress
    from circadia_lab.policy.env.interface import AnyEnvironment


def train(
    environment: AnyEnvironment,
    config: Config,
    seed: int,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Trained:
    """Both stages; the same environment, configuration, seed and machine give the same policy, resumed or not.

    `ArtifactError` for a `checkpoint` that cannot be gone on with, `TrainingDiverged` if a number is lost.
    """
    course = Course(environment, config, seed, checkpoint)
    if on_progress is not None:
        course.tell(on_progress)
    if resume:
        course.load()
    first_stage(course)
    extend(course)
    course.save()
    return outcome(course, seed)


def several(environment: AnyEnvironment, config: Config, seeds: Sequence[int]) -> list[Trained]:
    """One training after the other."""
    return [train(environment, config, seed) for seed in seeds]


def first_stage(course: Course) -> None:
    """PPO over the anchors, judged now and then from `judged_from` on."""
    trainer, config = course.trainer, course.trainer.config
    shares = np.linspace(config.judged_from, 1, config.judgements) if config.judgements > 1 else [1.0]
    due = {trainer.whole_reports(share * trainer.updates) for share in shares}
    while course.updates < trainer.updates:
        course.advance()
        if course.updates in due:
            course.consider(course.judge_now(stage=1))
        if course.updates // config.report_every % config.checkpoint_every == 0:
            course.save()


def outcome(course: Course, seed: int) -> Trained:
    """The best policy of the course."""
    trainer, best = course.trainer, course.best
    prices = trainer.prices(course.learner)
    return Trained(
        config=trainer.config,
        seed=seed,
        layers=trainer.actor.layers(best.parameters),
        parameters=best.parameters,
        ranges=best.ranges,
        multipliers=np.asarray(prices, np.float64),
        judged=course.judged(),
        history=tuple(course.history),
        steps=course.steps,
        seconds=course.clock.seconds,
        steps_per_s=course.clock.speed(course.steps),
    )
