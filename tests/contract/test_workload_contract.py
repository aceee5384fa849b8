from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from circadia.energy.profile_file import shipped_profile
from circadia.learning.examples import ExampleBuffer
from circadia.learning.personal import Personalisation
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import RequestQueue
from circadia.serving.server import Server
from circadia.testing.workload import WorkloadContract
from circadia.types import Model
from circadia.workload import LearningWorkload

if TYPE_CHECKING:
    from circadia.learning.task import Task


@cache
def digits() -> Task:
    return load_task("digits")


class TestLearning(WorkloadContract):
    def personalisation(self, _task: Task) -> Personalisation | None:
        return None

    def make(self) -> LearningWorkload:
        task, profile, ids = digits(), shipped_profile("pixel-3"), itertools.count()
        weights = task.initial_weights
        return LearningWorkload(
            task=task,
            model=Model(version=0, published_s=math.nan, base=weights, weights=weights),
            trainer=Trainer(task),
            server=Server(task),
            examples=ExampleBuffer(64, len(task.labels)),
            requests=RequestQueue(8),
            platform=SimulatedPlatform(profile, scenario_for(profile), seed=0),
            answered=AnsweredInputs(8),
            random=np.random.default_rng(0),
            new_id=lambda: f"{next(ids):032x}",
            personalisation=self.personalisation(task),
            clock=HandClock(),
        )


class TestPersonalised(TestLearning):
    def personalisation(self, task: Task) -> Personalisation | None:
        return Personalisation(task=task, trainer=Trainer(task), server=Server(task))
