"""What every `Workload` promises."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import action_named
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged
from circadia.ports import AnswersAtOnce
from circadia.serving.queue import Request
from circadia.testing.contract import Contract
from circadia.types import Observation

if TYPE_CHECKING:
    from circadia.ports import Workload
    from circadia.types import Outcome

T_S, STEP_S, PATIENCE_S = 1000.0, 60.0, 3600.0
SLEEP, SERVE, TRAIN, PUSH = map(
    action_named, ("sleep", "serve/high/small", "train/high/small", "train/high/small/sync-int8")
)


class WorkloadContract(Contract):
    """Inherit it and say how a workload is made: of version 0, with nothing waiting and nothing learned."""

    def make(self) -> Workload:
        """A new one."""
        raise NotImplementedError

    @pytest.fixture
    def workload(self) -> Workload:
        """A new one."""
        return self.make()

    def test_it_observes_what_the_body_does_not_know(self, workload: Workload) -> None:
        seen = workload.observe(T_S)
        assert seen.keys() <= {field.name for field in fields(Observation)}
        assert all(isinstance(value, float) for value in seen.values())
        assert (seen["queue_length"], seen["fresh_examples"], seen["versions_behind"]) == (0, 0, 0)
        assert (workload.version, workload.waiting, workload.busy, len(workload.spooled)) == (0, 0, False, 0)

    def test_a_request_is_answered_once(self, workload: Workload) -> None:
        workload.ask(_request(workload, 1))
        assert workload.waiting == 1
        assert workload.observe(T_S)["queue_length"] == 1
        outcomes = [_stored(workload, workload.run(SERVE, T_S + i * STEP_S)) for i in range(20)]
        served = [answer for outcome in outcomes for answer in outcome.served]
        assert [answer.request_id for answer in served] == [1]
        assert 0 <= served[0].label < len(workload.task.labels)
        assert 0 <= served[0].confidence <= 1
        assert served[0].latency_s >= 0
        assert workload.waiting == 0
        assert not workload.busy
        assert [i for outcome in outcomes for i in outcome.expired] == []

    def test_what_it_answers_at_once_is_what_it_serves(self, workload: Workload) -> None:
        if not isinstance(workload, AnswersAtOnce):
            pytest.skip("its answers come ticks later")
        request = _request(workload, 1)
        row, version = workload.infer(request.x)
        assert row.shape == (len(workload.task.labels),)
        assert row.sum() == pytest.approx(1.0, abs=1e-3)
        assert version == workload.version
        workload.ask(request)
        outcomes = [_stored(workload, workload.run(SERVE, T_S + i * STEP_S)) for i in range(20)]
        (answer,) = [answer for outcome in outcomes for answer in outcome.served]
        assert answer.label == int(np.argmax(row))
        assert answer.confidence == pytest.approx(row.max())
        workload.remember(9, request.x, T_S)
        np.testing.assert_array_equal(workload.recall(9), request.x)  # type: ignore[arg-type]
        assert workload.recall(9) is None

    def test_the_input_of_an_answer_is_recalled_once(self, workload: Workload) -> None:
        request = _request(workload, 1)
        workload.ask(request)
        for i in range(20):
            _stored(workload, workload.run(SERVE, T_S + i * STEP_S))
        found = workload.recall(1)
        assert found is not None
        np.testing.assert_array_equal(found, request.x)
        assert workload.recall(1) is None
        assert workload.recall(2) is None

    def test_a_request_that_nobody_serves_expires_once(self, workload: Workload) -> None:
        workload.ask(_request(workload, 1, deadline_s=T_S + 10))
        assert _stored(workload, workload.run(SLEEP, T_S)).expired == ()
        assert _stored(workload, workload.run(SLEEP, T_S + 11)).expired == (1,)
        assert _stored(workload, workload.run(SLEEP, T_S + 12)).expired == ()
        assert workload.waiting == 0

    def test_what_away_work_there_is_comes_back_or_is_given_up(self, workload: Workload) -> None:
        workload.ask(_request(workload, 1))
        outcomes = [_stored(workload, workload.run(SERVE, T_S + i * STEP_S)) for i in range(100)]
        away = [work.work_id for outcome in outcomes for work in outcome.away]
        assert sorted(work_id for outcome in outcomes for work_id in outcome.back) == sorted(away)

    def test_training_uses_the_examples(self, workload: Workload) -> None:
        _teach(workload)
        fresh = workload.observe(T_S)["fresh_examples"]
        assert fresh == len(workload.task.labels)
        outcomes = [_stored(workload, workload.run(TRAIN, T_S + i * STEP_S)) for i in range(20)]
        assert any(outcome.model is not None for outcome in outcomes)
        assert workload.observe(T_S)["fresh_examples"] < fresh
        assert workload.observe(T_S)["practice"] > 0

    def test_nothing_is_kept_before_the_store_has_it(self, workload: Workload) -> None:
        _teach(workload)
        before = _seen(workload)
        workload.run(PUSH, T_S)
        assert _seen(workload) == before
        assert len(workload.spooled) == 0
        workload.settle(stored=False)
        assert _seen(workload) == before
        assert len(workload.spooled) == 0

    def test_an_update_waits_for_its_verdict(self, workload: Workload) -> None:
        _teach(workload)
        for i in range(20):
            _stored(workload, workload.run(PUSH, T_S + i * STEP_S))
        waiting = list(workload.spooled)
        assert waiting
        assert workload.observe(T_S)["spooled_updates"] == len(waiting)
        verdict = UpdateAcknowledged(update_id=waiting[0].update_id, accepted=True)
        assert workload.hear(verdict, T_S) is None
        assert len(workload.spooled) == len(waiting)
        workload.settle(stored=False)
        assert len(workload.spooled) == len(waiting)
        for _ in range(2):  # a verdict may come twice
            workload.hear(verdict, T_S)
            workload.settle(stored=True)
        assert [update.update_id for update in workload.spooled] == [u.update_id for u in waiting[1:]]

    def test_a_newer_version_is_installed_when_the_store_has_it(self, workload: Workload) -> None:
        assert workload.hear(ManifestSeen(version=3, published_s=T_S), T_S) is None
        workload.settle(stored=True)
        assert workload.observe(T_S)["versions_behind"] == 3
        weights = np.full_like(workload.task.initial_weights, 0.25)
        arrived = ModelArrived(version=3, published_s=T_S + 500, weights=weights)
        model = workload.hear(arrived, T_S)
        assert model is not None
        np.testing.assert_array_equal(model.base, weights)
        assert model.published_s <= T_S  # whatever the federation's clock says
        workload.settle(stored=False)
        assert workload.version == 0
        workload.hear(arrived, T_S)
        workload.settle(stored=True)
        assert (workload.version, workload.observe(T_S)["versions_behind"]) == (3, 0)
        assert workload.hear(arrived, T_S) is None  # nothing new
        workload.settle(stored=True)


def _seen(workload: Workload) -> dict[str, float | None]:
    """What it observes, with what is not known yet comparable."""
    return {name: None if math.isnan(value) else value for name, value in workload.observe(T_S).items()}


def _stored(workload: Workload, outcome: Outcome) -> Outcome:
    workload.settle(stored=True)
    return outcome


def _request(workload: Workload, request_id: int, deadline_s: float = T_S + PATIENCE_S) -> Request:
    x = np.random.default_rng(request_id).random(workload.task.input_shape).astype(np.float32)
    return Request(request_id=request_id, x=x, submitted_s=T_S - 1, deadline_s=deadline_s)


def _teach(workload: Workload) -> None:
    """An example of each label."""
    random = np.random.default_rng(0)
    for label in range(len(workload.task.labels)):
        x = random.random(workload.task.input_shape).astype(np.float32)
        assert list(workload.learn(label + 1, x, label, T_S - 1)) == []
