"""A float network as the two files that a device loads, and how much of it is left."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ArtifactError
from circadia.observation import TABLE, WIDTH, encode
from circadia.policy.artifact import load_policy
from circadia.policy.kernel import forward
from circadia.policy.network import NetworkPolicy
from circadia.policy.sampling import probabilities
from circadia_lab.policy.env.fixed import NAMES
from circadia_lab.policy.files.int8_network import float_scores, int8_scores
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_file import FloatLayer, read_layers
from circadia_lab.policy.study.export import Exported, drawing, export, without_constants
from circadia_lab.policy.study.played_rule import decoded
from circadia_lab.policy.study.visited import visited

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

pytestmark = pytest.mark.slow

SEED, TICKS = 5, 40


def network() -> tuple[FloatLayer, ...]:
    random, sizes = np.random.default_rng(0), (WIDTH, 16, 16, len(NAMES))
    return tuple(
        FloatLayer(
            weights=(random.normal(size=(out, of)) * (2 / of) ** 0.5).astype(np.float32),
            bias=random.normal(size=out).astype(np.float32) * 0.1,
            relu=i < 2,
        )
        for i, (of, out) in enumerate(pairwise(sizes))
    )


@pytest.fixture(scope="module")
def environment(chain: Any) -> Any:
    return chain(42)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def exported(environment: Any, folder: Path, lightly: Callable[[], AbstractContextManager[None]]) -> Exported:
    with lightly():
        return export(
            network(),
            environment,
            folder / "p.tflite",
            made={"who": "a test", "idle": "masked"},
            seed=SEED,
            ticks=TICKS,
        )


def test_both_files_are_there_and_load(exported: Exported, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["p.json", "p.tflite"]
    manifest = load_policy(folder / "p.tflite").manifest
    assert manifest.actions == tuple(NAMES)
    assert manifest.made["who"] == "a test"
    assert manifest.made["total_variation"] == exported.fidelity.as_dict()["total_variation"]
    assert json.loads((folder / "p.json").read_text())["model_sha256"] == manifest.model_sha256


def test_the_file_draws_as_the_floats_do_within_what_it_says(
    exported: Exported, environment: Any, folder: Path, lightly: Callable[[], AbstractContextManager[None]]
) -> None:
    """Recomputed on the same days from the file's own bytes."""
    import jax.numpy as jnp

    with lightly():
        seen = visited(environment, drawing(network(), (), float_scores, jnp), 20_000, SEED)
    layers = read_layers((folder / "p.tflite").read_bytes())
    p = probabilities(float_scores(network())(seen.encoded), seen.mask)
    q = probabilities(int8_scores(layers)(seen.encoded), seen.mask)
    distance = np.abs(p - q).sum(-1).mean() / 2
    assert exported.fidelity.total_variation == pytest.approx(distance, abs=1e-4)
    assert 0 < distance < 0.05
    assert exported.fidelity.argmax_agreement == pytest.approx(
        (p.argmax(-1) == q.argmax(-1)).mean(), abs=1e-3
    )


def test_a_device_draws_so_too(exported: Exported, folder: Path) -> None:
    """Through the interpreter, from values, not from the encoded vector."""
    policy = NetworkPolicy(load_policy(folder / "p.tflite"))
    x = sample_observations(40, np.random.default_rng(1))
    found = np.array([policy.scores(row) for row in x])
    assert found[:, : len(NAMES)] == pytest.approx(int8_scores(exported.layers)(encode(x)), abs=1e-5)
    assert np.isneginf(found[:, len(NAMES) :]).all()


def test_closed_loop_figures_are_near_one_another(exported: Exported) -> None:
    fidelity = exported.fidelity
    assert fidelity.utility_int8 == pytest.approx(fidelity.utility_float, abs=0.1)
    assert fidelity.worst_cost_int8 == pytest.approx(fidelity.worst_cost_float, rel=0.3)
    assert set(fidelity.costs_int8) == {"expired", "stale", "old"}
    assert json.loads(json.dumps(fidelity.as_dict())) == fidelity.as_dict()


def test_what_never_varied_gets_no_weight_and_changes_nothing() -> None:
    random = np.random.default_rng(2)
    encoded = random.integers(-127, 128, (50, WIDTH)).astype(np.int8)
    encoded[:, ::3] = 77
    folded = without_constants(network(), encoded)
    assert not folded[0].weights[:, ::3].any()
    before, after = float_scores(network())(encoded), float_scores(folded)(encoded)
    assert after == pytest.approx(before, abs=1e-4)


def test_decoding_undoes_encoding() -> None:
    x = sample_observations(300, np.random.default_rng(3))
    encoded = encode(x)
    again = encode(decoded(encoded))
    assert np.abs(again.astype(int) - encoded).max() <= 1
    assert (again != encoded).mean() < 0.01
    assert np.isnan(decoded(encoded)).any()
    assert decoded(encoded).shape[-1] == len(TABLE)


def test_a_file_that_does_not_load_is_not_written(
    environment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: Exported
) -> None:
    """The check of what was written comes before it takes its place."""
    from circadia_lab.policy.study.export import write

    path = tmp_path / "p.tflite"
    x = sample_observations(30, np.random.default_rng(4))
    write(path, exported.layers, observations=x, made={})
    before = path.read_bytes(), path.with_suffix(".json").read_bytes()

    def wrong(*args: Any, **more: Any) -> Any:
        return forward(*args, **more) + 1

    monkeypatch.setattr("circadia_lab.policy.files.policy_export.forward", wrong)
    with pytest.raises(ArtifactError):
        write(path, exported.layers, observations=x, made={})
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.json", "p.tflite"]
