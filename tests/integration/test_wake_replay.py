"""The runtime's wakes by the rule `due`, replayed through the simulator: the same requests and versions, the same wakes.

Served and expired are as many, the radio is on for as long, and what is pulled comes before what is served.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from circadia.actions import FACTS, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.federation.device.events import ManifestSeen, ModelArrived
from circadia.observation import DAY_S, HOUR_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.physics.scenario import BOARD
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.types import Load, WakeOn
from circadia.wiring import Parts, build
from circadia.workload import LearningWorkload
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env.chance import recorded
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.env.sleeping import DRAWS, Asked, draw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.types import TickRecord

START_S, END_S = 30_000.0, 70_000.0
WAKES = find_problem("wake-board")
MODEL_BYTES = 4.0 * 5130
"""Of the task's weights."""


PUBLISHED_S = (33_000.0, 36_000.0, 52_000.0)
"""When the federation's versions 1, 2, 3 are there."""


class Federation:
    """Answers whoever asks, at once; a device whose radio sleeps hears of no version before it asks."""

    trouble = ""
    connected = True

    def __init__(self, clock: HandClock, weights: NDArray[np.float32]) -> None:
        self._clock, self._weights = clock, weights
        self._sent = 0
        self._events: list[Any] = []

    def set_online(self, _online: bool) -> None: ...

    def request(self, _push: Any, pull: bool) -> None:
        version = published(self._clock.t_s)
        if not pull:
            return
        self._events.append(ManifestSeen(version=version, published_s=0.0))
        if version > self._sent:
            arrived = ModelArrived(
                version=version, published_s=0.0, weights=self._weights + np.float32(version)
            )
            self._events.append(arrived)
        self._sent = version

    def poll(self) -> list[Any]:
        events, self._events = self._events, []
        return events


def published(t_s: float) -> int:
    return sum(t_s >= published_s for published_s in PUBLISHED_S)


def lived(
    path: Path, profile: str, times: list[int], deadline_s: float, *, federated: bool = False
) -> list[TickRecord]:
    """By the agent's own runtime, on a clock that is moved to whatever happens next."""
    clock = HandClock(START_S)
    records: list[TickRecord] = []
    table = {
        "agent": {"policy": "due"},
        "platform": {"profile": profile},
        "store": {"path": str(path / "device.db")},
    }
    body = SimulatedPlatform(shipped_profile(profile), BOARD, 0, initial_soc=1.0)
    loop = build(parse_config(table), parts=Parts(clock=clock, platform=body), observers=(records.append,))
    assert isinstance(loop.agent.workload, LearningWorkload)
    if federated:
        loop.agent.federation = Federation(clock, loop.agent.workload.model.weights)
        loop.agent.application.recent._federated = True
        loop._pull_wait_s = 2.0
    x = np.zeros(loop.agent.workload.task.input_shape, np.float32)
    ahead = list(times)
    while (now_s := min([loop.due_s, *ahead[:1]])) < END_S:
        clock.t_s = max(now_s, clock.t_s)
        while ahead and ahead[0] <= clock.t_s:
            ahead.pop(0)
            loop.agent.submit(x, deadline_s=deadline_s)
        loop.turn()
    assert loop.errors == 0
    loop.agent.close()
    return records


class Foretold(NamedTuple):
    begun_s: float
    served: int
    expired: int
    radio_s: float
    latency_s: float
    """Of all that were served."""


def foretold(records: list[TickRecord], profile: str, times: list[int], deadline_s: float) -> list[Foretold]:
    """The same decisions through the simulator, over a record of the same requests and versions."""
    requests = np.zeros(int(DAY_S))
    for t in times:
        requests[t - 1] += 1  # a bin's requests come at its end
    replay = recorded(DayTrace(bin_s=1.0, requests=requests, clearness=np.ones(int(DAY_S))), np)
    day = replace(BOARD, deadline_s=deadline_s, examples_per_hour=(0.0,) * 24, model_bytes=MODEL_BYTES)
    params = make_params(shipped_profile(profile), day)
    state = dynamics.initial_state(params, np.float64(1), START_S)
    kinds, found = list(WakeOn), []
    for record in records:
        sleep = record.decision.sleep
        assert sleep is not None
        action = INDEX[record.decision.action.name]
        asked = Asked(np.float64(sleep.length_s), np.int64(kinds.index(sleep.wake_on)))
        u, none = np.full(DRAWS, 0.5), np.float64(0)
        state = state._replace(link=np.float64(record.observation.link))
        noise = draw(state, action, asked, u, params, WAKES, none, np, FACTS, replay)
        begun_s = float(state.time_s)
        newer = published(begun_s + float(noise.dt_s)) - published(begun_s)
        noise = noise._replace(published=np.float64(newer))
        state, result = dynamics.step(state, action, noise, params, np, FACTS)
        counted = int(result.requests_served), int(result.requests_expired)
        found.append(
            Foretold(begun_s, *counted, float(result.durations_s[Load.RADIO]), float(result.latency_s))
        )
    return found


def made(mean_s: float) -> list[int]:
    gaps = 20 + np.random.default_rng(4).exponential(mean_s, 400)
    return [int(t) for t in START_S + np.cumsum(gaps) if t < END_S]


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["pi-boot", "suspend-board"])
@pytest.mark.parametrize(("mean_s", "deadline_s"), [(400, HOUR_S), (3000, 1200.0)])
def test_the_simulator_wakes_as_the_runtime_does(
    tmp_path: Path, profile: str, mean_s: float, deadline_s: float
) -> None:
    times = made(mean_s)
    records = lived(tmp_path, profile, times, deadline_s)
    found = foretold(records, profile, times, deadline_s)
    np.testing.assert_allclose([wake.begun_s for wake in found], [r.t_s for r in records], atol=0.01)
    served = [len(record.outcome.served) for record in records]
    assert [wake.served for wake in found] == served
    assert [wake.expired for wake in found][:-1] == [len(record.outcome.expired) for record in records][1:]
    assert sum(served) > 5


def radio_s(record: TickRecord) -> float:
    return sum(phase.duration_s for phase in record.outcome.phases if phase.load is Load.RADIO)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["pi-boot", "suspend-board"])
def test_what_a_wake_pulls_comes_before_what_it_serves_in_both(tmp_path: Path, profile: str) -> None:
    times = made(1000)
    records = lived(tmp_path, profile, times, HOUR_S, federated=True)
    found = foretold(records, profile, times, HOUR_S)
    np.testing.assert_allclose([wake.begun_s for wake in found], [r.t_s for r in records], atol=0.01)
    pulls = [record for record in records if record.decision.action.pull]
    assert {radio_s(record) > 0 for record in pulls} == {True}  # with and without news
    np.testing.assert_allclose([wake.radio_s for wake in found], [radio_s(r) for r in records], rtol=1e-6)
    lone = [n for n, record in enumerate(records) if len(record.outcome.served) == 1]
    latency = [records[n].outcome.served[0].latency_s for n in lone]
    np.testing.assert_allclose([found[n].latency_s for n in lone], latency, atol=0.01)
    assert any(records[n].decision.action.pull for n in lone)
    for record in pulls:
        assert record.version == published(record.t_s)
        assert {answer.version for answer in record.outcome.served} <= {record.version}
    assert len({record.version for record in pulls}) == 1 + len(PUBLISHED_S)
