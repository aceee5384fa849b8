"""Policy files: `NAME.tflite` with its manifest `NAME.json` beside it, checked on this machine before they decide."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import INDEX
from circadia.errors import ArtifactError
from circadia.observation import TABLE, Encoder, Selection
from circadia.policy.inference import Int8Network
from circadia.policy.manifest import AGAIN, Manifest, parse_manifest
from circadia.tflite.interpreter import open_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.policy.manifest import ScoreVector, SleepHead
    from circadia.ports import OpenModel

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Artifact:
    """A policy file that has passed every check. Another version's may name what this one lacks, and lack what it has."""

    name: str
    model: bytes
    manifest: Manifest

    @property
    def absent(self) -> tuple[str, ...]:
        """Features that the network sees and this version does not observe: it is told that they are absent."""
        return Selection(self.manifest.table).absent

    @property
    def unknown(self) -> tuple[str, ...]:
        """Actions that the network scores and this version cannot take: they are not offered."""
        return tuple(name for name in self.manifest.actions if name not in INDEX)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Features that this version observes and the network was not made for: it is not told of them."""
        known = {feature.name for feature in self.manifest.table}
        return tuple(feature.name for feature in TABLE if feature.name not in known)

    def remarks(self) -> list[str]:
        """What is to be said about it where it was made for another version; nothing for one of this version."""
        found = {
            "features that this version does not observe, told to it as absent": self.absent,
            "features that it does not know and is not told": self.unseen,
            "actions that this version does not know, which are not offered": self.unknown,
        }
        return [f"{what}: {', '.join(names)}" for what, names in found.items() if names]


def shipped_policy() -> Path:
    """The policy that comes with Circadia."""
    return DATA / "default.tflite"


def load_policy(path: Path, open_model: OpenModel = open_interpreter) -> Artifact:
    """The policy at `NAME.tflite` or `NAME.json`; both files must be there.

    Runs the manifest's vectors through the encoder and through this machine's interpreter. `ArtifactError` names the
    file, the field or vector that is wrong, and what to do: missing or truncated files, no action that this version
    knows, hashes and answers that differ.
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
    _check_encoder(manifest, str(manifest_path))
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
    if names and not any(name in INDEX for name in names):
        raise ArtifactError(
            f"{source}: has no action that this version knows, but {', '.join(names)}; update Circadia or {AGAIN}"
        )
    if not names or len(set(names)) != len(names):
        raise ArtifactError(f"{source}: actions must be one or more different names, not {names}; {AGAIN}")


def _check_encoder(manifest: Manifest, source: str) -> None:
    vectors, encoder = manifest.encoder_vectors, Encoder(manifest.table)
    if not vectors:
        raise ArtifactError(f"{source}: has no encoder_vectors; {AGAIN}")
    for i, vector in enumerate(vectors):
        x = np.array([np.nan if value is None else value for value in vector.values], np.float32)
        if len(x) != len(encoder.table) or tuple(encoder(x).tolist()) != vector.encoded:
            raise ArtifactError(
                f"{source}: encoder_vectors[{i}] does not encode as it says on this machine; it was made by another "
                f"encoder: {AGAIN} with this version of Circadia"
            )


def _check_scores(artifact: Artifact, source: str, open_model: OpenModel) -> None:
    head = artifact.manifest.sleeps
    network = Int8Network(artifact.model, source, open_model, sleeps=head is not None)
    vectors, outputs = artifact.manifest.score_vectors, len(artifact.manifest.actions)
    width = 2 * len(artifact.manifest.table)
    if not vectors:
        raise ArtifactError(f"{source}: its manifest has no score_vectors; {AGAIN}")
    if (network.inputs, network.outputs) != (width, outputs):
        raise ArtifactError(
            f"{source}: maps {network.inputs} numbers to {network.outputs}; its manifest says {width} to {outputs}; "
            f"{AGAIN}"
        )
    _check_output(artifact.manifest, network, source)
    if head is not None:
        _check_sleeps(head, network, source)
    for i, vector in enumerate(vectors):
        _check_answer(vector, i, network, source)


def _check_output(manifest: Manifest, network: Int8Network, source: str) -> None:
    said = (float(np.float32(manifest.output_scale)), manifest.output_zero_point)
    if said != network.output_quantisation:
        raise ArtifactError(
            f"{source}: output scale and zero point are {network.output_quantisation}, its manifest says {said}; {AGAIN}"
        )


def _check_sleeps(head: SleepHead, network: Int8Network, source: str) -> None:
    said = (head.options.count, float(np.float32(head.output_scale)), head.output_zero_point)
    found = (network.sleeps, *network.sleep_quantisation)
    if said != found:
        raise ArtifactError(
            f"{source}: its second output has size, scale and zero point {found}, its manifest says {said}; {AGAIN}"
        )


def _check_answer(vector: ScoreVector, i: int, network: Int8Network, source: str) -> None:
    if len(vector.encoded) != network.inputs:
        raise ArtifactError(
            f"{source}: score_vectors[{i}] has {len(vector.encoded)} inputs, not {network.inputs}; {AGAIN}"
        )
    answer = tuple(network(np.array(vector.encoded, np.int8)).tolist())
    slept = tuple(network.second().tolist()) if network.sleeps else ()
    if (answer, slept) != (vector.scores, vector.sleeps):
        wrong, right = (answer, vector.scores) if answer != vector.scores else (slept, vector.sleeps)
        raise ArtifactError(
            f"{source}: score_vectors[{i}] gives {wrong} instead of {right}: this interpreter computes the "
            f"network wrongly, or the manifest is of another one; {AGAIN}, or use another interpreter"
        )
