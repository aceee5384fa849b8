"""A folder of trainings, one for each arm and seed; nothing is trained twice.

coupled         one network decides about serving and training
separate        two networks, each blind to the other's backlog
unconstrained   one network, costs without a price

and, to tell what each part of the trainer is worth, one network trained without it:

one-limit-for-all   limits held on average over the kinds of device
no-margin           costs steered to their limits themselves
no-annealing        costs steered below their limits from the start
one-try             no second action tried under the same chance
one-stage           no extension of the front
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from circadia.errors import ArtifactError, ConfigError
from circadia_lab.policy.cmoppo.config import VERSION
from circadia_lab.policy.study.digest import digest
from circadia_lab.policy.study.ground import BATCH
from circadia_lab.policy.study.training_file import Training, read_training, write_training

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.cmoppo.history import Progress
    from circadia_lab.policy.cmoppo.trained import Trained
    from circadia_lab.policy.study.ground import Ground

ARMS = ("coupled", "separate", "unconstrained")
ABLATIONS: Mapping[str, Callable[[Config], Config]] = {
    "one-limit-for-all": lambda config: replace(config, by_kind=False),
    "no-margin": lambda config: replace(config, target=1.0, target_first=1.0),
    "no-annealing": lambda config: replace(config, target_first=config.target),
    "one-try": lambda config: replace(config, tried=1, explored=0),
    "one-stage": lambda config: replace(config, extension_share=0.0, extension_rounds=0),
}
"""What each leaves out."""


class Study:
    """Trainings on one ground under one configuration."""

    def __init__(self, folder: Path, ground: Ground, config: Config, *, batch: int = BATCH) -> None:
        """`batch`: devices at least."""
        self.folder = folder
        self.ground = ground
        self.config = config
        self.batch = ground.batch(batch, config.minibatches)

    def config_of(self, arm: str) -> Config:
        """`ConfigError` for an arm that there is not."""
        match arm:
            case "coupled":
                return replace(self.config, architecture="coupled", constrained=True)
            case "separate":
                return replace(self.config, architecture="separate", constrained=True)
            case "unconstrained":
                return replace(self.config, architecture="coupled", constrained=False)
        if arm in ABLATIONS:
            return ABLATIONS[arm](self.config)
        raise ConfigError(f"no arm {arm!r}; there are {', '.join((*ARMS, *ABLATIONS))}")

    def path(self, arm: str, seed: int) -> Path:
        """Of that training; the name changes with trainer, problem and configuration."""
        key = digest([VERSION, self.ground.digest, self.config_of(arm).as_dict(), self.batch])
        return self.folder / f"{self.ground.name}-{arm}-{seed}-{key}.npz"

    def missing(self, arm: str, seed: int) -> bool:
        """Whether it has to be trained."""
        return not self.path(arm, seed).exists()

    def trained(
        self, arm: str, seed: int, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Training:
        """Load it, or train it, going on from a checkpoint that an interruption left, and write it."""
        path = self.path(arm, seed)
        if path.exists():
            return read_training(path)
        self.folder.mkdir(parents=True, exist_ok=True)
        found = self._train(arm, seed, path.with_suffix(".checkpoint.npz"), on_progress)
        training = training_of(found, self.ground, arm, self.batch)
        write_training(path, training)
        path.with_suffix(".checkpoint.npz").unlink(missing_ok=True)
        return training

    def _train(
        self, arm: str, seed: int, checkpoint: Path, on_progress: Callable[[Progress], None] | None
    ) -> Trained:
        from circadia_lab.policy.cmoppo.train import train

        environment, config = self.ground.environment(self.batch), self.config_of(arm)
        if checkpoint.exists():
            try:
                return train(
                    environment, config, seed, on_progress=on_progress, checkpoint=checkpoint, resume=True
                )
            except ArtifactError:
                checkpoint.unlink()  # of another version: the path's name fixes problem, seed and configuration
        return train(environment, config, seed, on_progress=on_progress, checkpoint=checkpoint)


def training_of(found: Trained, ground: Ground, arm: str, batch: int) -> Training:
    """What is written of it."""
    return Training(
        layers=found.layers,
        multipliers=found.multipliers,
        problem=ground.name,
        problem_digest=ground.digest,
        arm=arm,
        seed=found.seed,
        batch=batch,
        config=found.config.as_dict(),
        steps=found.steps,
        seconds=found.seconds,
        steps_per_s=found.steps_per_s,
        judged=found.judged.as_dict(),
        history=tuple(point.as_dict() for point in found.history),
    )
