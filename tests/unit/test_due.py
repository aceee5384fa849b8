from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from circadia.actions import action_named
from circadia.due import AGAIN_S, Done, DueLimits, due, due_for, due_s
from circadia.errors import ConfigError
from circadia.observation import NO_DEADLINE_S, values
from circadia.types import Observation, WakeOn

IDLE = Observation(
    queue_length=0,
    queue_slack_s=NO_DEADLINE_S,
    fresh_examples=0,
    fresh_age_s=0,
    contact_age_s=600,
    deadline_s=3600,
)
LIMITS = DueLimits(fresh_limit_s=7200, contact_limit_s=3600, margin_s=60)


def of(*, heard: bool = True, done: Done | None = None, **seen: float) -> dict[str, float]:
    x = values(dataclasses.replace(IDLE, **seen))
    found = due(x, heard=heard, done=done or Done(), limits=LIMITS)
    first = due_s(x, heard=heard, done=done or Done(), limits=LIMITS)
    assert first == min(found)
    return {name: float(value) for name, value in found._asdict().items()}


def test_an_idle_device_has_only_the_federation_to_ask() -> None:
    assert of() == {"request": math.inf, "training": math.inf, "exchange": 3000.0, "look": math.inf}


def test_one_that_hears_nobody_looks_before_a_request_could_expire() -> None:
    assert of(heard=False)["look"] == 3540.0
    assert of(heard=False, deadline_s=40)["look"] == 24.0  # two fifths are margin
    assert of(heard=False, deadline_s=math.nan)["look"] == 36.0


def test_a_request_is_due_before_its_deadline() -> None:
    assert of(queue_length=2, queue_slack_s=500)["request"] == 440.0
    assert of(queue_length=2, queue_slack_s=20)["request"] == 0.0
    assert of(queue_length=2, queue_slack_s=20, done=Done(serves=True))["request"] == math.inf


def test_examples_are_due_before_the_oldest_is_too_old() -> None:
    assert of(fresh_examples=5, fresh_age_s=7000)["training"] == 200.0
    assert of(fresh_examples=5, fresh_age_s=9000)["training"] == 0.0
    assert of(fresh_examples=5, fresh_age_s=9000, done=Done(trains=True))["training"] == 7200.0


def test_an_exchange_is_due_when_the_federation_was_not_heard_for_long() -> None:
    assert of(contact_age_s=9000)["exchange"] == 0.0
    assert of(contact_age_s=9000, done=Done(syncs=True))["exchange"] == 3600.0
    assert of(contact_age_s=math.nan, done=Done(syncs=True))["exchange"] == math.inf


def test_what_is_due_and_not_done_is_tried_again_later_not_at_once() -> None:
    x = values(dataclasses.replace(IDLE, contact_age_s=9000, fresh_examples=5, fresh_age_s=9000))
    sleep = action_named("sleep")
    assert due_for(x, sleep, [WakeOn.DEADLINE], LIMITS) == (AGAIN_S,)
    assert due_for(x, action_named("train/low/small/sync-pull"), [WakeOn.DEADLINE], LIMITS) == (3600.0,)
    waits = values(dataclasses.replace(IDLE, queue_length=1, queue_slack_s=5))
    assert due_for(waits, sleep, [WakeOn.DEADLINE, WakeOn.DUE], LIMITS) == (AGAIN_S / 15, AGAIN_S / 15)


def test_what_no_sensor_tells_is_not_due() -> None:
    assert float(due_s(values(Observation()))) == math.inf


def test_batches_of_numpy_and_jax_agree() -> None:
    jnp = pytest.importorskip("jax.numpy")
    random = np.random.default_rng(0)
    x = np.stack([
        values(
            dataclasses.replace(
                IDLE,
                queue_length=float(random.integers(0, 3)),
                queue_slack_s=random.uniform(0, 4000),
                fresh_examples=float(random.integers(0, 3)),
                fresh_age_s=random.uniform(0, 9000),
                contact_age_s=random.uniform(0, 5000),
            )
        )
        for _ in range(50)
    ])  # fmt: skip
    flags = [random.random(50) < 0.5 for _ in range(4)]
    ours = due_s(x, heard=flags[3], done=Done(*flags[:3]), limits=LIMITS)
    theirs = due_s(jnp.asarray(x), heard=flags[3], done=Done(*flags[:3]), limits=LIMITS, xp=jnp)
    np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-5, atol=1e-3)
    one = [
        float(due_s(row, heard=flags[3][i], done=Done(*(f[i] for f in flags[:3])), limits=LIMITS))
        for i, row in enumerate(x)
    ]
    np.testing.assert_allclose(one, ours)


def test_limits_that_are_none_are_refused() -> None:
    for wrong in ({"margin_s": -1.0}, {"fresh_limit_s": math.nan}, {"margin_share": 1.0}):
        with pytest.raises(ConfigError, match="margin_share"):
            DueLimits(**wrong)
