from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import INDEX, NAMES
from circadia.errors import ArtifactError
from circadia.idle import STOCK
from circadia.observation import INPUT_SCALE, TABLE, WIDTH, encode
from circadia.policy.artifact import load_policy
from circadia.policy.kernel import QuantisedLayer, forward
from circadia.policy.manifest import dump_manifest, parse_manifest
from circadia.policy.network import NetworkPolicy
from circadia_lab.policy.files.policy_export import export_policy
from circadia_lab.policy.files.policy_file import FloatLayer, quantise, write_policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def observations(seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    rows = random.uniform(-0.1, 1.1, (40, len(TABLE))) * [feature.high for feature in TABLE]
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32)


def layers(outputs: int = len(NAMES)) -> tuple[QuantisedLayer, ...]:
    random = np.random.default_rng(1)
    net = [
        FloatLayer(weights=random.normal(0, 0.3, (8, WIDTH)), bias=random.normal(0, 1, 8), relu=True),
        FloatLayer(weights=random.normal(0, 1, (outputs, 8)), bias=random.normal(0, 1, outputs), relu=False),
    ]
    return quantise(net, encode(observations()) * INPUT_SCALE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    export_policy(
        tmp_path / "mine.tflite", layers(), observations=observations(), made={"generator": "test", "seed": 1}
    )
    return tmp_path / "mine.tflite"


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = path.with_suffix(".json")
    content = json.loads(manifest.read_text())
    change(content)
    manifest.write_text(json.dumps(content))


def test_a_whole_file_loads_by_either_name(path: Path) -> None:
    for name in (path, path.with_suffix(".json")):
        artifact = load_policy(name)
        assert artifact.name == "mine"
        assert artifact.manifest.actions == NAMES
        assert artifact.manifest.made == {"generator": "test", "seed": 1}


def test_a_manifest_survives_the_trip(path: Path) -> None:
    text = path.with_suffix(".json").read_text()
    assert dump_manifest(parse_manifest(text, "mine")) == text


def test_the_network_scores_as_the_kernel_does(path: Path) -> None:
    policy = NetworkPolicy(load_policy(path))
    net = layers()
    for x in observations(2):
        x[STOCK] = 1  # with something to do, doing nothing has one name
        q = forward(net, encode(x), input_scale=INPUT_SCALE).astype(np.float32)
        expected = np.float32(net[-1].output_scale) * (q - net[-1].output_zero_point)
        np.testing.assert_array_equal(policy.scores(x), expected)
    assert policy.name == "mine"
    assert policy.offered.all()
    assert policy.scores(observations()[0]).dtype == np.float32


def test_actions_that_a_file_does_not_know_are_not_offered(tmp_path: Path) -> None:
    known = ("train/low/small", "sleep")
    export_policy(tmp_path / "two.tflite", layers(2), observations=observations(), made={}, actions=known)
    policy = NetworkPolicy(load_policy(tmp_path / "two.tflite"))
    scores = policy.scores(observations()[0])
    assert [name for name, offered in zip(NAMES, policy.offered, strict=True) if offered] == [
        "sleep",
        "train/low/small",
    ]
    np.testing.assert_array_equal(np.isfinite(scores), policy.offered)
    q = forward(layers(2), encode(observations()[0]), input_scale=INPUT_SCALE)
    assert (scores[INDEX["train/low/small"]] > scores[INDEX["sleep"]]) == (q[0] > q[1])


@pytest.mark.parametrize("suffix", [".tflite", ".json"])
def test_a_missing_file_is_named(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    with pytest.raises(
        ArtifactError, match=rf"mine\{suffix}: cannot be read .*two files, mine.tflite and mine.json"
    ):
        load_policy(path)


@pytest.mark.parametrize("kept", [0, 6, 500, -1])
def test_a_truncated_network_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError, match=r"mine\.tflite: SHA-256 differs .*truncated"):
        load_policy(path)


@pytest.mark.parametrize("kept", [0, 1, 100, -3])
def test_a_truncated_manifest_is_refused(path: Path, kept: int) -> None:
    manifest = path.with_suffix(".json")
    manifest.write_text(manifest.read_text()[:kept])
    with pytest.raises(ArtifactError, match=r"mine\.json: not JSON, perhaps truncated"):
        load_policy(path)


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}", '{"format": "circadia-policy-9"}'])
def test_json_that_is_no_manifest_is_refused(path: Path, text: str) -> None:
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ArtifactError, match=r"mine\.json: format .*; this version reads 'circadia-policy-1'"):
        load_policy(path)


@pytest.mark.parametrize(
    "key", ["table", "actions", "output_scale", "output_zero_point", "model_sha256", "score_vectors", "made"]
)
def test_a_missing_key_is_named(path: Path, key: str) -> None:
    changed(path, lambda content: content.pop(key))
    with pytest.raises(ArtifactError, match=rf"mine\.json: the manifest has no '{key}'; export"):
        load_policy(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("table", 3),
        ("table", [{"name": "x", "colour": "red"}]),
        ("actions", None),
        ("output_scale", "wide"),
        ("output_scale", 0),
        ("score_vectors", [{"encoded": [300], "scores": []}]),
        ("encoder_vectors", [{"values": ["hot"], "encoded": []}]),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused(path: Path, key: str, value: object) -> None:
    changed(path, lambda content: content.update({key: value}))
    with pytest.raises(ArtifactError, match=r"mine\.json: the manifest is wrong: "):
        load_policy(path)


def test_an_unknown_action_is_named(path: Path) -> None:
    manifest = parse_manifest(path.with_suffix(".json").read_text(), "mine")
    actions = ("fly/high", *manifest.actions[1:])
    path.with_suffix(".json").write_text(
        dump_manifest(type(manifest)(**{**_fields(manifest), "actions": actions}))
    )
    with pytest.raises(ArtifactError, match=r"mine\.json: unknown action 'fly/high'; .*update Circadia"):
        load_policy(path)


def test_an_action_named_twice_is_refused(path: Path) -> None:
    manifest = parse_manifest(path.with_suffix(".json").read_text(), "mine")
    actions = ("sleep", "sleep", *manifest.actions[2:])
    path.with_suffix(".json").write_text(
        dump_manifest(type(manifest)(**{**_fields(manifest), "actions": actions}))
    )
    with pytest.raises(ArtifactError, match="different names"):
        load_policy(path)


def _fields(manifest: Any) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in manifest.__slots__}


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        (lambda table: table[3].update(high=90), "temperature_c"),
        (lambda table: table[10].update(scale=3), "queue_length"),
        (lambda table: table[1].update(name="charge"), "charge"),
        (lambda table: table.pop(), "preference_energy"),
        (lambda table: table.append({**table[0], "name": "mood"}), "mood"),
    ],
)
def test_another_observation_table_is_refused(
    path: Path, change: Callable[[list[dict[str, Any]]], None], feature: str
) -> None:
    changed(path, lambda content: change(content["table"]))
    with pytest.raises(
        ArtifactError, match=rf"mine\.json: made for another observation table: row \d+, {feature}, is"
    ):
        load_policy(path)


def test_another_exports_network_is_refused(path: Path) -> None:
    path.write_bytes(write_policy(layers()[:1]))
    with pytest.raises(ArtifactError, match=r"SHA-256 differs from mine\.json's"):
        load_policy(path)


def test_a_changed_manifest_is_refused(path: Path) -> None:
    changed(path, lambda content: content["made"].update(seed=2))
    with pytest.raises(ArtifactError, match=r"mine\.json: was changed after it was written"):
        load_policy(path)


def rewritten(path: Path, **fields: Any) -> None:
    """A manifest with other facts and a right hash, as a wrong exporter would write it."""
    manifest = parse_manifest(path.with_suffix(".json").read_text(), "mine")
    path.with_suffix(".json").write_text(dump_manifest(type(manifest)(**{**_fields(manifest), **fields})))


def test_a_wrong_score_vector_is_named(path: Path) -> None:
    vectors = list(load_policy(path).manifest.score_vectors)
    scores = vectors[5].scores
    vectors[5] = type(vectors[5])(encoded=vectors[5].encoded, scores=(scores[0] - 1, *scores[1:]))
    rewritten(path, score_vectors=tuple(vectors))
    with pytest.raises(ArtifactError, match=r"mine\.tflite: score_vectors\[5\] gives .* instead of"):
        load_policy(path)


def test_a_wrong_encoder_vector_is_named(path: Path) -> None:
    vectors = list(load_policy(path).manifest.encoder_vectors)
    vectors[3] = type(vectors[3])(values=(None, *vectors[3].values[1:]), encoded=vectors[3].encoded)
    rewritten(path, encoder_vectors=tuple(vectors))
    with pytest.raises(ArtifactError, match=r"mine\.json: encoder_vectors\[3\] does not encode"):
        load_policy(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"score_vectors": ()}, "has no score_vectors"),
        ({"encoder_vectors": ()}, "has no encoder_vectors"),
        ({"actions": ("sleep",)}, f"its manifest says {WIDTH} to 1"),
        ({"output_scale": 0.5}, "output scale and zero point are"),
        ({"output_zero_point": 77}, "output scale and zero point are"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(path: Path, fields: dict[str, Any], message: str) -> None:
    rewritten(path, **fields)
    with pytest.raises(ArtifactError, match=message):
        load_policy(path)


def test_the_vectors_know_absent_sensors(path: Path) -> None:
    values = [vector.values for vector in load_policy(path).manifest.encoder_vectors]
    assert any(None in row for row in values)
