"""The `Policy` port over a policy file's int8 network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, INDEX
from circadia.observation import Encoder, Selection
from circadia.policy.inference import Int8Network
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.ports import OpenModel


log = logging.getLogger(__name__)


class NetworkPolicy:
    """Scores the actions that its file and this version know; one thread at a time.

    Its file may be of another version: features are matched by name and unit. What the file has and this version does not
    observe reaches the network as an absent sensor does.
    """

    def __init__(self, artifact: Artifact, open_model: OpenModel = open_interpreter) -> None:
        manifest = artifact.manifest
        self.name = artifact.name
        self.remarks = tuple(artifact.remarks())
        """What is to be said about a file that was made for another version."""
        for remark in self.remarks:
            log.warning("policy %s was made for another version of Circadia: %s", artifact.name, remark)
        self._select, self._encode = Selection(manifest.table), Encoder(manifest.table)
        self._network = Int8Network(artifact.model, artifact.name, open_model)
        known = [name in INDEX for name in manifest.actions]
        self._outputs = None if all(known) else np.flatnonzero(known)
        self._places = np.array([INDEX[name] for name in manifest.actions if name in INDEX])
        self.offered = np.zeros(len(CATALOGUE), bool)
        self.offered[self._places] = True
        self.offered.flags.writeable = False
        steps = np.arange(-128, 128) - manifest.output_zero_point
        # Indexed by the output's bytes as unsigned numbers: one look-up instead of a cast, a difference and a product.
        self._score = np.roll(steps * np.float32(manifest.output_scale), 128).astype(np.float32)
        self._unoffered = np.full(len(CATALOGUE), -np.inf, np.float32)

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (actions,): scale · (q − zero point), −inf where not offered."""
        answer = self._network(self._encode(self._select(x))).view(np.uint8)
        scores = self._unoffered.copy()
        scores[self._places] = self._score[answer if self._outputs is None else answer[self._outputs]]
        return scores
