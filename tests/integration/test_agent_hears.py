"""What a device does with what its federation says: a real task and store; only the clock and the letters are ours."""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import action_named
from circadia.config import parse_config
from circadia.errors import ArtifactError
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged, UpdatePutOff
from circadia.types import Model, ModelUpdate, Outcome
from circadia.wiring import build
from circadia.workload import SPOOL_LIMIT, LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent


class Letters:
    """The federation port: hands over what a test wrote."""

    connected = True
    trouble = ""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def request(self, push: Sequence[ModelUpdate], pull: bool) -> None: ...

    def set_online(self, online: bool) -> None: ...

    def close(self) -> None: ...

    def poll(self) -> list[Any]:
        events, self.events = self.events, []
        return events


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = build(parse_config({"store": {"path": str(tmp_path / "device.db")}})).agent
    agent.federation = Letters()
    yield agent
    agent.close()


def hear(agent: Agent, *events: Any) -> None:
    assert isinstance(agent.federation, Letters)
    agent.federation.events += events
    agent.hear()


def work(agent: Agent) -> LearningWorkload:
    assert isinstance(agent.workload, LearningWorkload)
    return agent.workload


def arrived(version: int, weights: NDArray[np.float32]) -> ModelArrived:
    return ModelArrived(version=version, published_s=0.0, weights=weights.astype(np.float32))


def behind(agent: Agent) -> float:
    return agent.workload.observe(agent.clock.now_s())["versions_behind"]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e20])
def test_weights_that_answer_nothing_are_not_installed(
    agent: Agent, value: float, caplog: pytest.LogCaptureFixture
) -> None:
    before = work(agent).model
    version = 2**31 - 1
    hear(
        agent,
        ManifestSeen(version=version, published_s=0.0),
        arrived(version, np.full_like(before.weights, value)),
    )
    assert work(agent).model is before
    assert behind(agent) == 0
    assert "is not installed" in caplog.text
    hear(agent, ManifestSeen(version=version, published_s=0.0))  # announced once more
    assert behind(agent) == 0
    hear(agent, ManifestSeen(version=1, published_s=0.0), arrived(1, before.weights))
    assert work(agent).model.version == 1


def test_a_change_that_overflows_on_a_new_version_is_left_behind(agent: Agent) -> None:
    workload = work(agent)
    good, huge = workload.model.weights, np.full_like(workload.model.weights, 3e38)
    workload.model = Model(version=1, published_s=0.0, base=-huge, weights=huge, unsent_examples=7)
    model = workload._on_version(2, 0.0, good)
    np.testing.assert_array_equal(model.weights, good)
    assert model.unsent_examples == 0
    with pytest.raises(ArtifactError):
        workload._on_version(3, 0.0, huge)


def test_a_device_follows_its_federation_back(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    weights = work(agent).model.weights
    hear(agent, ManifestSeen(version=9, published_s=0.0))
    assert behind(agent) == 9
    hear(agent, arrived(9, weights))
    assert behind(agent) == 0
    hear(agent, ManifestSeen(version=4, published_s=0.0))
    assert behind(agent) == 1
    assert "gone back from version 9 to 4" in caplog.text
    hear(agent, arrived(4, weights))
    assert (work(agent).model.version, behind(agent)) == (4, 0)


def test_what_is_put_off_is_said_once_and_stays_in_the_spool(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    work(agent).spool["u1"] = update("u1")
    for retry_s in (20.0, 40.0):
        hear(agent, UpdatePutOff(update_id="u1", reason="schema: 2 is unknown", retry_s=retry_s))
    assert caplog.text.count("schema: 2 is unknown") == 1
    assert agent.put_off == {"u1": "schema: 2 is unknown"}
    assert agent.status().updates.put_off == "schema: 2 is unknown"
    assert "u1" in work(agent).spool
    hear(agent, UpdateAcknowledged(update_id="u1", accepted=True))
    assert not agent.put_off
    assert agent.status().updates.put_off == ""
    assert not work(agent).spool


def update(update_id: str, base_version: int = 0) -> ModelUpdate:
    return ModelUpdate(
        update_id=update_id, task="ab" * 32, base_version=base_version, examples=1, codec="int8", payload=b"x",
        created_s=0.0,
    )  # fmt: skip


def test_updates_that_wait_for_a_version_gone_back_from_do_not_silence_a_device(agent: Agent) -> None:
    spool = work(agent).spool
    spool.update({f"f{i}": update(f"f{i}", base_version=99) for i in range(SPOOL_LIMIT)})
    assert not work(agent)._spool_is_full
    spool.update({f"u{i}": update(f"u{i}") for i in range(SPOOL_LIMIT)})
    assert work(agent)._spool_is_full


def test_a_change_whose_examples_have_left_counts_for_one(agent: Agent) -> None:
    workload = work(agent)
    workload.model = dataclasses.replace(workload.model, unsent_examples=7)
    outcome = workload.run(action_named("sleep/sync-int8"), agent.clock.now_s())
    assert outcome.update is not None
    assert outcome.update.examples == 1


def test_an_update_that_no_message_can_carry_is_given_up_and_the_others_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = {
        "store": {"path": str(tmp_path / "device.db")},
        "federation": {"broker": "127.0.0.1:1", "drain_s": 0.0},
    }
    runtime = build(parse_config(table))
    agent, bad = runtime.agent, dataclasses.replace(update("bad"), examples=0)
    for one in (bad, update("good")):
        agent.store.commit(dataclasses.replace(agent.tick(), outcome=Outcome(update=one)))
        work(agent).spool[one.update_id] = one
    agent.tick()
    agent._sync(action_named("sleep/sync-int8"), pulls=True)
    assert [one.update_id for one in agent.workload.spooled] == ["good"]
    assert [one.update_id for one in agent.store.spooled()] == ["good"]
    assert "update bad was rejected" in caplog.text
    assert math.isnan(agent.application.recent.contact_s)  # nobody else has said so
    runtime.stop()
