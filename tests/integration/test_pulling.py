"""The order in a wake: what is pulled is in service before the work begins, where it comes in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.events import Decided
from circadia.federation.codecs import POLL_BYTES
from circadia.federation.device.events import ManifestSeen, ModelArrived
from circadia.physics.scenario import scenario_named
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.types import Load, Phase, Units
from circadia.wiring import Parts, build
from circadia.workload import LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.runtime import Runtime
    from circadia.types import TickRecord

PULLS_AND_SERVES = "serve/high/small/sync-pull"
SHORT_S = 0.2


class Wants:
    """One action, whatever is seen."""

    name = "wants"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX[self.action]] = 100.0
        return scores


class Near:
    """A federation that answers a pull with these events, at once."""

    trouble = ""
    connected = True

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[int, bool]] = []
        """How many updates, and whether a version."""
        self.events: list[Any] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def set_online(self, _online: bool) -> None: ...

    def request(self, push: Any, pull: bool) -> None:
        self.asked.append((len(push), pull))
        self.meanwhile()
        self.events += self.answers if pull else ()

    def poll(self) -> list[Any]:
        events, self.events = self.events, []
        return events


def device(folder: Path, federation: Near, *, period_s: float = 600.0, **parts: Any) -> Runtime:
    """One that asks that federation at each wake."""
    table = {
        "agent": {"period_s": period_s},
        "store": {"path": str(folder / "device.db")},
        "platform": {"initial_soc": 0.8},
    }
    parts.setdefault("clock", HandClock(9 * 3600.0))
    loop = build(parse_config(table), parts=Parts(policy=Wants(PULLS_AND_SERVES), **parts))
    loop._pull_wait_s = SHORT_S
    loop.agent.federation = federation
    return loop


def model(loop: Runtime, version: int) -> tuple[ManifestSeen, ModelArrived]:
    weights = learning(loop).model.weights + np.float32(version)
    return (
        ManifestSeen(version=version, published_s=0.0),
        ModelArrived(version=version, published_s=0.0, weights=weights),
    )


def learning(loop: Runtime) -> LearningWorkload:
    assert isinstance(loop.agent.workload, LearningWorkload)
    return loop.agent.workload


def wake(loop: Runtime, deadline_s: float = 1e5) -> TickRecord:
    """A wake with one request."""
    records: list[TickRecord] = []
    ended = loop.agent.on(Decided, lambda event: records.append(event.record))
    assert isinstance(loop.agent.clock, HandClock)
    loop.agent.clock.t_s += 100.0
    loop.agent.submit(np.zeros(learning(loop).task.input_shape, np.float32), deadline_s)
    loop.turn()
    ended()
    assert loop.errors == 0
    assert len(records) == 1
    return records[0]


def radio_s(phases: tuple[Phase, ...]) -> float:
    return sum(phase.duration_s for phase in phases if phase.load is Load.RADIO)


def test_a_request_is_answered_by_the_version_that_its_wake_pulled(tmp_path: Path) -> None:
    near = Near()
    loop = device(tmp_path, near)
    near.answers = model(loop, 3)
    done = wake(loop).outcome
    assert [answer.version for answer in done.served] == [3]
    assert near.asked == [(0, True)]
    profile = loop.agent.platform.phases(CATALOGUE[INDEX["sleep/sync-pull"]], Units(), POLL_BYTES)
    assert radio_s(done.phases) > radio_s(profile) > 0  # the model's bytes as well
    assert done.served[0].latency_s > radio_s(done.phases)
    again = wake(loop).outcome
    assert radio_s(again.phases) == pytest.approx(radio_s(profile))  # asked for, and nothing came
    loop.stop()


def test_what_comes_too_late_for_the_work_is_installed_after_it_and_counted_then(tmp_path: Path) -> None:
    far = Near()
    loop = device(tmp_path, far)
    began_s = time.monotonic()
    done = wake(loop).outcome
    assert SHORT_S <= time.monotonic() - began_s < SHORT_S + 2
    assert [answer.version for answer in done.served] == [0]
    assert far.asked == [(0, True)]  # once
    far.events += model(loop, 2)
    later = wake(loop).outcome
    assert [answer.version for answer in later.served] == [2]
    assert radio_s(later.phases) > radio_s(done.phases)
    loop.stop()


def test_a_body_that_measures_says_how_long_it_waited_awake(tmp_path: Path) -> None:
    class Measured(SimulatedPlatform):
        @property
        def stopwatch(self) -> Callable[[], float]:  # type: ignore[override]
            return clock.now_s

    clock, near = HandClock(9 * 3600.0), Near()
    body = Measured(shipped_profile("pixel-3"), scenario_named("phone"), 0)
    loop = device(tmp_path, near, platform=body, clock=clock)
    near.answers = model(loop, 3)

    def meanwhile() -> None:
        clock.t_s += 0.3

    near.meanwhile = meanwhile
    done = wake(loop).outcome
    assert done.phases[0].load is Load.AWAKE
    assert done.phases[0].duration_s == pytest.approx(0.3)
    assert done.served[0].version == 3
    assert done.served[0].latency_s == pytest.approx(0.3)
    loop.stop()


@pytest.mark.parametrize("case", ["late", "short", "off", "unreachable"])
def test_nobody_waits_where_there_is_no_time_or_nobody_answers(tmp_path: Path, case: str) -> None:
    far = Near()
    loop = device(tmp_path, far, period_s=1e-3 if case == "short" else 600.0)
    loop._pull_wait_s = 0.0 if case == "off" else 30.0
    if case == "unreachable":
        far.connected, far.trouble = False, "nobody listens there"
    takes_s = loop.agent.bounds.at_most_s[PULLS_AND_SERVES]
    began_s = time.monotonic()
    done = wake(loop, takes_s if case == "late" else 1e5)
    assert time.monotonic() - began_s < 10
    assert len(done.outcome.served) == 1
    assert far.asked == [(0, True)]  # after the work, as ever
    loop.stop()


def test_who_wants_a_tick_cuts_the_waiting_short_and_is_heard_after_it(tmp_path: Path) -> None:
    far = Near()
    loop = device(tmp_path, far)
    loop._pull_wait_s = 30.0
    x = np.zeros(learning(loop).task.input_shape, np.float32)
    far.meanwhile = lambda: loop.agent.submit(x, 1e5)
    wake(loop)
    assert loop.agent.inbox.rung
    loop.turn()
    assert loop.agent.workload.waiting == 1
    loop.stop()


def test_a_wait_ends_when_what_is_heard_cannot_be_kept_and_the_work_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Near):
        def poll(self) -> list[Any]:
            if self.asked:
                raise RuntimeError("the link is full of sand")
            return []

    loop = device(tmp_path, Broken())
    loop._pull_wait_s = 30.0
    answer = loop.agent.submit(np.zeros(learning(loop).task.input_shape, np.float32), 1e5)
    loop.turn()
    assert answer.result(timeout=0).version == 0
    assert loop.errors == 1
    assert "hearing the federation failed" in caplog.text
    loop.stop()
