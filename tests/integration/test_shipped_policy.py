"""The policy that comes with Circadia: the file is ours to rebuild, and it does what its teacher does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE
from circadia.interpreter import MODULES
from circadia.observation import INPUT_SCALE, encode
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.inference import Int8Network
from circadia.policy.kernel import forward
from circadia.policy.network import NetworkPolicy
from circadia.policy.rules import DriftPlusPenaltyRule
from circadia.policy.sampling import probabilities
from circadia.types import Link, Mode, Sync
from circadia_lab.imitation import build_default
from circadia_lab.observations import sample_observations
from circadia_lab.policy_file import read_layers, write_policy

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

OBSERVATIONS = sample_observations(400, np.random.default_rng(20_26))


def shipped_chances() -> NDArray[np.float32]:
    policy = NetworkPolicy(load_policy(shipped_policy()))
    scores = np.array([policy.scores(x) for x in OBSERVATIONS])
    p: NDArray[np.float32] = probabilities(scores, policy.offered)
    return p


def column(name: str) -> NDArray[np.float32]:
    from circadia.observation import COLUMN

    return OBSERVATIONS[:, COLUMN[name]]


def share(p: NDArray[np.float32], mode: Mode) -> NDArray[np.float32]:
    total: NDArray[np.float32] = p[:, [action.mode is mode for action in CATALOGUE]].sum(-1)
    return total


def test_it_offers_everything_and_says_how_it_was_made() -> None:
    artifact = load_policy(shipped_policy())
    assert NetworkPolicy(artifact).offered.all()
    assert artifact.manifest.made["generator"] == "circadia_lab.imitation.build_default"
    assert isinstance(artifact.manifest.made["seed"], int)


def test_the_writer_rebuilds_it_byte_for_byte() -> None:
    model = shipped_policy().read_bytes()
    assert write_policy(read_layers(model)) == model


@pytest.mark.parametrize("name", MODULES)
def test_the_kernel_answers_as_each_interpreter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCADIA_INTERPRETER", name)
    model = shipped_policy().read_bytes()
    network, encoded = Int8Network(model, "shipped"), encode(OBSERVATIONS)
    expected = forward(read_layers(model), encoded, input_scale=INPUT_SCALE)
    np.testing.assert_array_equal(np.array([network(q) for q in encoded]), expected)


def test_it_draws_as_its_teacher_does() -> None:
    rule = DriftPlusPenaltyRule()
    wanted = probabilities(rule.scores(OBSERVATIONS), rule.offered)
    total_variation = np.abs(wanted - shipped_chances()).sum(-1).mean() / 2
    assert total_variation < 0.1


def test_it_serves_what_waits_and_nothing_else() -> None:
    serving, queue = share(shipped_chances(), Mode.SERVE), column("queue_length")
    assert serving[queue > 0].mean() > 0.97
    assert serving[queue == 0].mean() < 0.02


def test_it_spares_a_low_battery_and_uses_the_charger() -> None:
    training = share(shipped_chances(), Mode.TRAIN)
    idle = (column("queue_length") == 0) & (column("fresh_examples") > 8) & (column("power_save") == 0)
    assert training[idle & (column("charging") == 0) & (column("battery_soc") < 0.2)].mean() < 0.5
    assert training[idle & (column("charging") == 1)].mean() > 0.8


def test_it_syncs_only_over_a_link() -> None:
    syncing = shipped_chances()[:, [action.sync is not Sync.NONE for action in CATALOGUE]].sum(-1)
    assert syncing[column("link") == Link.NONE].mean() < 0.03


def test_a_build_is_repeatable_and_loads(tmp_path: Path) -> None:
    report = build_default(tmp_path / "a", 3, rows=4000, steps=60)
    build_default(tmp_path / "b", 3, rows=4000, steps=60)
    assert (report.examples, report.steps) == (4000, 60)
    assert 0 < report.total_variation < 0.8
    assert 0.2 < report.argmax_agreement < 1
    for suffix in (".tflite", ".json"):
        first, second = ((tmp_path / folder / "default").with_suffix(suffix) for folder in "ab")
        assert first.read_bytes() == second.read_bytes()
    policy = NetworkPolicy(load_policy(tmp_path / "a" / "default.tflite"))
    assert np.isfinite(policy.scores(OBSERVATIONS[0])).all()
