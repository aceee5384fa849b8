"""The policy that comes with Circadia: ours to make again, of today's problem and trainer, and sensible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import FACTS
from circadia.observation import COLUMN, INPUT_SCALE, Encoder, Selection, encode, values
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.inference import Int8Network
from circadia.policy.kernel import forward
from circadia.policy.network import NetworkPolicy
from circadia.policy.prior import Prior, PriorSettings
from circadia.policy.sampling import probabilities
from circadia.policy.sleeps import SLEEPS
from circadia.tflite.interpreter import MODULES
from circadia.types import Observation
from circadia_lab.policy.cmoppo.config import VERSION
from circadia_lab.policy.commands.evaluate_wakes import arm_of_file
from circadia_lab.policy.commands.train import config_of
from circadia_lab.policy.env.mixture import find_worlds
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.waking import Waking, by_rule, lived
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_file import read_heads, write_policy
from circadia_lab.policy.study.digest import digest
from circadia_lab.policy.study.ground import FullGround
from circadia_lab.policy.study.played_rule import PlayedRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.evaluation.waking import Lived

OBSERVATIONS = sample_observations(400, np.random.default_rng(20_26))
WORLD = "wake-mixture"
BRIEF = Waking(copies=1, days=1.0, warm_up_days=0.5, seed=11)


@pytest.fixture(scope="module")
def played() -> Lived:
    """A day on each of its kinds of device, under every anchor."""
    arm = arm_of_file(shipped_policy())
    return lived(find_problem(WORLD), arm.choose, BRIEF, prior=arm.prior)


def chances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    policy = NetworkPolicy(load_policy(shipped_policy()))
    scores = np.array([policy.scores(x) for x in rows])
    p: NDArray[np.float32] = probabilities(scores, policy.offered)
    return p


def test_it_offers_every_work_and_every_sleep_and_says_how_it_was_made() -> None:
    artifact = load_policy(shipped_policy())
    policy = NetworkPolicy(artifact)
    assert policy.offered.all()
    assert policy.sleeps == SLEEPS
    assert artifact.manifest.prior == PriorSettings()
    made = artifact.manifest.made
    assert made["generator"] == "circadia_lab.cmoppo"
    assert isinstance(made["seed"], int)


def test_it_is_of_the_problem_and_the_trainer_as_they_are() -> None:
    made = load_policy(shipped_policy()).manifest.made
    assert made["trainer_version"] == VERSION, "the trainer changed: train the shipped policy again"
    ground = FullGround(find_worlds(made["problem"]))
    assert made["problem_digest"] == ground.digest, "the problem changed: train the shipped policy again"
    assert made["config_digest"] == digest(config_of(ground, None).as_dict()), (
        "train the shipped policy again"
    )


def test_the_writer_rebuilds_it_byte_for_byte() -> None:
    model = shipped_policy().read_bytes()
    assert write_policy(*read_heads(model)) == model


@pytest.mark.parametrize("name", MODULES)
def test_the_kernel_answers_as_each_interpreter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCADIA_INTERPRETER", name)
    model, table = shipped_policy().read_bytes(), load_policy(shipped_policy()).manifest.table
    layers, slept = read_heads(model)
    network = Int8Network(model, "shipped", sleeps=True)
    encoded = Encoder(table)(Selection(table)(OBSERVATIONS))
    answered = [(network(q).copy(), network.second().copy()) for q in encoded]
    for found, head in zip(zip(*answered, strict=True), (layers, (*layers[:-1], *slept)), strict=True):
        np.testing.assert_array_equal(found, forward(head, encoded, input_scale=INPUT_SCALE))


def test_on_the_device_it_scores_as_in_the_lab() -> None:
    """One observation at a time in plain numbers, and all at once."""
    artifact = load_policy(shipped_policy())
    policy, (layers, slept) = NetworkPolicy(artifact), read_heads(artifact.model)
    assert artifact.manifest.prior is not None
    prior, encoded = Prior(artifact.manifest.prior), encode(OBSERVATIONS)
    for head, rule, own in (
        (layers, prior.work, policy.scores),
        ((*layers[:-1], *slept), prior.sleep, policy.sleep_scores),
    ):
        last = head[-1]
        network = forward(head, encoded, input_scale=INPUT_SCALE).astype(np.float32) - last.output_zero_point
        expected = np.float32(last.output_scale) * network + rule(OBSERVATIONS)
        np.testing.assert_allclose([own(x) for x in OBSERVATIONS], expected, rtol=1e-4, atol=1e-4)


def test_eight_bits_hardly_change_what_it_draws() -> None:
    made = load_policy(shipped_policy()).manifest.made
    assert made["total_variation"] < 0.05
    assert made["utility_int8"] > made["utility_float"] - 0.01 * abs(made["utility_float"])


@pytest.mark.parametrize("weights", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1 / 3, 1 / 3, 1 / 3)])
def test_it_serves_what_is_due_and_whatever_else_it_does(weights: tuple[float, ...]) -> None:
    names = ("preference_accuracy", "preference_latency", "preference_energy")
    waits = Observation(
        battery_soc=0.7, charging=0, temperature_c=25, thermal_headroom=0.9, power_save=0, link=2, link_bytes_per_s=1e6,
        queue_length=3, queue_age_s=100, queue_slack_s=40, deadline_s=3600, model_age_s=3600, contact_age_s=600,
        **dict(zip(names, weights, strict=True)),
    )  # fmt: skip
    rows = np.array([values(waits)] * 20)
    rows[:, COLUMN["fresh_examples"]] = np.arange(20) * 8
    assert (chances(rows)[:, FACTS.serves].sum(-1) > 0.9).all()


@pytest.mark.slow
def test_it_is_ahead_of_the_rule_that_it_corrects(played: Lived) -> None:
    rule = lived(find_problem(WORLD), by_rule(PlayedRule().choice), BRIEF)
    assert played.utility(ANCHORS).mean() > rule.utility(ANCHORS).mean()
    assert played.joules[..., 0].mean() < rule.joules[..., 0].mean()
    # A device whose battery lies under its floor serves nobody, whoever decides: one day of one device may break a limit.
    assert (played.cost.mean((0, 1)) < 1).all()
    assert (played.worst > 1).mean() < 0.12


@pytest.mark.slow
def test_it_listens_to_the_preference(played: Lived) -> None:
    """Who wants accuracy, short waits or few joules alone gets more of that, in the mean of the kinds of device."""
    accuracy, latency, energy = played.reward.mean(0)[[ANCHORS[:, i].argmax() for i in range(3)]]
    assert accuracy[0] > energy[0]
    assert latency[1] > max(accuracy[1], energy[1])
    assert energy[2] > max(accuracy[2], latency[2])
