"""The work of an action: serves requests, trains the model, spools updates. Owned by the agent's thread.

`run` computes without keeping anything; `adopt` keeps it after the store has it, `abandon` when the store refused.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import LOCAL_STEPS, SERVE_LIMIT
from circadia.errors import ArtifactError
from circadia.federation.codecs import decode, encode
from circadia.observation import NO_DEADLINE_S
from circadia.types import Mode, Model, ModelUpdate, Outcome, Served, Training

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.learning.examples import ExampleBuffer
    from circadia.learning.task import Task
    from circadia.learning.trainer import Trainer
    from circadia.ports import Platform
    from circadia.serving.feedback import AnsweredInputs
    from circadia.serving.queue import Request, RequestQueue
    from circadia.serving.server import Server
    from circadia.types import Action

log = logging.getLogger(__name__)

SPOOL_LIMIT = 8
"""Updates that may wait; beyond it, changes go on adding up in the weights instead. As many again may wait for a
version that the federation has gone back from."""


class LearningWorkload:
    """Serving, training and the spool around one task's weights."""

    def __init__(
        self,
        *,
        task: Task,
        model: Model,
        trainer: Trainer,
        server: Server,
        examples: ExampleBuffer,
        requests: RequestQueue,
        platform: Platform,
        answered: AnsweredInputs,
        random: np.random.Generator,
        new_id: Callable[[], str],
        spooled: Sequence[ModelUpdate] = (),
    ) -> None:
        self.task = task
        self.model = model
        self.examples = examples
        self.requests = requests
        self.answered = answered
        self.spool: dict[str, ModelUpdate] = {update.update_id: update for update in spooled}
        self.known_version = model.version
        self._trainer = trainer
        self._server = server
        self._platform = platform
        self._random = random
        self._new_id = new_id

    # What the observation takes from here

    def observe(self, now_s: float) -> dict[str, float]:
        """Queue, examples and model: the fields of `Observation` that the platform does not know."""
        model, requests, examples = self.model, self.requests, self.examples
        return {
            "queue_length": float(requests.length),
            "queue_age_s": requests.age_s(now_s) if requests.length else 0.0,
            "queue_slack_s": max(requests.slack_s(now_s), 0.0) if requests.length else NO_DEADLINE_S,
            "fresh_examples": float(examples.fresh_count),
            "fresh_age_s": examples.fresh_age_s(now_s) if examples.fresh_count else 0.0,
            "unsent_examples": float(model.unsent_examples),
            "practice": model.practice.at(now_s),
            "spooled_updates": float(len(self.spool)),
            "versions_behind": float(self._versions_behind),
            "model_age_s": max(now_s - model.published_s, 0.0),
        }

    @property
    def _versions_behind(self) -> int:
        """1 when the federation has gone back to an older version: that one is to be fetched."""
        ahead = self.known_version - self.model.version
        return ahead if ahead >= 0 else 1

    # The work of an action

    def run(self, action: Action, now_s: float) -> Outcome:
        """Do it now. Errors of the task's model come out as they are; nothing is kept yet."""
        expired = tuple(request.request_id for request in self.requests.expired(now_s))
        if action.mode is Mode.SERVE:
            return self._serve(action, now_s, expired)
        if action.mode is Mode.TRAIN:
            return self._train(action, now_s, expired)
        return self._finish(action, now_s, Outcome(expired=expired), units=0)

    def _serve(self, action: Action, now_s: float, expired: tuple[int, ...]) -> Outcome:
        requests = self.requests.waiting(SERVE_LIMIT[action.work], now_s)
        if not requests:
            return self._finish(action, now_s, Outcome(expired=expired), units=0)
        probabilities = self._server.infer(self.model.weights, np.stack([request.x for request in requests]))
        done = self._finish(action, now_s, Outcome(expired=expired), units=len(requests))
        answered_s = now_s + sum(phase.duration_s for phase in done.phases)
        served = tuple(
            self._answer(request, row, answered_s)
            for request, row in zip(requests, probabilities, strict=True)
        )
        return dataclasses.replace(done, served=served)

    def _answer(self, request: Request, row: NDArray[np.float32], answered_s: float) -> Served:
        label = int(np.argmax(row))
        return Served(
            request_id=request.request_id,
            label=label,
            confidence=float(row[label]),
            latency_s=answered_s - request.submitted_s,
            version=self.model.version,
        )

    def _train(self, action: Action, now_s: float, expired: tuple[int, ...]) -> Outcome:
        if not len(self.examples):
            return self._finish(action, now_s, Outcome(expired=expired), units=0)
        steps = LOCAL_STEPS[action.work]
        batches = self.examples.draw(steps, self.task.batch, self._random)
        rows = [self.examples.rows(ids[ids >= 0]) for ids in batches]
        weights, loss = self._trainer.train(self.model.weights, rows)
        trained = int((batches >= 0).sum())
        training = Training(
            steps=steps,
            examples=np.unique(batches[batches >= 0]).size,
            loss=loss,
            batches=batches,
            weights=weights,
        )
        model = dataclasses.replace(
            self.model,
            weights=weights,
            unsent_examples=self.model.unsent_examples + trained,
            practice=self.model.practice.plus(trained, now_s),
        )
        outcome = Outcome(expired=expired, training=training, model=model)
        return self._finish(action, now_s, outcome, units=steps)

    def _finish(self, action: Action, now_s: float, outcome: Outcome, *, units: int) -> Outcome:
        """Add the update that a push makes, and the phases."""
        if action.push is not None:
            outcome = self._push(outcome, now_s, action.push)
        phases = self._platform.phases(action, units, self._sync_bytes(action, outcome.update))
        return dataclasses.replace(outcome, phases=phases)

    def _push(self, outcome: Outcome, now_s: float, codec: str) -> Outcome:
        model = outcome.model or self.model
        if model.unsent_examples == 0 or self._spool_is_full:
            return outcome
        payload = encode(model.weights - model.base, codec)
        update = ModelUpdate(
            update_id=self._new_id(),
            task=self.task.digest,
            base_version=model.version,
            examples=model.unsent_examples,
            codec=codec,
            payload=payload,
            created_s=now_s,
        )
        base = model.base + decode(payload, model.base.size, codec)
        return dataclasses.replace(
            outcome, update=update, model=dataclasses.replace(model, base=base, unsent_examples=0)
        )

    @property
    def _spool_is_full(self) -> bool:
        usable = sum(update.base_version <= self.model.version for update in self.spool.values())
        return usable >= SPOOL_LIMIT or len(self.spool) >= 2 * SPOOL_LIMIT

    def _sync_bytes(self, action: Action, update: ModelUpdate | None) -> int:
        up = sum(len(waiting.payload) for waiting in self.spool.values()) if action.push else 0
        up += len(update.payload) if update else 0
        behind = action.pull and self._versions_behind > 0
        return up + (self.model.weights.nbytes if behind else 0)

    # After the store's word

    def adopt(self, outcome: Outcome) -> None:
        """The store has it: make it the present state."""
        if outcome.model is not None:
            self.model = outcome.model
        if outcome.update is not None:
            self.spool[outcome.update.update_id] = outcome.update
        if outcome.training is not None:
            batches = outcome.training.batches
            self.examples.mark_used(np.unique(batches[batches >= 0]).tolist())
        self.abandon(outcome)

    def abandon(self, outcome: Outcome) -> None:
        """The store refused it: the training is forgotten, the requests are answered all the same."""
        for request, served in self._served(outcome):
            self.answered.remember(served.request_id, request.x, request.submitted_s + served.latency_s)
        self.requests.remove([served.request_id for served in outcome.served])
        self.requests.remove(outcome.expired)

    def _served(self, outcome: Outcome) -> list[tuple[Request, Served]]:
        return [(self.requests.get(served.request_id), served) for served in outcome.served]

    # What the federation sends

    def saw_version(self, version: int) -> None:
        """The aggregator's newest version; it is older than the last one when the federation has gone back."""
        self.known_version = version

    def with_version(self, version: int, published_s: float, weights: NDArray[np.float32]) -> Model:
        """The model after installing a version: the unsent change is carried over onto it, where that gives answers.

        `ArtifactError` for weights that are not finite or answer NaN: they come from outside and are not installed.
        """
        self._try(weights)
        model = dataclasses.replace(
            self.model, version=version, published_s=published_s, base=weights, weights=weights
        )
        with np.errstate(over="ignore", invalid="ignore"):
            own = weights + (self.model.weights - self.model.base)
        try:
            self._try(own)
        except ArtifactError as error:
            log.warning(
                "this device's own change does not go with version %d and is lost: %s", version, error
            )
            return dataclasses.replace(model, unsent_examples=0)
        return dataclasses.replace(model, weights=own)

    def _try(self, weights: NDArray[np.float32]) -> None:
        if not np.isfinite(weights).all():
            raise ArtifactError(f"task {self.task.name}: the weights hold NaN or infinity")
        self._server.infer(
            weights, np.stack([np.zeros(self.task.input_shape), np.ones(self.task.input_shape)])
        )

    def install(self, model: Model) -> None:
        """Serve and train from it from now on."""
        self.model = model
        self.known_version = max(self.known_version, model.version)

    def forget_update(self, update_id: str) -> None:
        """An acknowledged update leaves the spool."""
        self.spool.pop(update_id, None)
