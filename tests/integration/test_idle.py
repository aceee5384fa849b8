"""What counts as having nothing to do is what the real workload does nothing for, in every state that it comes through."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FACTS, action_named
from circadia.config import parse_config
from circadia.federation.device.events import UpdateAcknowledged
from circadia.idle import idle
from circadia.observation import COLUMN, values
from circadia.serving.queue import Request
from circadia.types import Link, Observation
from circadia.wiring import build
from circadia.workload import LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.types import Action, Outcome

YEAR_S = 365 * 86_400.0
ALL_WELL = Observation(
    battery_soc=0.9, temperature_c=25.0, link=float(Link.FREE), charging=0.0, power_save=0.0, user_active=0.0
)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = build(parse_config({"store": {"path": str(tmp_path / "device.db")}})).agent
    yield agent
    agent.close()


def work(agent: Agent) -> LearningWorkload:
    assert isinstance(agent.workload, LearningWorkload)
    return agent.workload


def do(workload: LearningWorkload, name: str, now_s: float) -> None:
    workload.run(action_named(name), now_s)
    workload.settle(stored=True)


def image(workload: LearningWorkload) -> NDArray[np.float32]:
    return np.random.default_rng(0).random(workload.task.input_shape).astype(np.float32)


def seen(workload: LearningWorkload, now_s: float) -> NDArray[np.float32]:
    return values(dataclasses.replace(ALL_WELL, **workload.observe(now_s)))


def does_something(action: Action, workload: LearningWorkload, outcome: Outcome) -> bool:
    """Every part of it does: what a part has nothing to do in is another action."""
    if action.serve and not outcome.served:
        return False
    if action.train:
        return outcome.training is not None
    return action.push is None or outcome.update is not None or bool(workload.spool)


def check(workload: LearningWorkload, now_s: float) -> set[str]:
    """The names of what has nothing to do, once the workload has shown that it is so."""
    found = idle(seen(workload, now_s), FACTS)
    for action, nothing in zip(CATALOGUE, found.tolist(), strict=True):
        if action.pull and action.works:
            continue  # the same work as without
        assert nothing is not does_something(action, workload, workload.run(action, now_s)), action.name
    return set(np.array(FACTS.names)[found])


def names(flags: NDArray[np.bool_]) -> set[str]:
    return set(np.array(FACTS.names)[flags])


def test_it_is_so_from_the_first_example_to_the_last_acknowledgement(agent: Agent) -> None:
    workload = work(agent)
    serves, trains, pushes = names(FACTS.serves), names(FACTS.trains), names(FACTS.only_pushes)
    assert check(workload, 0.0) == serves | trains | pushes

    workload.requests.put(Request(request_id=1, x=image(workload), submitted_s=0.0, deadline_s=60.0))
    assert check(workload, 1.0) == trains | pushes
    do(workload, "serve/low/small", 1.0)
    assert check(workload, 2.0) == serves | trains | pushes

    workload.examples.add(1, image(workload), 3, 2.0)
    assert check(workload, 3.0) == serves | pushes
    do(workload, "train/low/small", 3.0)
    assert workload.examples.fresh_count == 0
    assert check(workload, 4.0) == serves

    do(workload, "sleep/sync-int8", 4.0)
    assert workload.model.unsent_examples == 0
    assert check(workload, 5.0) == serves
    (sent,) = workload.spool
    do(workload, "sleep", 5.0)  # instead of what was only tried
    workload.hear(UpdateAcknowledged(update_id=sent, accepted=True), 5.0)
    workload.settle(stored=True)
    assert check(workload, 6.0) == serves | pushes

    # Examples that were trained on half a year ago may be trained on again: practice has faded, and is not 0.
    assert 0 < workload.model.practice.at(YEAR_S / 2) < 1e-30
    assert check(workload, YEAR_S / 2) == serves | pushes


def test_a_decision_sleeps_where_only_idle_work_is_wanted(agent: Agent) -> None:
    """Whatever the policy scores: with nothing there, it sleeps or asks for a version."""
    shield, x = agent.shield, seen(work(agent), 0.0)
    wish = np.where(FACTS.serves | FACTS.trains, 50.0, 0.0).astype(np.float32)
    done = {shield.decide(x, wish, u).action.name for u in np.linspace(0, 0.999, 50)}
    assert done == {"sleep", "sleep/sync-pull"}


def test_what_is_not_known_may_be_there(agent: Agent) -> None:
    x = seen(work(agent), 0.0)
    x[[COLUMN["queue_length"], COLUMN["practice"], COLUMN["spooled_updates"]]] = np.nan
    assert not idle(x, FACTS).any()
