"""Policy files of format 2: what to do, and how long to sleep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia import cli
from circadia.actions import NAMES, action_named
from circadia.due import DueLimits
from circadia.errors import ArtifactError
from circadia.observation import INPUT_SCALE, WIDTH, encode, values
from circadia.policy.artifact import load_policy
from circadia.policy.inference import Int8Network
from circadia.policy.kernel import forward
from circadia.policy.manifest import dump_manifest, parse_manifest
from circadia.policy.network import NetworkPolicy
from circadia.policy.sleeps import SleepOptions
from circadia.types import Observation, WakeOn
from circadia_lab.policy.evaluation.scorers import of_file
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_export import export_policy
from circadia_lab.policy.files.policy_file import FloatLayer, quantise_heads, read_heads, write_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.policy.artifact import Artifact
    from circadia.policy.kernel import QuantisedLayer

    Layers = tuple[QuantisedLayer, ...]

OLD = Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "policy.tflite"
MADE = {"generator": "test", "idle": "masked"}
OPTIONS = SleepOptions(wake_on=(WakeOn.DUE, WakeOn.REQUEST), edges_s=(4.0, 60.0, 3600.0))
DUE = DueLimits(fresh_limit_s=1000.0, contact_limit_s=500.0)
ROWS = sample_observations(60, np.random.default_rng(0))


def heads(deep: int = 1) -> tuple[Layers, Layers]:
    random = np.random.default_rng(1)

    def layer(out: int, into: int, *, relu: bool) -> FloatLayer:
        return FloatLayer(
            weights=random.normal(0, 1 / into**0.5, (out, into)), bias=random.normal(0, 1, out), relu=relu
        )

    trunk = [layer(12, WIDTH, relu=True), layer(12, 12, relu=True)][:deep]
    into = 12 if trunk else WIDTH
    works, sleeps = layer(len(NAMES), into, relu=False), layer(OPTIONS.count, into, relu=False)
    calibration = encode(ROWS) * np.float32(INPUT_SCALE)
    return quantise_heads([*trunk, works], [sleeps], calibration)


def export(path: Path, deep: int = 1) -> Artifact:
    layers, sleeps = heads(deep)
    return export_policy(
        path, layers, observations=ROWS, made=MADE, sleep_layers=sleeps, sleeps=OPTIONS, due=DUE
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    export(tmp_path / "two.tflite")
    return tmp_path / "two.tflite"


def resealed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A manifest that somebody wrote so."""
    from circadia.policy import manifest

    file = path.with_suffix(".json")
    content = json.loads(file.read_text())
    change(content)
    content["manifest_sha256"] = manifest._digest(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("deep", [0, 1, 2])
def test_both_heads_answer_as_the_kernel_does(tmp_path: Path, deep: int) -> None:
    layers, sleeps = heads(deep)
    policy = NetworkPolicy(export(tmp_path / "p.tflite", deep))
    assert policy.sleeps == OPTIONS
    for x in ROWS:
        q = forward(layers, encode(x), input_scale=INPUT_SCALE).astype(np.float32)
        z = forward((*layers[:-1], *sleeps), encode(x), input_scale=INPUT_SCALE).astype(np.float32)
        np.testing.assert_array_equal(
            policy.scores(x), np.float32(layers[-1].output_scale) * (q - layers[-1].output_zero_point)
        )
        np.testing.assert_array_equal(
            policy.sleep_scores(x), np.float32(sleeps[-1].output_scale) * (z - sleeps[-1].output_zero_point)
        )


def test_the_sleep_is_that_of_the_observation_that_is_asked_for(path: Path) -> None:
    policy = NetworkPolicy(load_policy(path))
    alone = [policy.sleep_scores(x) for x in ROWS[:5]]
    policy.scores(ROWS[7])
    again = [policy.sleep_scores(x) for x in ROWS[:5]]
    np.testing.assert_array_equal(alone, again)
    assert len({tuple(row.tolist()) for row in alone}) > 1


def test_one_call_computes_both(path: Path) -> None:
    network = Int8Network(path.read_bytes(), "two", sleeps=True)
    calls: list[None] = []
    invoke = network._invoke

    def counted() -> None:
        calls.append(None)
        invoke()

    network._invoke = counted
    policy = NetworkPolicy(load_policy(path))
    policy._network = network
    for x in ROWS[:6]:
        policy.scores(x)
        policy.sleep_scores(x)
    assert len(calls) == 6


def test_a_file_survives_the_trip(path: Path) -> None:
    text = path.with_suffix(".json").read_text()
    assert dump_manifest(parse_manifest(text, "two")) == text
    assert json.loads(text)["format"] == "circadia-policy-2"
    assert write_policy(*read_heads(path.read_bytes())) == path.read_bytes()


def test_what_it_is_due_by_travels_with_it(path: Path) -> None:
    policy = NetworkPolicy(load_policy(path))
    seen = Observation(queue_length=0, fresh_examples=3, fresh_age_s=100, contact_age_s=450, deadline_s=400)
    x = values(seen)
    assert policy.due_s(x, action_named("sleep")) == (50.0, 50.0)
    assert policy.due_s(x, action_named("sleep/sync-pull")) == (280.0, 500.0)
    assert policy.due_s(x, action_named("train/low/small/sync-int8")) == (280.0, 500.0)


def test_a_file_of_format_1_says_nothing_of_sleep() -> None:
    policy = NetworkPolicy(load_policy(OLD))
    assert policy.sleeps is None
    assert policy.due_s(values(Observation()), action_named("sleep")) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["sleeps"].update(wake_on=["due", "dream"]), "'dream' is not a valid WakeOn"),
        (lambda c: c["sleeps"].update(edges_s=[4.0, 3.0, 5.0]), "edges_s .* must be two or more"),
        (lambda c: c["sleeps"].update(output_scale=0), "output_scale is 0"),
        (lambda c: c["sleeps"].update(due={"margin_share": 2}), "a margin_share below 1"),
        (lambda c: c["sleeps"].update(due={"mood": 2}), "mood"),
        (lambda c: c["sleeps"].update(due=[2.0]), r"sleeps\.due is \[2\.0\], not an object"),
        (lambda c: c.pop("sleeps"), "has no 'sleeps'"),
        (lambda c: c["score_vectors"][0].pop("sleeps"), "has no 'sleeps'"),
        (lambda c: c["sleeps"].update(output_scale=0.5), "second output has size, scale and zero point"),
        (lambda c: c["sleeps"].update(edges_s=[4.0, 60.0]), "second output has size, scale and zero point"),
        (lambda c: c["score_vectors"][3]["sleeps"].reverse(), r"score_vectors\[3\] gives .* instead of"),
        (lambda c: c.update(format="circadia-policy-1"), "a policy has one of each"),
        (lambda c: c.update(format="circadia-policy-3"), "reads 'circadia-policy-1' and 'circadia-policy-2'"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(
    path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    resealed(path, change)
    with pytest.raises(ArtifactError, match=message):
        load_policy(path)


def test_a_network_with_one_output_has_no_sleeps(path: Path) -> None:
    import hashlib

    model = write_policy(heads()[0])
    path.write_bytes(model)
    resealed(path, lambda c: c.update(model_sha256=hashlib.sha256(model).hexdigest()))
    with pytest.raises(ArtifactError, match=r"has outputs .* not 'actions' and 'sleeps'"):
        load_policy(path)


def test_ticks_of_fixed_length_have_no_place_for_it(path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"two\.tflite: chooses its sleeps.*as wake-mixture"):
        of_file(path)


def test_it_is_inspected_without_a_map(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["policy", "inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["map"] is None
    assert found["no_map"].startswith("no map: a file that chooses its sleeps")
    assert found["sleeps"]["wake_on"] == ["due", "request"]
    assert cli.main(["policy", "inspect", str(path)]) == 0
    assert "no map: a file that chooses its sleeps" in capsys.readouterr().out
