"""The runtime's wakes by the rule `due`, replayed through the simulator: same requests, same wakes, served and expired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import FACTS, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.observation import DAY_S, HOUR_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.physics.scenario import BOARD
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.types import WakeOn
from circadia.wiring import Parts, build
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env.chance import recorded
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.env.sleeping import DRAWS, Asked, draw

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.types import TickRecord

START_S, END_S = 30_000.0, 70_000.0
WAKES = find_problem("wake-board")


def lived(path: Path, profile: str, times: list[int], deadline_s: float) -> list[TickRecord]:
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


def foretold(
    records: list[TickRecord], profile: str, times: list[int], deadline_s: float
) -> list[list[float]]:
    """The same decisions through the simulator, over a record of the same requests: begins, served, expired."""
    requests = np.zeros(int(DAY_S))
    for t in times:
        requests[t - 1] += 1  # a bin's requests come at its end
    replay = recorded(DayTrace(bin_s=1.0, requests=requests, clearness=np.ones(int(DAY_S))), np)
    day = replace(BOARD, deadline_s=deadline_s, examples_per_hour=(0.0,) * 24)
    params = make_params(shipped_profile(profile), day)
    state = dynamics.initial_state(params, np.float64(1), START_S)
    kinds, found = list(WakeOn), []
    for record in records:
        sleep = record.decision.sleep
        assert sleep is not None
        action = INDEX[record.decision.action.name]
        asked = Asked(np.float64(sleep.length_s), np.int64(kinds.index(sleep.wake_on)))
        u, none = np.full(DRAWS, 0.5), np.float64(0)
        noise = draw(state, action, asked, u, params, WAKES, none, np, FACTS, replay)
        begun_s = float(state.time_s)
        state, result = dynamics.step(state, action, noise, params, np, FACTS)
        found.append([begun_s, float(result.requests_served), float(result.requests_expired)])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["pi-boot", "suspend-board"])
@pytest.mark.parametrize(("mean_s", "deadline_s"), [(400, HOUR_S), (3000, 1200.0)])
def test_the_simulator_wakes_as_the_runtime_does(
    tmp_path: Path, profile: str, mean_s: float, deadline_s: float
) -> None:
    gaps = 20 + np.random.default_rng(4).exponential(mean_s, 400)
    times = [int(t) for t in START_S + np.cumsum(gaps) if t < END_S]
    records = lived(tmp_path, profile, times, deadline_s)
    found = foretold(records, profile, times, deadline_s)
    np.testing.assert_allclose([row[0] for row in found], [r.t_s for r in records], atol=0.01)
    served = [len(record.outcome.served) for record in records]
    assert [row[1] for row in found] == served
    assert [row[2] for row in found][:-1] == [len(record.outcome.expired) for record in records][1:]
    assert sum(served) > 5
