"""What is played: functions from what a device sees to scores of the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from circadia.actions import FACTS, INDEX, NAMES
from circadia.errors import ArtifactError
from circadia.observation import TABLE, Encoder, Selection
from circadia.policy.artifact import load_policy
from circadia.policy.folding import folding_of
from circadia_lab.policy.files.int8_network import int8_scores
from circadia_lab.policy.files.policy_file import read_layers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from circadia.observation import Feature
    from circadia.policy.kernel import QuantisedLayer
    from circadia.ports import Policy


class Scorer(Protocol):
    """A policy. The leading axes are devices, preferences and copies; NumPy arrays."""

    def __call__(
        self, values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_], /
    ) -> NDArray[Any]:
        """(…, features) values, NaN where absent, the same (…, WIDTH) encoded, (…, actions) → (…, actions) scores.

        The mask's actions are the catalogue's first ones, or all. The device draws from the softmax of the scores over what
        it admits; −inf where not offered.
        """
        ...


def of_rule(policy: Policy) -> Scorer:
    """A rule, over the actions that it offers."""

    def scorer(
        values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_]
    ) -> NDArray[Any]:
        del encoded
        scores: NDArray[Any] = np.where(policy.offered, policy.scores(values), -np.inf)
        return scores[..., : mask.shape[-1]]

    return scorer


def of_layers(
    layers: Sequence[QuantisedLayer],
    actions: Sequence[str] | None = None,
    table: tuple[Feature, ...] = TABLE,
) -> Scorer:
    """An int8 network as a device computes it, of that observation table; −inf for actions that it does not know.

    Without `actions` its outputs are the catalogue's first ones.
    """
    actions = NAMES[: len(layers[-1].bias)] if actions is None else actions
    outputs = [place for place, name in enumerate(actions) if name in INDEX]
    places = np.array([INDEX[actions[place]] for place in outputs])
    network, select, own = int8_scores(layers), Selection(table), Encoder(table)

    def scorer(
        values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_]
    ) -> NDArray[Any]:
        seen = encoded if table == TABLE else own(select(values))
        scores = np.full((mask[..., 0].size, len(NAMES)), -np.inf, np.float32)
        scores[:, places] = network(seen.reshape(len(scores), -1))[:, outputs]
        return scores.reshape(*mask.shape[:-1], len(NAMES))[..., : mask.shape[-1]]

    return scorer


def of_file(path: Path) -> Scorer:
    """A policy file, `NAME.tflite` with its manifest beside it; `ArtifactError` names what is wrong with it.

    One of format 2 is wrong here: it chooses its sleeps.
    """
    artifact = load_policy(path)
    if artifact.manifest.sleeps is not None:
        raise ArtifactError(
            f"{path}: chooses its sleeps, and ticks have a fixed length here; name a problem of chosen wakes, as wake-mixture"
        )
    layers, manifest = read_layers(artifact.model, artifact.name), artifact.manifest
    scorer = of_layers(layers, manifest.actions, manifest.table)
    return scorer if manifest.idle_masked else _folded(scorer, manifest.actions)


def _folded(scorer: Scorer, actions: Sequence[str]) -> Scorer:
    """As a device draws from a file that was trained to sleep by other names."""
    folding = folding_of(FACTS, np.isin(NAMES, actions))

    def folded(
        values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_]
    ) -> NDArray[Any]:
        whole = np.broadcast_to(mask[..., :1], (*mask.shape[:-1], len(NAMES)))
        return folding.folded(scorer(values, encoded, whole), values)[..., : mask.shape[-1]]

    return folded


def uniform(values: NDArray[np.float32], encoded: NDArray[np.int8], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Any admitted action, each as likely."""
    del values, encoded
    return np.zeros(mask.shape)
