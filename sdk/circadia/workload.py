"""The work of an action: serves requests, trains the model, spools updates. Owned by the agent's thread.

`run` and `hear` compute without keeping anything; `settle` keeps it after the store has it, or forgets it.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import LOCAL_STEPS, SERVE_LIMIT
from circadia.errors import ArtifactError
from circadia.federation.codecs import POLL_BYTES, decode, encode
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged, UpdatesHeld
from circadia.federation.wire.messages import MOST_EXAMPLES
from circadia.observation import NO_DEADLINE_S
from circadia.serving.answers import served
from circadia.stopwatch import Stopwatch
from circadia.types import NAN, Load, Model, ModelUpdate, Outcome, Training, Units

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from circadia.federation.device.events import DeviceEvent
    from circadia.learning.examples import ExampleBuffer
    from circadia.learning.personal import Personalisation
    from circadia.learning.task import Task
    from circadia.learning.trainer import Trainer
    from circadia.ports import Clock, Platform
    from circadia.serving.feedback import AnsweredInputs
    from circadia.serving.queue import Request, RequestQueue
    from circadia.serving.server import Server
    from circadia.stopwatch import Moment
    from circadia.types import Action, Away, Served, Work

    Rows = tuple[NDArray[np.float32], NDArray[np.int32]]

log = logging.getLogger(__name__)

SPOOL_LIMIT = 8
"""Updates that may wait; beyond it, changes go on adding up in the weights instead. As many again may wait for a
version that the federation has gone back from."""
TAKEN = 0.5
"""Of a change that the federation is told, what stays in the device's own weights until the next version: as much as an
aggregator takes of one. Few examples make a change that overshoots (Zhang et al., "Lookahead Optimizer: k steps forward, 1
step back", NeurIPS 2019)."""


def after_telling(
    weights: NDArray[np.float32], base: NDArray[np.float32], told: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(parameters,) a device's weights, where its change starts, and what it told of that → the first two after it."""
    return weights - (1 - TAKEN) * told, base + TAKEN * told


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
        clock: Clock,
        wanted: Callable[[], bool] = lambda: False,
        tell: Callable[[Sequence[Served]], None] = lambda _: None,
        personalisation: Personalisation | None = None,
        spooled: Sequence[ModelUpdate] = (),
        lost: Sequence[Away] = (),
        held: bool = False,
    ) -> None:
        """`spooled`: updates without a verdict, `held` since an earlier run; `lost`: what was away and nobody brings back.

        On a body that measures, durations and latencies are what passes on `clock`, and training ends between two steps
        when a tick is `wanted`. `tell` hears of answers before a training in the same wake.
        """
        self.task = task
        self.model = model
        self.examples = examples
        self.requests = requests
        self.answered = answered
        self.spool: dict[str, ModelUpdate] = {update.update_id: update for update in spooled}
        self.known_version = model.version
        self._answering = (model, model.answering)
        self._trainer = trainer
        self._server = server
        self._platform = platform
        self._random = random
        self._new_id = new_id
        self._personalisation = personalisation
        self._clock = clock
        self._watch = None if platform.stopwatch is None else Stopwatch(clock, platform.stopwatch)
        self._wanted = wanted
        self._tell = tell
        self._at_once: Server | None = None
        self._lost = tuple(lost)
        self._late: list[int] = []
        """Requests whose deadline has passed, until a `run` that named them is settled."""
        self._open = Outcome()
        self._acknowledged = ""
        self._useless = -1
        """A version that came and gives no answers."""
        self._held = held
        """Whether the link holds updates back, so that a push sends nothing."""
        self._came_bytes = self._counted_bytes = 0
        """Of versions that were installed since the last `run` that was stored; those that the open one counts."""

    @property
    def version(self) -> int:
        """Of the installed model."""
        return self.model.version

    @property
    def answering(self) -> NDArray[np.float32]:
        """(parameters,) what serves: the model's weights, or the device's own share in them. Any thread may ask."""
        return self._present()[1]

    def _present(self) -> tuple[Model, NDArray[np.float32]]:
        """The model and what of it serves."""
        known, model = self._answering, self.model
        if known[0] is not model:
            known = self._answering = (model, model.answering)
        return known

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self.requests.length

    @property
    def busy(self) -> bool:
        """False: whatever is begun here is done within its tick."""
        return False

    @property
    def spooled(self) -> Collection[ModelUpdate]:
        """The updates that wait for a verdict, oldest first."""
        return self.spool.values()

    # What the observation takes from here

    def observe(self, now_s: float) -> dict[str, float]:
        """Queue, examples and model: the fields of `Observation` that the platform does not know."""
        model, requests, examples = self.model, self.requests, self.examples
        alive = requests.alive(now_s)
        return {
            "queue_length": float(alive),
            "queue_age_s": requests.age_s(now_s),
            "queue_slack_s": requests.slack_s(now_s) if alive else NO_DEADLINE_S,
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
        """Do it now. Errors of the task's model come out as they are, to be settled as not stored; nothing is kept yet."""
        self._counted_bytes = self._came_bytes
        self._open = outcome = self._run(action, now_s)
        return outcome

    def _run(self, action: Action, now_s: float) -> Outcome:
        self.late(now_s)
        expired = tuple(self._late)
        expired += tuple(request_id for work in self._lost for request_id in work.requests)
        back = tuple(work.work_id for work in self._lost)
        outcome, units = Outcome(expired=expired, back=back), Units()
        if action.serve:
            outcome = self._serve(action, action.serve, now_s, outcome)
        if action.train:
            self._open = Outcome(served=outcome.served)  # what is told is over, whatever training comes to
            self._tell(outcome.served)
            outcome, steps = self._train(action, action.train, now_s, outcome)
            units = units._replace(steps=steps)
        if action.push is not None:
            outcome = self._pushed(action.push, now_s, outcome)
        if self._watch:
            return outcome
        units = units._replace(answers=len(outcome.served))
        phases = self._platform.phases(action, units, self._sync_bytes(action, outcome.update))
        return dataclasses.replace(outcome, phases=phases)

    def _passed(self, load: Load, began: Moment | None, outcome: Outcome) -> Outcome:
        """With the phases of what has just been done, on a body that measures; the link does its work in a thread of its own."""
        if self._watch is None or began is None:
            return outcome
        return dataclasses.replace(outcome, phases=(*outcome.phases, *self._watch.since(began).phases(load)))

    def _begin(self) -> Moment | None:
        return self._watch.begin() if self._watch else None

    def _serve(self, action: Action, most: Work, now_s: float, outcome: Outcome) -> Outcome:
        began, requests = self._begin(), self.requests.waiting(SERVE_LIMIT[most], now_s)
        if not requests:
            return outcome
        probabilities = self._server.infer(self.answering, np.stack([request.x for request in requests]))
        outcome = self._passed(action.works[0].load, began, outcome)
        answered_s = self._clock.now_s() if self._watch else now_s + self._foretold_s(action, len(requests))
        answers = tuple(
            self._answer(request, row, answered_s)
            for request, row in zip(requests, probabilities, strict=True)
        )
        return dataclasses.replace(outcome, served=answers)

    def _foretold_s(self, action: Action, answers: int) -> float:
        """Until the requests are answered: what is pulled comes before that."""
        serving = dataclasses.replace(action, train=None, push=None)
        phases = self._platform.phases(serving, Units(answers=answers), self._sync_bytes(serving, None))
        return sum(phase.duration_s for phase in phases)

    def _answer(self, request: Request, row: NDArray[np.float32], answered_s: float) -> Served:
        return served(
            self.task.labels, request.request_id, row, answered_s - request.submitted_s, self.version
        )

    def _train(self, action: Action, most: Work, now_s: float, outcome: Outcome) -> tuple[Outcome, int]:
        """The outcome with the training, and its steps, personalisation's included."""
        began = self._begin()
        if not len(self.examples):
            return outcome, 0
        drawn = self.examples.draw(LOCAL_STEPS[most], self.task.batch, self._random)
        done: list[NDArray[np.int64]] = []
        rows: list[Rows] = []
        losses: list[float] = []
        batches_of = self._until_wanted(drawn, done, rows)
        weights, loss = self._trainer.train(self.model.weights, batches_of, losses)
        steps, batches = len(done), np.stack(done)
        trained = int((batches >= 0).sum())
        ids = np.unique(batches[batches >= 0])
        different = self.model.unsent_ids.union(ids.tolist())
        here = frozenset(i for i in different if i in self.examples)
        training = Training(
            steps=steps,
            examples=ids.size,
            loss=loss,
            batches=batches,
            weights=weights,
            gain=_gain(losses),
        )
        model = dataclasses.replace(
            self.model,
            weights=weights,
            unsent_examples=self.model.unsent_examples + trained,
            unsent_ids=here,
            unsent_left=self.model.unsent_left + len(different) - len(here),
            practice=self.model.practice.plus(trained, now_s),
        )
        model, more_steps = self._personalised(model, rows, ids)
        outcome = dataclasses.replace(outcome, training=training, model=model)
        return self._passed(action.works[-1].load, began, outcome), steps + more_steps

    def _personalised(
        self, model: Model, batches: Sequence[Rows], ids: NDArray[np.int64]
    ) -> tuple[Model, int]:
        """The model just trained with the device's own answer, and the work of that in training steps.

        None while somebody waits for a tick.
        """
        if self._personalisation is None or self._is_wanted():
            return model, 0
        unseen = self.examples.fresh_among(ids)
        personal, steps = self._personalisation.learn(
            model.personal,
            before=self.model.weights,
            after=model.weights,
            batches=batches,
            unseen=self.examples.rows(unseen) if unseen else None,
            enough=self._is_wanted,
        )
        return dataclasses.replace(model, personal=personal), steps

    def _is_wanted(self) -> bool:
        """Whether somebody waits for a tick. Foretold work takes no time that it could give back."""
        return self._watch is not None and self._wanted()

    def _until_wanted(
        self, drawn: NDArray[np.int64], done: list[NDArray[np.int64]], rows: list[Rows]
    ) -> Iterator[Rows]:
        """The batches' rows, until somebody waits for a tick; at least one."""
        for ids in drawn:
            if done and self._is_wanted():
                return
            done.append(ids)
            rows.append(self.examples.rows(ids[ids >= 0]))
            yield rows[-1]

    def _pushed(self, codec: str, now_s: float, outcome: Outcome) -> Outcome:
        """With the update that a push makes of what is unsent."""
        model, began = outcome.model or self.model, self._begin()
        if model.unsent_examples == 0 or self._spool_is_full:
            return outcome
        payload = encode(model.weights - model.base, codec)
        update = ModelUpdate(
            update_id=self._new_id(),
            task=self.task.digest,
            base_version=model.version,
            examples=min(max(model.unsent_different, 1), MOST_EXAMPLES),  # an old change may know of none
            codec=codec,
            payload=payload,
            created_s=now_s,
        )
        weights, base = after_telling(model.weights, model.base, decode(payload, model.base.size, codec))
        model = dataclasses.replace(_without_change(model), weights=weights, base=base)
        outcome = dataclasses.replace(outcome, update=update, model=model)
        return self._passed(Load.AWAKE, began, outcome)

    @property
    def _spool_is_full(self) -> bool:
        usable = sum(update.base_version <= self.model.version for update in self.spool.values())
        return usable >= SPOOL_LIMIT or len(self.spool) >= 2 * SPOOL_LIMIT

    def _sync_bytes(self, action: Action, update: ModelUpdate | None) -> int:
        """On the air: what was asked for, what came for it, ahead of the work or since, and what goes out."""
        down = (POLL_BYTES if action.pull else 0) + self._came_bytes
        if self._held:
            return down
        up = sum(len(waiting.payload) for waiting in self.spool.values()) if action.push else 0
        return down + up + (len(update.payload) if update else 0)

    # What the federation sends

    def hear(self, event: DeviceEvent, now_s: float) -> Model | None:
        """An event → the model to store for it, if it changes; `settle` says whether the store has it."""
        match event:
            case ManifestSeen():
                self._saw(event.version)
            case ModelArrived() if event.version != self.model.version:
                # A federation on another clock must not make the model younger than new.
                return self._arrived(event.version, min(event.published_s, now_s), event.weights)
            case UpdateAcknowledged():
                self._acknowledged = event.update_id
            case UpdatesHeld():
                self._held = bool(event.reason)
        return None

    def _saw(self, version: int) -> None:
        """The aggregator's newest version; it is older than the last one when the federation has gone back."""
        if version == self._useless:
            return
        self._useless = -1
        if version < self.known_version:
            log.warning(
                "federation: it has gone back from version %d to %d, and so does this device",
                self.known_version,
                version,
            )
        self.known_version = version

    def _arrived(self, version: int, published_s: float, weights: NDArray[np.float32]) -> Model | None:
        try:
            model = self._on_version(version, published_s, weights)
        except ArtifactError as error:
            log.warning("federation: version %d is not installed: %s", version, error)
            self.known_version, self._useless = self.model.version, version  # there is nothing to fetch
            return None
        self._open = Outcome(model=model)
        return model

    def _on_version(self, version: int, published_s: float, weights: NDArray[np.float32]) -> Model:
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
            return self._answerable(_without_change(model))
        return self._answerable(dataclasses.replace(model, weights=own))

    def _answerable(self, model: Model) -> Model:
        """Without what the device has for its own answers where that, with these weights, gives none."""
        if model.personal is None:
            return model
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self._try(model.answering)
        except ArtifactError as error:
            log.warning(
                "this device's own answers do not go with version %d and begin anew: %s", model.version, error
            )
            return dataclasses.replace(model, personal=None)
        return model

    def _try(self, weights: NDArray[np.float32]) -> None:
        if not np.isfinite(weights).all():
            raise ArtifactError(f"task {self.task.name}: the weights hold NaN or infinity")
        self._server.infer(
            weights, np.stack([np.zeros(self.task.input_shape), np.ones(self.task.input_shape)])
        )

    # What the application sends

    def ask(self, request: Request) -> None:
        """It waits from now on; `CircadiaError` when too many wait already."""
        self.requests.put(request)

    def late(self, now_s: float) -> Sequence[int]:
        """Requests whose deadline has passed since the last call: they wait no longer, and the next `run` names them."""
        late = [request.request_id for request in self.requests.expired(now_s)]
        self.requests.remove(late)
        self._late += late
        return late

    def infer(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """(…) of the task's input shape → probabilities (classes,), by the present model; from any thread, one at a time.

        Shares nothing that changes with the agent's thread: it has an interpreter of its own, and a model is replaced whole.
        """
        if self._at_once is None:
            self._at_once = self._server.twin()
        model, weights = self._present()
        return self._at_once.infer(weights, x[None])[0], model.version

    def remember(self, request_id: int, x: NDArray[np.float32], t_s: float) -> None:
        """What `infer` answered: `recall` finds it."""
        self.answered.remember(request_id, x, t_s)

    def recall(self, request_id: int) -> NDArray[np.float32] | None:
        """The input of a request that was answered, once; None if it was not, or is long ago."""
        return self.answered.label(request_id)

    def learn(self, example_id: int, x: NDArray[np.float32], label: int, t_s: float) -> Sequence[int]:
        """An example that the store has joins the buffer → the ids of those that had to leave it."""
        return self.examples.add(example_id, x, label, t_s)

    # After the store's word

    def settle(self, *, stored: bool) -> None:
        """What the last `run` or `hear` came to is the present state; or forgotten, but for the answers."""
        outcome, self._open = self._open, Outcome()
        acknowledged, self._acknowledged = self._acknowledged, ""
        counted, self._counted_bytes = self._counted_bytes, 0
        if stored:
            self._came_bytes -= counted
            self._keep(outcome)
            self.spool.pop(acknowledged, None)
        for request, answer in self._served(outcome):
            self.answered.remember(answer.request_id, request.x, request.submitted_s + answer.latency_s)
        self.requests.remove([answer.request_id for answer in outcome.served])
        told = set(outcome.expired)
        self._late = [request_id for request_id in self._late if request_id not in told]

    def _keep(self, outcome: Outcome) -> None:
        if outcome.model is not None:
            if outcome.model.version != self.version:
                self.known_version = max(self.known_version, outcome.model.version)
                self._came_bytes += outcome.model.weights.nbytes
            self.model = outcome.model
        if outcome.update is not None:
            self.spool[outcome.update.update_id] = outcome.update
        if outcome.training is not None:
            batches = outcome.training.batches
            self.examples.mark_used(np.unique(batches[batches >= 0]).tolist())
        if outcome.back:
            self._lost = ()

    def _served(self, outcome: Outcome) -> list[tuple[Request, Served]]:
        return [(self.requests.get(answer.request_id), answer) for answer in outcome.served]


def _gain(losses: Sequence[float]) -> float:
    """See `Training.gain`."""
    half = len(losses) // 2
    if not half or not (before := sum(losses[:half]) / half) > 0:
        return NAN
    return min(max(1 - sum(losses[-half:]) / half / before, -1.0), 1.0)


def _without_change(model: Model) -> Model:
    """Nothing is unsent."""
    return dataclasses.replace(model, unsent_examples=0, unsent_ids=frozenset(), unsent_left=0)
