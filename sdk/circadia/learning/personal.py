"""The device's own answer: a second vector of weights beside the federation's, and how much of it an answer takes.

    train    v ← v − η ∇F(v) for so many of the action's batches, then v ← v + ρ (w − v)
    answer   w + α (v − w),  α out of `SHARES`
    choose   L(α) ← `FADE` · L(α) − log p(y | x; α) for each example before anything was trained on it
    trust    a = (L(0) / L(1) − 1) / (`ALONE` − 1) within 0 … 1:  ρ = `PULL` · (1 − a),
             batches: `OWN_STEPS` + a · (1 − `OWN_STEPS`) of them

w is what the federation knows: its newest version and the change that this device has not sent yet. It is neither read
from v nor moved by it, so what is sent and published is the same with and without.

The first line is Ditto (Li et al., "Ditto: Fair and Robust Federated Learning Through Personalization", ICML 2021), with
its proximal term as one step an action; the less w is worth to this device, the more v learns by itself. The second is
the interpolation of APFL (Deng, Kamani, Mahdavi, "Adaptive Personalized Federated Learning", 2020), whose α is chosen
by the third: examples are scored before they are learnt from, old scores fade ("prequential", Dawid 1984; faded as in
Gama, Sebastião, Rodrigues, "On evaluating stream learning algorithms", 2013).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError
from circadia.types import Personal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from circadia.learning.task import Task
    from circadia.learning.trainer import Trainer
    from circadia.serving.server import Server

    Weights = NDArray[np.float32]
    Rows = tuple[NDArray[np.float32], NDArray[np.int32]]

log = logging.getLogger(__name__)

SHARES = (0.0, 0.5, 1.0)
"""α that may be chosen: the federation's answer, half way, the device's own."""
UNSCORED = (0.0,) * len(SHARES)
FIRST_SHARE = 0.5
OWN_STEPS = 0.25
"""Of an action's training steps: so many more, as long as w answers no worse than v."""
PULL = 0.5
"""Of the way from v to w, once an action, as long as w answers no worse than v."""
ALONE = 3.0
"""Where w's loss is so many times v's, the federation is no help: v takes all of the steps, and is not drawn to w."""
FADE = 0.98
"""An example later, a score counts this much: about the last fifty decide."""
CLEARLY = 0.98
"""Another share is taken when its loss is below so much of the present one's: noise does not switch."""
MOST_SCORED = 64
"""Examples scored in one action, the newest."""
USUAL_WORK = 1.7
"""Training steps' worth of work for each step of an action, in the mean: measured 1.6 where devices have much in common, 1.8
where they have little (`tools/bench personal`)."""
LEAST_CHANCE = 1e-4
"""Of the true label, for the loss of a single example is not to decide by itself."""


class Personalisation:
    """Trains and scores one task's personal weights; keeps none."""

    def __init__(self, *, task: Task, trainer: Trainer, server: Server) -> None:
        self._task = task
        self._trainer = trainer
        self._server = server

    def learn(
        self,
        personal: Personal | None,
        *,
        before: Weights,
        after: Weights,
        batches: Sequence[Rows],
        unseen: Rows | None,
        enough: Callable[[], bool] = lambda: False,
    ) -> tuple[Personal, int]:
        """What a training action makes of it, and the work in training steps.

        `before` and `after`: w (parameters,) at the action's begin and end; `batches`: those that it was trained on, as
        in `Trainer.train`; `unseen`: those of their examples that nothing was trained on yet, oldest first, None for
        none. After the first step it ends when there was `enough`. Without `personal` it begins from `before`. Where the steps diverge it begins again from `after`.
        """
        if personal is None:
            personal = Personal(weights=before, share=FIRST_SHARE, losses=UNSCORED)
            unseen = None  # all shares are one and the same yet
        elif len(personal.losses) != len(SHARES):  # of a version that chose among others
            personal = replace(personal, losses=UNSCORED, scored=0.0)
        work = 0
        if unseen is not None:
            personal = self._scored(personal, before, unseen)
            work += _scoring_steps(len(unseen[1]), self._task.batch)
        alone = _alone(personal)
        steps = _own_steps(len(batches), alone)
        try:
            weights, _ = self._trainer.train(personal.weights, _until(enough, batches[:steps]))
        except ArtifactError as error:
            log.warning("this device's own weights begin again from the federation's: %s", error)
            return Personal(weights=after, share=0.0, losses=UNSCORED), work + steps
        weights = weights + np.float32(PULL * (1 - alone)) * (after - weights)
        return replace(personal, weights=weights), work + steps

    def _scored(self, personal: Personal, before: Weights, unseen: Rows) -> Personal:
        x, y = unseen[0][-MOST_SCORED:], unseen[1][-MOST_SCORED:]
        fading = FADE ** np.arange(len(y) - 1, -1, -1)
        faded = FADE ** len(y)
        losses = []
        for share, old in zip(SHARES, personal.losses, strict=True):
            mixed = replace(personal, share=share).mixed(before)
            chance = self._server.infer(mixed, x)[np.arange(len(y)), y]
            new = -np.log(np.maximum(chance.astype(np.float64), LEAST_CHANCE))
            losses.append(faded * old + float(fading @ new))
        return replace(
            personal,
            losses=tuple(losses),
            scored=faded * personal.scored + float(fading.sum()),
            share=_chosen(personal.share, losses),
        )


def most_steps(steps: int, batch: int) -> int:
    """An upper bound of the work that `learn` adds to an action of so many steps, at least one, of a task's `batch`."""
    return _own_steps(steps, 1.0) + _scoring_steps(MOST_SCORED, batch)


def _scoring_steps(rows: int, batch: int) -> int:
    """A row goes forwards under three shares, which is a third of training each: there and twice as much back."""
    return -(-min(rows, MOST_SCORED) // batch)


def _until(enough: Callable[[], bool], batches: Sequence[Rows]) -> Iterator[Rows]:
    for number, batch in enumerate(batches):
        if number and enough():
            return
        yield batch


def _alone(personal: Personal) -> float:
    """How little the federation helps this device, from 0 to 1."""
    w, v = personal.losses[0], personal.losses[-1]
    return min(max((w / v - 1) / (ALONE - 1), 0.0), 1.0) if v > 0 else float(w > 0)


def _own_steps(steps: int, alone: float) -> int:
    return max(1, round(steps * (OWN_STEPS + (1 - OWN_STEPS) * alone)))


def _chosen(present: float, losses: Sequence[float]) -> float:
    """The share with the least loss, if it is clearly less than the present one's."""
    best = int(np.argmin(losses))
    if present in SHARES and losses[best] >= CLEARLY * losses[SHARES.index(present)]:
        return present
    return SHARES[best]
