"""Trains a fleet's logs again: as it was, each device by itself, and all data in one place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from circadia.federation.codecs import decode, encode
from circadia.learning.examples import ExampleBuffer
from circadia.workload import after_telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from circadia.federation.aggregate.records import Version
    from circadia.learning.task import Task
    from circadia.learning.trainer import Trainer
    from circadia_lab.fleet.demo.device_log import DeviceLog

    Weights = NDArray[np.float32]

CENTRAL_WINDOW_S = 600.0
"""The central model takes all steps of so much time in one go."""


@dataclass(slots=True, eq=False)
class WeightPath:
    """A device's weights over its day."""

    first: Weights
    t_s: list[float] = field(default_factory=list)
    weights: list[Weights] = field(default_factory=list)

    def put(self, t_s: float, weights: Weights) -> None:
        """From `t_s` on; times rise."""
        self.t_s.append(t_s)
        self.weights.append(weights)

    def end(self, t_s: float, weights: Weights) -> None:
        """The day ends at `t_s` with these; what came after it is forgotten."""
        before = bisect_left(self.t_s, t_s)
        del self.t_s[before:], self.weights[before:]
        self.put(t_s, weights)

    def at(self, t_s: float) -> Weights:
        """The weights that serve at that time."""
        before = bisect_right(self.t_s, t_s)
        return self.weights[before - 1] if before else self.first


def installed(log: DeviceLog, versions: Mapping[int, Version], task: Task, trainer: Trainer) -> WeightPath:
    """The weights that served, to rounding: the device's installs, trainings and pushes done again.

    install (G, v):  weights ← G + (weights − base), base ← G
    push:            as `circadia.workload.after_telling`, of what the quantised change unpacks to
    """
    path = WeightPath(task.initial_weights)
    weights = base = task.initial_weights
    version = 0
    trainings = {row.tick: row for row in log.trainings}
    pushes = {update.created_s for update in log.updates}
    for i, tick in enumerate(log.ticks):
        start = weights
        if tick.version != version:
            version = tick.version
            weights, base = versions[version].weights + (weights - base), versions[version].weights
        if i in trainings:
            weights, _ = trainer.train(weights, log.batches(trainings[i], task.input_shape))
        if tick.t_s in pushes:
            weights, base = after_telling(weights, base, decode(encode(weights - base), base.size))
        if weights is not start:
            path.put(tick.t_s, weights)
    return path


def alone(log: DeviceLog, task: Task, trainer: Trainer) -> Weights:
    """The same training steps from the task's initial weights, without a federation."""
    batches = [batch for row in log.trainings for batch in log.batches(row, task.input_shape)]
    return trainer.train(task.initial_weights, batches)[0] if batches else task.initial_weights


def centralised(
    logs: Sequence[DeviceLog], task: Task, trainer: Trainer, random: np.random.Generator
) -> Weights:
    """One model on all devices' examples: as many steps as all devices took, when they took them.

    It picks its batches by the devices' own rule, out of all examples that had arrived by then.
    """
    logs = [log for log in logs if len(log.examples.ids)]
    arrived_s = np.concatenate([log.examples.t_s for log in logs] or [np.empty(0)])
    order = np.argsort(arrived_s, kind="stable")
    weights, buffer = task.initial_weights, ExampleBuffer(max(len(order), 1), len(task.labels))
    if not len(order):
        return weights
    x = np.concatenate([log.examples.x for log in logs]).reshape(-1, *task.input_shape)
    y = np.concatenate([log.examples.labels for log in logs])
    for end_s, steps in _windows(logs):
        for row in order[len(buffer) :][arrived_s[order[len(buffer) :]] <= end_s]:
            buffer.add(int(row), x[row], int(y[row]), float(arrived_s[row]))
        ids = buffer.draw(steps, task.batch, random)
        weights, _ = trainer.train(weights, [(x[step[step >= 0]], y[step[step >= 0]]) for step in ids])
        buffer.mark_used(np.unique(ids[ids >= 0]).tolist())
    return weights


def _windows(logs: Sequence[DeviceLog]) -> Iterator[tuple[float, int]]:
    """(end, steps of all devices) of every window in which somebody trained."""
    steps: dict[int, int] = {}
    for log in logs:
        for row in log.trainings:
            window = int(log.ticks[row.tick].t_s // CENTRAL_WINDOW_S)
            steps[window] = steps.get(window, 0) + len(row.batches)
    for window in sorted(steps):
        yield (window + 1) * CENTRAL_WINDOW_S, steps[window]
