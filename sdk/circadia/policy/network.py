"""The `Policy` port over a policy file's int8 network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE
from circadia.observation import encode
from circadia.policy.inference import Int8Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.policy.artifact import Artifact
    from circadia.types import Action


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

    def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(features,) values → (actions,): scale · (q − zero point), −inf where not offered."""
        scores = self._unoffered.copy()
        scores[self._places] = self._score[self._network(encode(x)).view(np.uint8)]
        return scores
