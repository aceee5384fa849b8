from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from circadia.recent import LABELS, NEVER_S, RATE_S, Recent
from circadia.types import LastTick, Load, Observation, Phase, Training

HOUR_S = 3600.0


def training(gain: float) -> Training:
    none = np.zeros((1, 1), np.int64)
    return Training(steps=1, examples=1, loss=1.0, batches=none, weights=none.astype(np.float32), gain=gain)


def lived(*, federated: bool = True) -> Recent:
    recent = Recent(deadline_s=60, federated=federated)
    for i in range(5):
        recent.asked(100.0 * i, 100.0 * i + 600)
        recent.answered(i, i % 2)
        recent.labelled(i, 0, 100.0 * i + 10)
    recent.trained(training(0.25), 500.0)
    recent.contacted(520.0)
    return recent


def test_a_new_device_has_neither_trained_nor_been_wrong() -> None:
    seen = Recent(deadline_s=60, federated=True).fields(1000.0)
    assert (seen["trained_age_s"], seen["contact_age_s"]) == (NEVER_S, NEVER_S)
    assert (seen["requests_per_hour"], seen["deadline_s"]) == (0.0, 60.0)
    assert all(math.isnan(seen[name]) for name in ("recent_error", "error_age_s", "training_gain"))


def test_what_happened_is_told_with_its_age() -> None:
    seen = lived().fields(620.0)
    assert (seen["trained_age_s"], seen["contact_age_s"], seen["error_age_s"]) == (120.0, 100.0, 210.0)
    assert (seen["recent_error"], seen["training_gain"], seen["deadline_s"]) == (0.4, 0.25, 600.0)


def test_the_rate_of_steady_arrivals_is_theirs_and_fades_without_any() -> None:
    recent = Recent()
    for i in range(24 * 30):
        recent.asked(120.0 * i, 120.0 * i + 60)
    last_s = 120.0 * (24 * 30 - 1)
    assert recent.fields(last_s + 60)["requests_per_hour"] == pytest.approx(30, rel=0.02)
    faded = recent.fields(last_s + RATE_S)["requests_per_hour"] / recent.fields(last_s)["requests_per_hour"]
    assert faded == pytest.approx(math.exp(-1))


def test_an_error_counts_among_the_last_labels_only() -> None:
    recent = Recent()
    for i in range(20 * LABELS):
        recent.answered(i, 0)
        recent.labelled(i, int(i < 2 * LABELS), float(i))
    assert recent.fields(1e4)["recent_error"] < 1e-6


def test_a_label_of_an_unknown_request_says_nothing() -> None:
    recent = Recent()
    recent.labelled(7, 1, 10.0)
    assert math.isnan(recent.fields(20.0)["recent_error"])


def test_without_a_federation_there_is_no_contact() -> None:
    assert math.isnan(lived(federated=False).fields(620.0)["contact_age_s"])


def test_a_clock_that_was_set_back_makes_nothing_younger_than_new() -> None:
    seen = lived().fields(0.0)
    assert (seen["trained_age_s"], seen["contact_age_s"], seen["error_age_s"]) == (0, 0, 0)


def test_a_restart_goes_on_from_the_last_observation() -> None:
    before = lived().fields(620.0)
    last = LastTick(tick_id=1, t_s=620.0, observation=Observation(**before), phases=())
    after = Recent(deadline_s=60, federated=True, last=last).fields(620.0)
    assert after == pytest.approx(before)
    trained = dataclasses.replace(last, phases=(Phase(load=Load.TRAIN_LOW, duration_s=3.0),))
    assert Recent(last=trained).fields(650.0)["trained_age_s"] == 30.0
    assert (
        Recent(last=dataclasses.replace(last, observation=Observation())).fields(650.0)["trained_age_s"]
        == NEVER_S
    )
