"""What a network's scores are added to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FACTS, NAMES
from circadia.due import DueLimits
from circadia.errors import ConfigError
from circadia.idle import idle
from circadia.policy.due_rule import UNTIL_DUE, DueRule, DueSettings
from circadia.policy.network import NetworkPolicy
from circadia.policy.prior import Prior, PriorOfOne, PriorSettings, parsed
from circadia.policy.sleeps import SLEEPS
from circadia_lab.policy.files.observations import sample_observations
from circadia_lab.policy.files.policy_export import export_policy
from circadia_lab.policy.files.policy_file import FloatLayer, quantise_heads

if TYPE_CHECKING:
    from pathlib import Path

X = sample_observations(400, np.random.default_rng(7)).astype(np.float32)
SETTINGS = PriorSettings(
    rule=DueSettings(
        limits=DueLimits(fresh_limit_s=900.0, contact_limit_s=2700.0), hours=(1.5,) * 12 + (0.5,) * 12
    ),
    work=4.0,
    sleep=6.0,
    distance=2.0,
)


@pytest.mark.parametrize("settings", [PriorSettings(), SETTINGS])
def test_a_network_that_says_nothing_does_as_the_rule_does(settings: PriorSettings) -> None:
    prior, rule = Prior(settings), DueRule(settings.rule)
    mask = ~idle(X, FACTS)
    work, wanted = (np.where(mask, scores(X), -np.inf).argmax(-1) for scores in (prior.work, rule.scores))
    assert (work == wanted).mean() > 0.999
    np.testing.assert_array_equal(prior.sleep(X).argmax(-1), rule.sleep_scores(X).argmax(-1))


@pytest.mark.parametrize("settings", [PriorSettings(), SETTINGS])
def test_one_device_in_plain_numbers_is_scored_as_many_are(settings: PriorSettings) -> None:
    prior, one = Prior(settings), PriorOfOne(settings)
    np.testing.assert_array_equal([one.work(x) for x in X], prior.work(X))
    np.testing.assert_allclose([one.sleep(x) for x in X], prior.sleep(X), atol=1e-4)
    actions = np.arange(len(X)) % len(CATALOGUE)
    found = [one.due_s(x, int(action)) for x, action in zip(X, actions, strict=True)]
    np.testing.assert_allclose(found, prior.due_s(X, actions), rtol=1e-5, atol=1e-2)


def test_a_part_more_or_less_costs_its_weight_and_the_wrong_amount_a_quarter() -> None:
    work = Prior(SETTINGS).work(X)
    best = work.argmax(-1)
    for name in ("serves", "trains", "pulls", "pushes"):
        flags = getattr(FACTS, name)
        others = np.where(flags == flags[best][:, None], -np.inf, work).max(-1)
        assert (work.max(-1) - others >= SETTINGS.work * 0.5).all()
    assert (work.max(-1) - np.sort(work)[:, -2] > 0).all()


def test_lengths_near_what_is_due_are_likelier_than_others() -> None:
    scores = Prior(SETTINGS).sleep(X).reshape(len(X), len(SLEEPS.wake_on), SLEEPS.group)
    bins = scores[..., :-1]
    assert (scores[..., -1:] > bins).all()
    rising = np.diff(bins, axis=-1)
    assert ((rising[..., :-1] >= -1e-5) | (rising[..., 1:] <= 1e-5)).all()


def test_a_manifest_brings_the_settings_back() -> None:
    assert parsed(json.loads(json.dumps(SETTINGS.as_dict()))) == SETTINGS


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"work": -1.0}, ConfigError),
        ({"sleep": "much"}, ValueError),
        ({"rule": {"name": "threshold"}}, ValueError),
        ({"rule": {**SETTINGS.as_dict()["rule"], "mood": 1.0}}, TypeError),
    ],
)
def test_settings_that_are_none_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        parsed(SETTINGS.as_dict() | change)


def test_a_policy_file_has_its_prior_with_it(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    width = 2 * X.shape[1]
    shapes = [(16, width), (len(NAMES), 16), (SLEEPS.count, 16)]
    first, work, sleep = (
        FloatLayer(
            weights=random.normal(0, 0.05, shape).astype(np.float32),
            bias=np.zeros(shape[0], np.float32),
            relu=i == 0,
        )
        for i, shape in enumerate(shapes)
    )
    inputs = random.uniform(-1, 1, (500, width)).astype(np.float32)
    layers, slept = quantise_heads((first, work), (sleep,), inputs)
    plain, corrected = (
        NetworkPolicy(
            export_policy(
                tmp_path / f"{name}.tflite",
                layers,
                observations=X,
                made={"idle": "masked"},
                sleep_layers=slept,
                prior=prior,
            )
        )
        for name, prior in (("plain", None), ("corrected", SETTINGS))
    )
    prior = PriorOfOne(SETTINGS)
    for x in X[:20]:
        np.testing.assert_allclose(corrected.scores(x) - plain.scores(x), prior.work(x), atol=1e-5)
        np.testing.assert_allclose(
            corrected.sleep_scores(x) - plain.sleep_scores(x), prior.sleep(x), atol=1e-5
        )
        action = CATALOGUE[int(corrected.scores(x).argmax())]
        assert corrected.due_s(x, action) == prior.due_s(x, NAMES.index(action.name))
    assert UNTIL_DUE.sum() == len(SLEEPS.wake_on)
