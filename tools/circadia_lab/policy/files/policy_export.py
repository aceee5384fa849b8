"""Write a policy network as the two files that a device loads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import NAMES
from circadia.due import DUE, DueLimits
from circadia.observation import INPUT_SCALE, TABLE, Encoder
from circadia.policy.artifact import Artifact, load_policy
from circadia.policy.kernel import forward
from circadia.policy.manifest import EncoderVector, Manifest, ScoreVector, SleepHead, dump_manifest
from circadia.policy.sleeps import SLEEPS, SleepOptions
from circadia_lab.policy.files.policy_file import write_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.observation import Feature
    from circadia.policy.kernel import QuantisedLayer
    from circadia.policy.prior import PriorSettings

VECTORS = 24
"""Test vectors of each kind that a file carries."""


def export_policy(
    path: Path,
    layers: Sequence[QuantisedLayer],
    *,
    observations: NDArray[np.float32],
    made: dict[str, Any],
    actions: Sequence[str] = NAMES,
    table: tuple[Feature, ...] = TABLE,
    sleep_layers: Sequence[QuantisedLayer] = (),
    sleeps: SleepOptions = SLEEPS,
    due: DueLimits = DUE,
    prior: PriorSettings | None = None,
) -> Artifact:
    """Write `path` (NAME.tflite) and NAME.json beside it, load them back with every check, return what was loaded.

    The first `VECTORS` rows of (n, features of `table`) `observations` become the test vectors, their answers computed by the
    integer kernel: that the interpreter gives the same is what loading checks. `made` says how: generator, seed.

    With `sleep_layers` (`policy_file.write_policy`) the file is of format 2: they score `sleeps`, on top of `prior`, and were trained with `due`.
    """
    model = write_policy(layers, sleep_layers)
    rows = np.asarray(observations[:VECTORS], np.float32)
    encoded = Encoder(table)(rows)
    scores = forward(layers, encoded, input_scale=INPUT_SCALE)
    slept = np.zeros((len(rows), 0), np.int8)
    head = None
    if sleep_layers:
        slept = forward((*layers[:-1], *sleep_layers), encoded, input_scale=INPUT_SCALE)
        head = SleepHead(
            wake_on=tuple(kind.value for kind in sleeps.wake_on),
            edges_s=sleeps.edges_s,
            due=due,
            output_scale=sleep_layers[-1].output_scale,
            output_zero_point=sleep_layers[-1].output_zero_point,
        )
    manifest = Manifest(
        table=table,
        actions=tuple(actions),
        output_scale=layers[-1].output_scale,
        output_zero_point=layers[-1].output_zero_point,
        model_sha256=hashlib.sha256(model).hexdigest(),
        encoder_vectors=tuple(_encoder_vector(x, q) for x, q in zip(rows, encoded, strict=True)),
        score_vectors=tuple(
            ScoreVector(encoded=tuple(q.tolist()), scores=tuple(y.tolist()), sleeps=tuple(z.tolist()))
            for q, y, z in zip(encoded, scores, slept, strict=True)
        ),
        sleeps=head,
        prior=prior,
        made=made,
    )
    path.write_bytes(model)
    path.with_suffix(".json").write_text(dump_manifest(manifest), encoding="utf-8")
    return load_policy(path)


def _encoder_vector(x: NDArray[np.float32], q: NDArray[np.int8]) -> EncoderVector:
    values = tuple(float(value) if np.isfinite(value) else None for value in x)
    return EncoderVector(values=values, encoded=tuple(q.tolist()))
