"""How well weights do at a time of the simulated day, through the task's real `evaluate` signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia_lab.data.day.result import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from circadia.learning.trainer import Trainer
    from circadia_lab.data.day.world import World

    Weights = NDArray[np.float32]


class Examiner:
    """Accuracy on the world's held-out sets; the same question is computed once."""

    def __init__(self, world: World, trainer: Trainer) -> None:
        self._world = world
        self._trainer = trainer
        self._sets: dict[tuple[int, int | None], tuple[NDArray[np.float32], NDArray[np.int32]]] = {}
        self._known: dict[tuple[int, int, int | None], tuple[Weights, float]] = {}

    def accuracy(self, weights: Weights, t_s: float, device: int | None = None) -> float:
        """Share of right answers on the common set of that time, or on a device's own."""
        phase = self._world.phase(t_s)
        key = (id(weights), phase, device)
        if key not in self._known:
            if (phase, device) not in self._sets:
                self._sets[phase, device] = self._world.held_out(t_s, device)
            found = self._trainer.evaluate(weights, *self._sets[phase, device]).accuracy
            self._known[key] = (weights, found)  # holding them keeps their id from being given away
        return self._known[key][1]

    def over_day(
        self, weights_at: Callable[[float], Weights], grid_s: list[float], device: int | None = None
    ) -> Series:
        """The accuracy of a device's weights at those times."""
        return Series(t_s=grid_s, value=[self.accuracy(weights_at(t_s), t_s, device) for t_s in grid_s])
