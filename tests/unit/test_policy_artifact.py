from __future__ import annotations

import dataclasses
import json
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import INDEX, NAMES
from circadia.errors import ArtifactError
from circadia.observation import (
    COLUMN,
    INPUT_SCALE,
    TABLE,
    WIDTH,
    Encoder,
    Feature,
    Selection,
    encode,
    values,
)
from circadia.policy.artifact import load_policy
from circadia.policy.kernel import QuantisedLayer, forward
from circadia.policy.manifest import dump_manifest, parse_manifest
from circadia.policy.network import NetworkPolicy
from circadia.types import Observation
from circadia_lab.policy.evaluation.scorers import of_file
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


def layers(outputs: int = len(NAMES), inputs: int = WIDTH) -> tuple[QuantisedLayer, ...]:
    random = np.random.default_rng(1)
    net = [
        FloatLayer(weights=random.normal(0, 0.3, (8, inputs)), bias=random.normal(0, 1, 8), relu=True),
        FloatLayer(weights=random.normal(0, 1, (outputs, 8)), bias=random.normal(0, 1, outputs), relu=False),
    ]
    return quantise(net, np.random.default_rng(2).integers(-127, 128, (40, inputs)) * INPUT_SCALE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    export_policy(tmp_path / "mine.tflite", layers(), observations=observations(), made=MADE)
    return tmp_path / "mine.tflite"


MADE = {"generator": "test", "seed": 1, "idle": "masked"}


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
        assert artifact.manifest.made == MADE


def test_a_manifest_survives_the_trip(path: Path) -> None:
    text = path.with_suffix(".json").read_text()
    assert dump_manifest(parse_manifest(text, "mine")) == text


def test_the_network_scores_as_the_kernel_does(path: Path) -> None:
    policy = NetworkPolicy(load_policy(path))
    net = layers()
    for x in observations(2):
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


def test_a_file_without_an_action_that_is_known_is_refused(path: Path) -> None:
    rewritten(path, actions=tuple(f"fly/{i}" for i in range(len(NAMES))))
    with pytest.raises(ArtifactError, match=r"mine\.json: has no action that this version knows, but fly/0,"):
        load_policy(path)


def test_actions_that_this_version_does_not_know_are_not_offered(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = NetworkPolicy(load_policy(path))
    rewritten(path, actions=("fly/high", *NAMES[1:]))
    policy = NetworkPolicy(load_policy(path))
    assert "actions that this version does not know, which are not offered: fly/high" in caplog.text
    assert policy.offered.tolist() == [False] + [True] * (len(NAMES) - 1)
    for x in observations(3):
        scores = policy.scores(x)
        assert scores[0] == -np.inf
        np.testing.assert_array_equal(scores[1:], before.scores(x)[1:])
        mask = np.ones((1, len(NAMES)), bool)
        np.testing.assert_array_equal(of_file(path)(x[None], encode(x)[None], mask)[0], scores)


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


MOOD = Feature("mood", "1", 0, 1)
WARM = dataclasses.replace(TABLE[COLUMN["temperature_c"]], unit="°F", high=140)
WIDE = dataclasses.replace(TABLE[COLUMN["queue_length"]], high=640, scale=3)


@pytest.mark.parametrize(
    ("table", "remarks"),
    [
        (TABLE[::-1], []),
        (TABLE[:-1], ["does not know and is not told: training_step_j"]),
        (
            TABLE[5:],
            ["does not know and is not told: dt_s, battery_soc, charging, temperature_c, thermal_headroom"],
        ),
        ((*TABLE[:7], MOOD, *TABLE[7:]), ["does not observe, told to it as absent: mood"]),
        (
            tuple(WARM if one.name == WARM.name else one for one in TABLE),
            ["told to it as absent: temperature_c"],
        ),
        (tuple(WIDE if one.name == WIDE.name else one for one in TABLE), []),
        ((MOOD,), ["told to it as absent: mood", "is not told: dt_s"]),
    ],
)
def test_a_file_of_another_observation_table_sees_what_it_was_trained_to_see(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: tuple[Feature, ...], remarks: list[str]
) -> None:
    today = {(one.name, one.unit): place for place, one in enumerate(TABLE)}

    def seen(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        columns = np.full((len(rows), len(table)), np.nan, np.float32)
        for place, one in enumerate(table):
            if (one.name, one.unit) in today:
                columns[:, place] = rows[:, today[one.name, one.unit]]
        return columns

    net, random = layers(inputs=2 * len(table)), np.random.default_rng(7)
    rows = random.uniform(0, 1, (40, len(table))).astype(np.float32) * [one.high for one in table]
    export_policy(tmp_path / "other.tflite", net, observations=rows, made=MADE, table=table)
    artifact = load_policy(tmp_path / "other.tflite")
    caplog.set_level(logging.INFO)
    policy = NetworkPolicy(artifact)
    told = artifact.remarks()
    assert len(told) == len(remarks)
    for wanted, remark in zip(remarks, told, strict=True):
        assert wanted in remark
        assert remark in caplog.text
    x = observations(2)
    q = forward(net, Encoder(table)(seen(x)), input_scale=INPUT_SCALE).astype(np.float32)
    expected = np.float32(net[-1].output_scale) * (q - net[-1].output_zero_point)
    np.testing.assert_array_equal(np.stack([policy.scores(row) for row in x]), expected)
    mask = np.ones((len(x), len(NAMES)), bool)
    np.testing.assert_array_equal(of_file(tmp_path / "other.tflite")(x, encode(x), mask), expected)


def test_an_absent_feature_is_invalid_and_zero() -> None:
    encoded = Encoder((MOOD, TABLE[1]))(Selection((MOOD, TABLE[1]))(values(Observation(battery_soc=1.0))))
    assert encoded.tolist() == [0, 127, -127, 127]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table[3].update(high=0),
        lambda table: table[3].update(high=float("nan")),
        lambda table: table[3].update(low="0"),
        lambda table: table[10].update(scale=-3),
        lambda table: table[10].update(low=-2),
        lambda table: table[1].update(name="dt_s"),
        lambda table: table.clear(),
    ],
)
def test_a_table_that_cannot_be_encoded_by_is_refused(
    path: Path, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    changed(path, lambda content: change(content["table"]))
    with pytest.raises(ArtifactError, match=r"mine\.json: the manifest is wrong: "):
        load_policy(path)


@pytest.mark.parametrize(
    "table",
    [TABLE[:-1], (*TABLE, MOOD), tuple(MOOD if one.name == "preference_energy" else one for one in TABLE)],
)
def test_a_table_that_is_not_the_vectors_is_refused(path: Path, table: tuple[Feature, ...]) -> None:
    rewritten(path, table=table)
    if len(table) == len(TABLE):  # a name alone changes no vector
        assert load_policy(path).absent == ("mood",)
        return
    with pytest.raises(ArtifactError, match=r"mine\.json: encoder_vectors\[0\] does not encode"):
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
