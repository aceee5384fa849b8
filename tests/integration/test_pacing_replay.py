"""The runtime's ticks, replayed through the simulator: same arrivals and actions, same times, served and expired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.observation import DAY_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.physics.scenario import PHONE
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import Parts, build
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env.chance import DRAWS, draw, recorded
from circadia_lab.policy.env.problem import TickLaw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.types import TickRecord

PERIOD_S, START_S, END_S = 300.0, 30_000.0, 50_000.0
PROFILE = shipped_profile("pixel-3")
IDLE = ("sleep", "train/low/small", "train/high/large")
SERVING = ("serve/low/small", "serve/high/small", "serve/low/large", "serve/high/large")


class Scripted:
    """One of some actions after the other, as dice fell; a queue is served at the `eager` share of the ticks."""

    name = "scripted"
    offered = np.isin([action.name for action in CATALOGUE], (*IDLE, *SERVING))

    def __init__(self, seed: int, eager: float) -> None:
        self._random = np.random.default_rng(seed)
        self._eager = eager

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        names = SERVING if self._random.random() < self._eager else IDLE
        scores = np.where(self.offered, 0, -np.inf).astype(np.float32)
        scores[INDEX[self._random.choice(names)]] = 1000.0
        return scores


class Burst(NamedTuple):
    t_s: int
    size: int


def lived(path: Path, policy: Scripted, bursts: list[Burst], deadline_s: float) -> list[TickRecord]:
    """By the agent's own runtime, on a clock that is moved to whatever happens next."""
    clock = HandClock(START_S)
    records: list[TickRecord] = []
    table = {
        "agent": {"policy": "charging-only", "period_s": PERIOD_S},
        "platform": {"profile": "pixel-3"},
        "store": {"path": str(path / "device.db")},
    }
    body = SimulatedPlatform(PROFILE, PHONE, 0, initial_soc=1.0)
    loop = build(
        parse_config(table),
        parts=Parts(clock=clock, policy=policy, platform=body),
        observers=(records.append,),
    )
    task = loop.agent.workload.task
    x = np.zeros(task.input_shape, np.float32)
    loop.agent.add_example(x, 0)
    ahead = list(bursts)
    while (now_s := min([loop.due_s, *(burst.t_s for burst in ahead[:1])])) < END_S:
        clock.t_s = max(now_s, clock.t_s)
        while ahead and ahead[0].t_s <= clock.t_s:
            for _ in range(ahead.pop(0).size):
                loop.agent.submit(x, deadline_s=deadline_s)
        loop.turn()
    assert loop.errors == 0
    loop.agent.close()
    return records


class Foretold(NamedTuple):
    t_s: float
    served: int
    expired: int


def foretold(actions: list[int], bursts: list[Burst], deadline_s: float) -> list[Foretold]:
    """The same actions through the simulator, over a record of the same requests."""
    requests = np.zeros(int(DAY_S))
    for burst in bursts:
        requests[burst.t_s - 1] += burst.size  # a bin's requests come at its end
    replay = recorded(DayTrace(bin_s=1.0, requests=requests, clearness=np.ones(int(DAY_S))), np)
    params = make_params(PROFILE, replace(PHONE, deadline_s=deadline_s, examples_per_hour=(0.0,) * 24))
    law = TickLaw(period_s=PERIOD_S, doze_periods=(1.0,), doze_shares=(1.0,))
    state = dynamics.initial_state(params, np.float64(1), START_S)._replace(stored_examples=np.float64(1))
    ticks, u = [], np.full(DRAWS, 0.5)
    for action in actions:
        noise = draw(state, action, u, params, law, np, replay)
        begun_s = float(state.time_s)
        state, result = dynamics.step(state, action, noise, params, np)
        ticks.append(Foretold(begun_s, int(result.requests_served), int(result.requests_expired)))
    return ticks


def singles(seed: int) -> list[Burst]:
    """One request at a time, seldom while another waits."""
    gaps = 100 + np.random.default_rng(seed).exponential(120, 400)
    times = (START_S + np.cumsum(gaps)).astype(int)
    return [Burst(int(t), 1) for t in times if t < END_S]


def crowds(seed: int) -> list[Burst]:
    """Many at a time: more than one action answers."""
    random = np.random.default_rng(seed)
    times = (START_S + np.cumsum(400 + random.exponential(300, 100))).astype(int)
    return [
        Burst(int(t), int(size))
        for t, size in zip(times, random.integers(1, 60, 100), strict=True)
        if t < END_S
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bursts", "eager", "deadline_s"),
    [(singles(1), 0.3, 60.0), (singles(2), 0.5, 75.0), (crowds(3), 0.6, 3600.0)],
)
def test_the_simulator_paces_as_the_runtime_does(
    tmp_path: Path, bursts: list[Burst], eager: float, deadline_s: float
) -> None:
    records = lived(tmp_path, Scripted(7, eager), bursts, deadline_s)
    actions = [INDEX[record.decision.action.name] for record in records]
    ticks = foretold(actions, bursts, deadline_s)
    np.testing.assert_allclose([tick.t_s for tick in ticks], [record.t_s for record in records], atol=1e-5)
    served = [len(record.outcome.served) for record in records]
    assert [tick.served for tick in ticks] == served
    # What lapses in a tick is found at the next.
    assert [tick.expired for tick in ticks][:-1] == [len(record.outcome.expired) for record in records][1:]
    assert sum(served) > 20
