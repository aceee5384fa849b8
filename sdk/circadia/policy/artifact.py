"""Policy files: `NAME.tflite` with its manifest `NAME.json` beside it, checked on this machine before they decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import action_named
from circadia.errors import ArtifactError
from circadia.observation import WIDTH, encode
from circadia.policy.inference import Int8Network
from circadia.policy.manifest import AGAIN, Manifest, parse_manifest
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.policy.manifest import EncoderVector, ScoreVector
    from circadia.ports import OpenModel

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """A policy file that has passed every check."""

    name: str
    model: bytes
    manifest: Manifest


def shipped_policy() -> Path:
    """The policy that comes with Circadia."""
    return DATA / "default.tflite"


def load_policy(path: Path, open_model: OpenModel = open_interpreter) -> Artifact:
    """The policy at `NAME.tflite` or `NAME.json`; both files must be there.

    Runs the manifest's vectors through the encoder and through this machine's interpreter. `ArtifactError` names the
    file, the field or vector that is wrong, and what to do: missing or truncated files, another observation table,
    unknown actions, hashes and answers that differ.
    """
    model_path, manifest_path = path.with_suffix(".tflite"), path.with_suffix(".json")
    model, text = _read(model_path), _read(manifest_path)
    manifest = parse_manifest(text, str(manifest_path))
    _check_actions(manifest.actions, str(manifest_path))
    if hashlib.sha256(model).hexdigest() != manifest.model_sha256:
        raise ArtifactError(
            f"{model_path}: SHA-256 differs from {manifest_path.name}'s; it is truncated, damaged or of another "
            f"export; copy both files again"
        )
    artifact = Artifact(name=path.stem, model=model, manifest=manifest)
    _check_encoder(manifest.encoder_vectors, str(manifest_path))
    _check_scores(artifact, str(model_path), open_model)
    return artifact


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot be read ({error.strerror}); a policy is two files, {path.stem}.tflite and {path.stem}.json"
        ) from error


def _check_actions(names: Iterable[str], source: str) -> None:
    names = list(names)
    for name in names:
        try:
            action_named(name)
        except ArtifactError as error:
            raise ArtifactError(f"{source}: {error}; update Circadia or {AGAIN}") from error
    if not names or len(set(names)) != len(names):
        raise ArtifactError(f"{source}: actions must be one or more different names, not {names}; {AGAIN}")


def _check_encoder(vectors: tuple[EncoderVector, ...], source: str) -> None:
    if not vectors:
        raise ArtifactError(f"{source}: has no encoder_vectors; {AGAIN}")
    for i, vector in enumerate(vectors):
        x = np.array([np.nan if value is None else value for value in vector.values], np.float32)
        if len(x) != WIDTH // 2 or tuple(encode(x).tolist()) != vector.encoded:
            raise ArtifactError(
                f"{source}: encoder_vectors[{i}] does not encode as it says on this machine; it was made by another "
                f"encoder: {AGAIN} with this version of Circadia"
            )


def _check_scores(artifact: Artifact, source: str, open_model: OpenModel) -> None:
    network = Int8Network(artifact.model, source, open_model)
    vectors, outputs = artifact.manifest.score_vectors, len(artifact.manifest.actions)
    if not vectors:
        raise ArtifactError(f"{source}: its manifest has no score_vectors; {AGAIN}")
    if (network.inputs, network.outputs) != (WIDTH, outputs):
        raise ArtifactError(
            f"{source}: maps {network.inputs} numbers to {network.outputs}; its manifest says {WIDTH} to {outputs}; "
            f"{AGAIN}"
        )
    _check_output(artifact.manifest, network, source)
    for i, vector in enumerate(vectors):
        _check_answer(vector, i, network, source)


def _check_output(manifest: Manifest, network: Int8Network, source: str) -> None:
    said = (float(np.float32(manifest.output_scale)), manifest.output_zero_point)
    if said != network.output_quantisation:
        raise ArtifactError(
            f"{source}: output scale and zero point are {network.output_quantisation}, its manifest says {said}; {AGAIN}"
        )


def _check_answer(vector: ScoreVector, i: int, network: Int8Network, source: str) -> None:
    if len(vector.encoded) != WIDTH:
        raise ArtifactError(
            f"{source}: score_vectors[{i}] has {len(vector.encoded)} inputs, not {WIDTH}; {AGAIN}"
        )
    answer = tuple(network(np.array(vector.encoded, np.int8)).tolist())
    if answer != vector.scores:
        raise ArtifactError(
            f"{source}: score_vectors[{i}] gives {answer} instead of {vector.scores}: this interpreter computes the "
            f"network wrongly, or the manifest is of another one; {AGAIN}, or use another interpreter"
        )
