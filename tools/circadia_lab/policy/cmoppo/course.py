"""A training under way: what is carried from report to report, written down and picked up again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from circadia_lab.policy.cmoppo.actor import widths
from circadia_lab.policy.cmoppo.checkpoint import identity, read_checkpoint, write_checkpoint
from circadia_lab.policy.cmoppo.errors import TrainingDiverged
from circadia_lab.policy.cmoppo.history import Point, Progress, point
from circadia_lab.policy.cmoppo.judge import OBJECTIVE_COUNT, Judge, Kept
from circadia_lab.policy.cmoppo.update import Aim, Figures, Learner, Trainer, trainer_of
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.env.interface import AnyEnvironment

    Floats = NDArray[np.float64]

REFERENCE_MARGIN = 0.5
"""How far below the first policy's returns the hypervolume's reference lies, as a share of them."""


@dataclass
class Clock:
    """Wall time of a training, over its interruptions; the first report's goes to compiling."""

    before_s: float = 0.0
    started_s: float = field(default_factory=time.monotonic)
    first_steps: int = 0
    first_s: float = 0.0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.before_s + time.monotonic() - self.started_s

    def speed(self, steps: int) -> float:
        """Ticks a second since the first report."""
        return (steps - self.first_steps) / max(time.monotonic() - self.first_s, 1e-9)


class Course:
    """Mutable: the one object of a training that changes."""

    def __init__(
        self, environment: AnyEnvironment, config: Config, seed: int, checkpoint: Path | None
    ) -> None:
        self.trainer: Trainer = trainer_of(environment, config)
        self.judge = Judge(self.trainer, seed)
        self.learner: Learner = jax.jit(self.trainer.initial)(jax.random.PRNGKey(seed))
        nothing = np.zeros((len(ANCHORS), OBJECTIVE_COUNT + len(environment.limits)))
        self.best = Kept(self.learner.average, self.learner.ranges, nothing, np.asarray(-1, np.int32))
        self.reference: Floats | None = None
        self.history: list[Point] = []
        self.rounds = 0
        """Of stage 2 that are over."""
        self.clock = Clock()
        self._checkpoint = checkpoint
        self._identity = identity(environment.name, seed, config, widths(environment))
        self._on_progress: Callable[[Progress], None] = lambda _: None
        self._many = jax.jit(self._repeated)

    @property
    def updates(self) -> int:
        """That are done."""
        return int(self.learner.updates)

    @property
    def steps(self) -> int:
        """Ticks that are done."""
        return self.updates * self.trainer.steps_per_update

    def tell(self, on_progress: Callable[[Progress], None]) -> None:
        """Call it at every report from now on."""
        self._on_progress = on_progress

    def advance(self, aim: Aim | None = None, stage: int = 1) -> None:
        """As many updates as lie between reports; `TrainingDiverged` if a number is lost."""
        before = self.updates
        learner, figures = self._many(self.learner, aim)
        self._check(figures, before)
        self.learner = learner
        self._record(figures, stage)
        if self.clock.first_steps == 0:
            self.clock.first_steps, self.clock.first_s = self.steps, time.monotonic()
        self._on_progress(self._progress())

    def judge_now(self, stage: int) -> Kept:
        """Judge the averaged actor and write that down."""
        new = self.judge.kept(self.learner)
        self.history.append(self._point(new.gains, judged=True, stage=stage))
        return new

    def keep(self, new: Kept) -> None:
        """As the best so far."""
        self.best = new

    def consider(self, new: Kept) -> None:
        """Keep it if it is better."""
        if int(self.best.updates) < 0 or self.judge.better(new, self.best):
            self.keep(new)

    def judged(self) -> Point:
        """The best so far."""
        return self._point(np.asarray(self.best.gains, np.float64), judged=True, stage=1)

    def save(self) -> None:
        """Where a checkpoint was asked for."""
        if self._checkpoint is None:
            return
        notes = {
            "seconds": self.clock.seconds,
            "rounds": self.rounds,
            "reference": None if self.reference is None else self.reference.tolist(),
            "history": [p.as_dict() for p in self.history],
        }
        write_checkpoint(self._checkpoint, (self.learner, self.best), belongs_to=self._identity, notes=notes)

    def load(self) -> None:
        """Go on from the checkpoint; `ArtifactError` if that cannot be."""
        if self._checkpoint is None:
            return
        (self.learner, self.best), notes = read_checkpoint(
            self._checkpoint,
            (self.learner, self.best),
            belongs_to=self._identity,
            config=self.trainer.config,
        )
        self.rounds = notes["rounds"]
        self.reference = None if notes["reference"] is None else np.array(notes["reference"])
        self.history = [Point(**p) for p in notes["history"]]
        self.clock = Clock(before_s=notes["seconds"])

    def _repeated(self, learner: Learner, aim: Aim | None) -> tuple[Learner, Figures]:
        def one(learner: Learner, _: None) -> tuple[Learner, Figures]:
            return self.trainer.update(learner, aim)

        return jax.lax.scan(one, learner, None, length=self.trainer.config.report_every)

    def _check(self, figures: Figures, before: int) -> None:
        finite = np.asarray(figures.finite)
        if finite.all():
            return
        first = int(np.argmin(finite.all(-1)))
        lost = " and ".join(np.array(["loss", "parameters"])[~finite[first]])
        kept = f"; the last good checkpoint is {self._checkpoint}" if self._checkpoint else ""
        raise TrainingDiverged(
            f"training diverged at update {before + first + 1}: not finite: {lost}; "
            f"try a smaller actor_rate and critic_rate{kept}"
        )

    def _record(self, figures: Figures, stage: int) -> None:
        gains = np.asarray(figures.gains, np.float64)
        if self.reference is None:
            first = gains[0, :, :OBJECTIVE_COUNT].min(0)
            self.reference = first - REFERENCE_MARGIN * np.abs(first)
        prices = self.trainer.prices(self.learner)
        self.history.append(
            self._point(
                gains.mean(0),
                judged=False,
                stage=stage,
                entropy=float(np.mean(figures.entropy)),
                divergence=float(np.mean(figures.divergence)),
                explained=np.asarray(figures.explained, np.float64).mean(0).tolist(),
                multipliers=np.asarray(prices, np.float64).tolist(),
            )
        )

    def _point(self, gains: Floats, *, judged: bool, stage: int, **more: Any) -> Point:
        reference = np.full(OBJECTIVE_COUNT, -np.inf) if self.reference is None else self.reference
        return point(gains, reference, steps=self.steps, judged=judged, stage=stage, **more)

    def _progress(self) -> Progress:
        last = self.history[-1]
        return Progress(
            updates=self.updates,
            steps=self.steps,
            of=self.trainer.all_updates * self.trainer.steps_per_update,
            seconds=self.clock.seconds,
            steps_per_s=self.clock.speed(self.steps),
            utility=float(last.utility.mean()),
            worst_violation=last.worst - 1,
            feasible_share=last.feasible_share,
            hypervolume=last.hypervolume,
        )
