"""The `Policy` port over a policy file's int8 network."""

from __future__ import annotations

import logging
import math
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, facts_of
from circadia.due import DUE, due_for
from circadia.idle import Stock, lacking_now
from circadia.observation import Encoder, Selection
from circadia.policy.due_rule import PLACES
from circadia.policy.folding import folding_of
from circadia.policy.inference import Int8Network
from circadia.policy.prior import PriorOfOne
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.policy.sleeps import SleepOptions
    from circadia.ports import OpenModel
    from circadia.types import Action

    Gathered = list[tuple[int, Callable[[bytes], tuple[int, ...]]]]


log = logging.getLogger(__name__)


class NetworkPolicy:
    """Scores the actions that its file and this version know; one thread at a time.

    Its file may be of another version: features are matched by name and unit. What the file has and this version does not
    observe reaches the network as an absent sensor does.
    """

    def __init__(
        self,
        artifact: Artifact,
        open_model: OpenModel = open_interpreter,
        catalogue: Sequence[Action] = CATALOGUE,
    ) -> None:
        """Its scores and what it offers are in the order of `catalogue`."""
        manifest = artifact.manifest
        places = {action.name: i for i, action in enumerate(catalogue)}
        self.name = artifact.name
        self.remarks = tuple(artifact.remarks())
        """What is to be said about a file that was made for another version."""
        level = logging.WARNING if artifact.absent or artifact.unknown else logging.INFO
        for remark in self.remarks:
            log.log(level, "policy %s was made for another version of Circadia: %s", artifact.name, remark)
        self._select, self._encode = Selection(manifest.table), Encoder(manifest.table)
        head = manifest.sleeps
        self._network = Int8Network(artifact.model, artifact.name, open_model, sleeps=head is not None)
        self.sleeps: SleepOptions | None = None if head is None else head.options
        """What its sleep is chosen from; None of a file of format 1."""
        self._due = DUE if head is None else head.due
        self._sleep_score = (
            _looked_up(1.0, 0) if head is None else _looked_up(head.output_scale, head.output_zero_point)
        )
        self._prior = None if manifest.prior is None else PriorOfOne(manifest.prior)
        self._scored = b""
        """The observation whose scores the network holds."""
        outputs = {places[name]: i for i, name in enumerate(manifest.actions) if name in places}
        self._places, order = np.array(list(outputs)), np.array(list(outputs.values()))
        self._order = None if manifest.actions == tuple(places) else order
        """None: its outputs are the catalogue."""
        known = self._places if self._prior is not None else ()
        self._by_name = np.array([PLACES[catalogue[place].name] for place in known], int)
        """Where the prior, if there is one, has what `_places` has."""
        self.offered = np.zeros(len(catalogue), bool)
        self.offered[self._places] = True
        self.offered.flags.writeable = False
        self._score = _looked_up(manifest.output_scale, manifest.output_zero_point)
        self._unoffered = np.full(len(catalogue), -np.inf, np.float32)
        self._gathered: dict[Stock, Gathered] = {}
        """Of a file from before idle actions were masked: by what lacks, where to put the weight of which outputs."""
        self._highest = float(self._score.max())
        self._weight = np.exp(self._score.astype(np.float64) - self._highest).tolist()
        if not manifest.idle_masked:
            self._gathered = {
                lack: [
                    (target, itemgetter(*map(outputs.__getitem__, members))) for target, members in gathered
                ]
                for lack, gathered in folding_of(facts_of(catalogue), self.offered).cases.items()
            }

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (actions,): scale · (q − zero point), −inf where not offered.

        From a file that was trained to sleep by other names, sleeping has their weight (`circadia.policy.folding`).
        """
        answer = self._network(self._encode(self._select(x))).view(np.uint8)
        if self.sleeps is not None:
            self._scored = x.tobytes()
        scores: NDArray[np.float32]
        if self._order is None:
            scores = self._score[answer]
        else:
            scores = self._unoffered.copy()
            scores[self._places] = self._score[answer[self._order]]
        if self._gathered:
            self._fold(scores, answer.tobytes(), x)
        if self._prior is None:
            return scores
        if self._order is None:
            return scores + self._prior.work(x)
        scores[self._places] += self._prior.work(x)[self._by_name]
        return scores

    def sleep_scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (options of `sleeps`,). After `scores` of the same values the network need not be asked again."""
        if x.tobytes() != self._scored:
            self._network(self._encode(self._select(x)))
            self._scored = x.tobytes()
        scores: NDArray[np.float32] = self._sleep_score[self._network.second().view(np.uint8)]
        return scores if self._prior is None else scores + self._prior.sleep(x)

    def due_s(self, x: NDArray[np.float32], action: Action) -> tuple[float, ...]:
        """Seconds until something is due after that action, for each kind of sleep in `sleeps`."""
        if self._prior is not None:
            return self._prior.due_s(x, PLACES[action.name])
        kinds = () if self.sleeps is None else self.sleeps.wake_on
        return due_for(x, action, kinds, self._due)

    def _fold(self, scores: NDArray[np.float32], answer: bytes, x: NDArray[np.float32]) -> None:
        """On plain numbers: calls into NumPy would cost more than the arithmetic."""
        for target, members in self._gathered[lacking_now(x)]:
            total = sum(map(self._weight.__getitem__, members(answer)))
            scores[target] = self._highest + math.log(total) if total else -math.inf


def _looked_up(scale: float, zero_point: int) -> NDArray[np.float32]:
    """(256,) scores by the output's bytes as unsigned numbers: one look-up instead of a cast, a difference and a product."""
    scores: NDArray[np.float32] = np.roll(
        (np.arange(-128, 128) - zero_point) * np.float32(scale), 128
    ).astype(np.float32)
    return scores
