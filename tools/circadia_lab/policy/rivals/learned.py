"""What a rival has learned: plain arrays in one file, and the scorer that they are.

Envelope Q-learning, greedy:      argmax_a w · Q(s, w)_a,   Q a ReLU network
Pareto conditioned network:       argmax_a log π(a | s, R, h),   π = softmax(F(σ(S s) ⊙ σ(C [R, h])))

As in its training, an action that the shield forbids is sleeping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from circadia.actions import INDEX
from circadia.errors import ArtifactError
from circadia.writing import whole_file
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.rivals.view import seen, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.scorers import Scorer

    Floats = NDArray[np.float32]

SLEEP = INDEX["sleep"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """An algorithm's network by the names of its arrays, and some of its own decisions to check the scorer with."""

    algorithm: str
    arrays: Mapping[str, Floats]
    probe_seen: Floats
    """(n, KEPT)"""
    probe_preference: Floats
    """(n, objectives)"""
    probe_action: NDArray[np.int64]
    """(n,) what the algorithm itself does there."""

    def wishes(self, observed: Floats, preference: Floats) -> NDArray[np.int64]:
        """(n, KEPT), (n, objectives) → (n,) actions, before the shield."""
        found: NDArray[np.int64] = WISHES[self.algorithm](self.arrays, observed, preference)
        return found


def write_learned(path: Path, learned: Learned) -> None:
    """One .npz, whole or not at all."""
    with whole_file(path) as file:
        np.savez(
            file,
            algorithm=learned.algorithm,
            probe_seen=learned.probe_seen,
            probe_preference=learned.probe_preference,
            probe_action=learned.probe_action,
            **{f"array {name}": array for name, array in learned.arrays.items()},
        )


def read_learned(path: Path) -> Learned:
    """`ArtifactError` for a file that is none, or whose arrays do not decide as the algorithm did."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = dict(archive)
        learned = Learned(
            algorithm=str(stored["algorithm"]),
            arrays={
                name.removeprefix("array "): x for name, x in stored.items() if name.startswith("array ")
            },
            probe_seen=stored["probe_seen"],
            probe_preference=stored["probe_preference"],
            probe_action=stored["probe_action"],
        )
        agree = learned.wishes(learned.probe_seen, learned.probe_preference) == learned.probe_action
    except (OSError, EOFError, BadZipFile, ValueError, KeyError) as error:
        raise ArtifactError(f"{path}: not a rival's network: {error}") from error
    if agree.mean() < LEAST_AGREEMENT:
        raise ArtifactError(
            f"{path}: its arrays decide as {learned.algorithm} did in {agree.mean():.1%} only"
        )
    return learned


LEAST_AGREEMENT = 0.99
"""Of the probes: rounding may turn a tie."""


def of_learned(learned: Learned) -> Scorer:
    """The greedy policy; sleeping in place of what the mask forbids."""

    def scorer(values: Floats, encoded: NDArray[np.int8], mask: NDArray[np.bool_]) -> NDArray[Any]:
        del encoded
        rows = mask.reshape(-1, mask.shape[-1])
        observed = seen(values).reshape(len(rows), -1)
        wish = learned.wishes(observed, wanted(values).reshape(len(rows), -1))
        place = np.arange(len(rows))
        action = np.where(rows[place, wish], wish, SLEEP)
        scores = np.full(rows.shape, -np.inf, np.float32)
        scores[place, action] = 0
        return scores.reshape(mask.shape)

    return scorer


def envelope_wishes(arrays: Mapping[str, Floats], observed: Floats, preference: Floats) -> NDArray[np.int64]:
    """`w0`, `b0`, … of the network over [s, w]; its outputs are (actions, objectives)."""
    x = np.concatenate([observed, preference], axis=-1)
    last = sum(name.startswith("w") for name in arrays) - 1
    for i in range(last):
        x = np.maximum(x @ arrays[f"w{i}"].T + arrays[f"b{i}"], 0)
    q = (x @ arrays[f"w{last}"].T + arrays[f"b{last}"]).reshape(len(x), -1, len(OBJECTIVES))
    best: NDArray[np.int64] = np.einsum("no,nao->na", preference, q).argmax(-1)
    return best


def pcn_wishes(arrays: Mapping[str, Floats], observed: Floats, preference: Floats) -> NDArray[np.int64]:
    """`state_w` … of the layers; `command` (anchors, objectives + 1), scaled, that of the nearest anchor is asked for."""
    anchor = np.square(preference[:, None] - ANCHORS).sum(-1).argmin(-1)
    told = arrays["command"][anchor]
    state = _sigmoid(observed @ arrays["state_w"].T + arrays["state_b"])
    command = _sigmoid(told @ arrays["command_w"].T + arrays["command_b"])
    hidden = np.maximum((state * command) @ arrays["hidden_w"].T + arrays["hidden_b"], 0)
    best: NDArray[np.int64] = (hidden @ arrays["last_w"].T + arrays["last_b"]).argmax(-1)
    return best


WISHES = {"envelope": envelope_wishes, "pcn": pcn_wishes}


def _sigmoid(x: Floats) -> Floats:
    y: Floats = 1 / (1 + np.exp(-x))
    return y
