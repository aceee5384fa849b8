"""The `Policy` port over a policy file's int8 network."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, facts_of
from circadia.idle import STOCK, Stock, lacking
from circadia.observation import encode
from circadia.policy.folding import folding_of
from circadia.policy.inference import Int8Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.types import Action

    Gathered = list[tuple[int, Callable[[bytes], tuple[int, ...]]]]


class NetworkPolicy:
    """Scores the actions that its file knows; one thread at a time."""

    def __init__(self, artifact: Artifact, catalogue: Sequence[Action] = CATALOGUE) -> None:
        """Its scores and what it offers are in the order of `catalogue`, which has all the file's actions."""
        manifest = artifact.manifest
        places = {action.name: i for i, action in enumerate(catalogue)}
        self.name = artifact.name
        self._network = Int8Network(artifact.model, artifact.name)
        self._places = np.array([places[name] for name in manifest.actions])
        self.offered = np.zeros(len(catalogue), bool)
        self.offered[self._places] = True
        self.offered.flags.writeable = False
        steps = np.arange(-128, 128) - manifest.output_zero_point
        # Indexed by the output's bytes as unsigned numbers: one look-up instead of a cast, a difference and a product.
        self._score = np.roll(steps * np.float32(manifest.output_scale), 128).astype(np.float32)
        self._unoffered = np.full(len(catalogue), -np.inf, np.float32)
        self._gathered: dict[Stock, Gathered] = {}
        """Of a file from before idle actions were masked: by what lacks, where to put the weight of which outputs."""
        self._highest = float(self._score.max())
        self._weight = np.exp(self._score.astype(np.float64) - self._highest).tolist()
        if not manifest.idle_masked:
            outputs = {place: i for i, place in enumerate(self._places.tolist())}
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
        answer = self._network(encode(x)).view(np.uint8)
        scores = self._unoffered.copy()
        scores[self._places] = self._score[answer]
        if self._gathered:
            self._fold(scores, answer.tobytes(), x)
        return scores

    def _fold(self, scores: NDArray[np.float32], answer: bytes, x: NDArray[np.float32]) -> None:
        """On plain numbers: calls into NumPy would cost more than the arithmetic."""
        for target, members in self._gathered[lacking(*x[STOCK].tolist())]:
            total = sum(map(self._weight.__getitem__, members(answer)))
            scores[target] = self._highest + math.log(total) if total else -math.inf
