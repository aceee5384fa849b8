"""The policy that comes with Circadia: ours to make again, of today's problem and trainer, and sensible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FIRST_ACTIONS
from circadia.observation import COLUMN, INPUT_SCALE, Encoder, Selection
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.inference import Int8Network
from circadia.policy.kernel import forward
from circadia.policy.network import NetworkPolicy
from circadia.policy.sampling import probabilities
from circadia.tflite.interpreter import MODULES
from circadia.types import Mode
from circadia_lab.policy.cmoppo.config import VERSION
from circadia_lab.policy.commands.train import config_of
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.mixture import find_worlds
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.arm import Conditions
from circadia_lab.policy.evaluation.rules import SleepRule
from circadia_lab.policy.evaluation.scorers import of_file, of_rule
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_file import read_layers, write_policy
from circadia_lab.policy.study.digest import digest
from circadia_lab.policy.study.ground import FullGround

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.played import Played

OBSERVATIONS = sample_observations(400, np.random.default_rng(20_26))
BRIEF = Conditions(per_device=1, days=1.0, warm_up_days=0.5, seed=11)


@pytest.fixture(scope="module")
def played() -> Played:
    """A day and a half on each of its devices, under every anchor."""
    return BRIEF.play(find_problem("default"), of_file(shipped_policy()))


def met() -> NDArray[np.float32]:
    """(rows, features) of devices in all sorts of states, for the balanced preference."""
    fleet = Fleet(find_problem("default"), 200)
    state = fleet.start(np.random.default_rng(4).random((*fleet.shape, STARTS)))
    values = fleet.look(state, np.full((*fleet.shape, 3), 1 / 3))
    return np.asarray(values, np.float32).reshape(-1, values.shape[-1])


def chances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    policy = NetworkPolicy(load_policy(shipped_policy()))
    scores = np.array([policy.scores(x) for x in rows])
    p: NDArray[np.float32] = probabilities(scores, policy.offered)
    return p


def share(p: NDArray[np.float32], mode: Mode) -> NDArray[np.float32]:
    total: NDArray[np.float32] = p[:, [action.mode is mode for action in CATALOGUE]].sum(-1)
    return total


def test_it_offers_everything_and_says_how_it_was_made() -> None:
    artifact = load_policy(shipped_policy())
    assert NetworkPolicy(artifact).offered.tolist() == [action in FIRST_ACTIONS for action in CATALOGUE]
    made = artifact.manifest.made
    assert made["generator"] == "circadia_lab.cmoppo"
    assert isinstance(made["seed"], int)


def test_it_is_of_the_problem_and_the_trainer_as_they_are() -> None:
    made = load_policy(shipped_policy()).manifest.made
    # Version 2 trained it, before idle actions were masked and limits held for each kind of device: it is drawn from as it was
    # trained to be. Its problem and its trainer had other numbers.
    assert made["trainer_version"] in {2, VERSION}, "the trainer changed: train the shipped policy again"
    if made["trainer_version"] == VERSION:
        ground = FullGround(find_worlds(made["problem"]))
        assert made["problem_digest"] == ground.digest, "the problem changed: train the shipped policy again"
        own = digest(config_of(ground, None).as_dict())
        assert made["config_digest"] == own, "train the shipped policy again"


def test_the_writer_rebuilds_it_byte_for_byte() -> None:
    model = shipped_policy().read_bytes()
    assert write_policy(read_layers(model)) == model


@pytest.mark.parametrize("name", MODULES)
def test_the_kernel_answers_as_each_interpreter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCADIA_INTERPRETER", name)
    model, table = shipped_policy().read_bytes(), load_policy(shipped_policy()).manifest.table
    network, encoded = Int8Network(model, "shipped"), Encoder(table)(Selection(table)(OBSERVATIONS))
    expected = forward(read_layers(model), encoded, input_scale=INPUT_SCALE)
    np.testing.assert_array_equal(np.array([network(q) for q in encoded]), expected)


def test_eight_bits_hardly_change_what_it_draws() -> None:
    made = load_policy(shipped_policy()).manifest.made
    assert made["total_variation"] < 0.05
    assert made["utility_int8"] > made["utility_float"] - 0.01 * abs(made["utility_float"])


def test_it_serves_what_waits() -> None:
    rows = met()
    rows[:, COLUMN["queue_length"]] = 3
    rows[:, COLUMN["queue_age_s"]] = 100
    rows[:, COLUMN["queue_slack_s"]] = 40
    assert share(chances(rows), Mode.SERVE).mean() > 0.9


@pytest.mark.slow
def test_it_beats_sleeping_and_keeps_its_promises(played: Played) -> None:
    asleep = BRIEF.play(find_problem("default"), of_rule(SleepRule()))
    assert played.utilities.mean() > asleep.utilities.mean() + 0.1
    assert played.crossings.sum() == 0
    assert played.expired_share.mean() < 0.05


def test_it_listens_to_the_preference(played: Played) -> None:
    """Who wants accuracy alone gets more of it, and less of the others, than who wants energy or latency alone."""
    accuracy, latency, energy = played.reward[[ANCHORS[:, i].argmax() for i in range(3)]]
    assert accuracy[0] > energy[0]
    assert latency[1] > accuracy[1]
    assert energy[2] > max(accuracy[2], latency[2])
