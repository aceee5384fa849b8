"""A body that measures: the kernel's files as the kernel writes them, real models; only time is ours."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX, NAMES, SLEEP, action_named
from circadia.between_ticks import serving_under
from circadia.config import DeviceConfig, parse_config
from circadia.energy.pace import MARGIN
from circadia.energy.profile_file import shipped_profile
from circadia.errors import CircadiaError, DeadlineExpired, LimitError, PlatformUnavailable
from circadia.events import Decided
from circadia.inferences import MOST_SAID
from circadia.pacing import MEASURED_SPACING_S
from circadia.platforms.clocks import HandClock, SystemClock
from circadia.platforms.linux import LinuxPlatform
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.tflite.interpreter import open_interpreter
from circadia.types import Decision, Load, Mode, Observation, Phase, TickRecord
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.ports import Platform
    from circadia.runtime import Runtime

BATTERY = "sys/class/power_supply/BAT0"
ZONE = "sys/class/thermal/thermal_zone0"
FILES = {
    f"{BATTERY}/type": "Battery",
    f"{BATTERY}/capacity": "73",
    f"{BATTERY}/status": "Discharging",
    f"{ZONE}/type": "cpu-thermal",
    f"{ZONE}/temp": "31250",
    "sys/class/net/wlan0/operstate": "up",
    "sys/class/net/wlan0/device/vendor": "0x14e4",
}
DAY_S = 86_400.0


class Machine:
    """Files, a clock, how long it was suspended, and how long a call of a model's signature takes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = HandClock(1_000_000.0)
        self.asleep_s = 0.0
        self.takes_s: dict[str, float] = {}
        self.loops: list[Runtime] = []
        self.meanwhile: Callable[[str], None] = lambda _signature: None
        for name, line in FILES.items():
            self.write(name, line)

    def write(self, name: str, line: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n", encoding="ascii")

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def awake_s(self) -> float:
        return self.clock.t_s - self.asleep_s

    def suspend(self, seconds: float) -> None:
        self.clock.t_s += seconds
        self.asleep_s += seconds

    def open_model(self, model: bytes, *, name: str, threads: int = 1) -> Any:
        self.clock.t_s += self.takes_s.get("open", 0.0)
        return Timed(open_interpreter(model, name=name, threads=threads), self)

    def called(self, signature: str) -> None:
        self.clock.t_s += self.takes_s.get(signature, 0.0)
        self.meanwhile(signature)

    def body(self, profile: str = "pi-solar") -> LinuxPlatform:
        return LinuxPlatform(shipped_profile(profile), root=self.root, stopwatch=self.awake_s)


class Timed:
    """A real interpreter whose signatures take as long as the machine says."""

    def __init__(self, inside: Any, machine: Machine) -> None:
        self._inside, self._machine = inside, machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)

    def get_signature_runner(self, signature_key: str) -> Any:
        return TimedRunner(self._inside.get_signature_runner(signature_key), self._machine, signature_key)


class TimedRunner:
    def __init__(self, inside: Any, machine: Machine, signature: str) -> None:
        self._inside, self._machine, self._signature = inside, machine, signature

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)

    def __call__(self, **inputs: Any) -> Any:
        answer = self._inside(**inputs)
        self._machine.called(self._signature)
        return answer


class Always:
    """The policy port with one action in mind; under limits the next best is to sleep."""

    name = "always"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[0] = 0.0
        scores[INDEX[self.action]] = 100.0
        return scores


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "machine")
    made.takes_s = {"infer": 0.004, "train": 0.5}
    yield made
    for loop in made.loops:
        loop.agent.store.close()


def config(machine: Machine, **limits: Any) -> DeviceConfig:
    return parse_config({"store": {"path": str(machine.root / "device.db")}, "limits": limits})


def runtime(machine: Machine, action: str = "serve/high/small", **limits: Any) -> Runtime:
    """Loading a task tries its model out: that takes no time."""
    takes_s, machine.takes_s = machine.takes_s, {}
    parts = Parts(
        clock=machine.clock, platform=machine.body(), policy=Always(action), open_model=machine.open_model
    )
    built = build(config(machine, **limits), parts=parts)
    machine.takes_s = takes_s
    machine.loops.append(built)
    return built


def image(agent: Agent, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(agent.workload.task.input_shape).astype(np.float32)


def tick(agent: Agent, action: str, after_s: float = 60.0) -> TickRecord:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += after_s
    agent.policy = Always(action)
    agent.ingest()
    agent.learn()
    return agent.tick()


def marks(phases: Sequence[Phase]) -> list[tuple[Load, Any]]:
    return [(phase.load, phase.duration_s) for phase in phases]


def taught(agent: Agent) -> None:
    for i in range(40):
        agent.add_example(image(agent, i), i % 10)


# What passed


def test_a_phase_is_as_long_as_the_work_and_latency_is_what_passed(machine: Machine) -> None:
    agent = runtime(machine).agent
    answer = agent.submit(image(agent))
    record = tick(agent, "serve/high/small", after_s=0.25)
    assert marks(record.outcome.phases) == [(Load.SERVE_HIGH, pytest.approx(0.004))]
    assert answer.result(timeout=0).latency_s == pytest.approx(0.254)
    assert record.outcome.overrun_s == 0
    taught(agent)
    record = tick(agent, "train/high/small/sync-int8")
    assert marks(record.outcome.phases) == [(Load.TRAIN_HIGH, pytest.approx(8 * 0.5))]
    assert record.outcome.busy_s == pytest.approx(4.0)
    assert tick(agent, "serve/high/small").outcome.phases == ()  # nobody waits
    assert tick(agent, "sleep").outcome.phases == ()
    agent.close()
    with StoreReader(machine.root / "device.db") as store:
        assert [tick.phases for tick in store.ticks()][1] == (Phase(load=Load.TRAIN_HIGH, duration_s=4.0),)


def test_a_request_brings_a_tick_at_once_however_lately_the_last_one_was(machine: Machine) -> None:
    loop = runtime(machine)
    loop.turn()
    for _ in range(5):
        answer = loop.agent.submit(image(loop.agent))
        machine.clock.t_s += MEASURED_SPACING_S
        loop.turn()
        assert answer.result(timeout=0).latency_s < 0.02
    loop.agent.close()


def test_a_request_that_was_put_off_is_looked_at_again_by_the_time_it_has_left(machine: Machine) -> None:
    loop = runtime(machine, "sleep")
    loop.turn()
    for deadline_s, again_s in ((4.0, 1.0), (60.0, 1.2), (300.0, 6.0), (1e5, 30.0)):
        loop.agent.policy = Always("sleep")
        loop.agent.submit(image(loop.agent), deadline_s=deadline_s)
        machine.clock.t_s += 1.0
        loop.turn()
        assert loop.due_s - machine.clock.t_s == pytest.approx(again_s, rel=0.3)
        loop.agent.policy = Always("serve/high/small")
        machine.clock.t_s = loop.due_s
        loop.turn()
    loop.agent.close()


def test_in_a_wake_that_does_both_answers_leave_before_training_which_yields(machine: Machine) -> None:
    loop = runtime(machine, "serve+train/high/small+large")
    agent = loop.agent
    machine.takes_s = {"infer": 0.01, "train": 0.5}
    taught(agent)
    first, steps, second = agent.submit(image(agent)), [], []

    def meanwhile(signature: str) -> None:
        if signature == "train":
            assert first.done()
            steps.append(signature)
            if len(steps) == 3:
                second.append(agent.submit(image(agent)))

    machine.meanwhile = meanwhile
    loop.turn()
    assert loop.errors == 0
    assert len(steps) == 3
    assert first.result(timeout=0).latency_s == pytest.approx(0.01)
    assert not second[0].done()
    loop.turn()
    assert second[0].result(timeout=0).latency_s == pytest.approx(0.01)
    agent.close()
    with StoreReader(machine.root / "device.db") as store:
        phases = {phase.load: phase.duration_s for phase in store.ticks()[0].phases}
    assert phases == {Load.SERVE_HIGH: pytest.approx(0.01), Load.TRAIN_HIGH: pytest.approx(1.5)}


def test_training_ends_between_two_steps_when_somebody_asks(machine: Machine) -> None:
    loop = runtime(machine, "train/high/large")
    agent, calls, asked = loop.agent, [], []
    taught(agent)

    def meanwhile(signature: str) -> None:
        calls.append(signature)
        if len(calls) == 3:
            asked.append(agent.submit(image(agent)))

    machine.meanwhile = meanwhile
    agent.ingest()
    agent.learn()
    training = agent.tick().outcome.training
    assert training is not None
    assert (training.steps, len(training.batches), calls) == (3, 3, ["train"] * 3)
    agent.policy = Always("serve/high/small")
    agent.ingest()
    agent.tick()
    assert asked[0].result(timeout=0).latency_s < 0.1
    machine.meanwhile = lambda _signature: None
    whole = tick(agent, "train/high/large").outcome.training
    assert whole is not None
    assert whole.steps == 32
    agent.close()


def test_a_suspend_in_the_middle_is_neither_work_nor_a_bound(machine: Machine) -> None:
    agent = runtime(machine).agent
    machine.meanwhile = lambda _signature: machine.suspend(3600.0)
    before = dict(agent.bounds.at_most_s)
    answer = agent.submit(image(agent), deadline_s=1e4)
    record = tick(agent, "serve/high/small", after_s=1.0)
    assert marks(record.outcome.phases) == [
        (Load.SERVE_HIGH, pytest.approx(0.004)),
        (Load.DEEP_SLEEP, pytest.approx(3600.0)),
    ]
    assert answer.result(timeout=0).latency_s == pytest.approx(3601.004)
    assert agent.bounds.at_most_s == before
    agent.close()


@pytest.mark.parametrize("step_s", [-500.0, 500.0])
def test_a_clock_that_steps_in_the_middle_makes_no_work(machine: Machine, step_s: float) -> None:
    agent = runtime(machine).agent

    def step(_signature: str) -> None:
        machine.clock.t_s += step_s
        machine.asleep_s += step_s  # the stopwatch goes on

    machine.meanwhile = step
    before = dict(agent.bounds.at_most_s)
    answer = agent.submit(image(agent), deadline_s=1e4)
    record = tick(agent, "serve/high/small", after_s=1.0)
    assert all(0 < phase.duration_s <= 500.0 for phase in record.outcome.phases)
    assert answer.done()
    assert agent.bounds.at_most_s == before
    assert tick(agent, "sleep").observation.dt_s >= 0
    agent.close()


def test_a_stopwatch_that_runs_back_measures_nothing(machine: Machine) -> None:
    agent = runtime(machine).agent
    machine.meanwhile = lambda _signature: setattr(machine, "asleep_s", machine.asleep_s + 0.2)
    agent.submit(image(agent))
    assert tick(agent, "serve/high/small").outcome.phases == ()
    agent.close()


def test_a_device_goes_on_after_the_wall_clock_was_set_back(machine: Machine) -> None:
    first = runtime(machine).agent
    tick(first, "sleep")
    first.close()
    machine.clock = HandClock(500_000.0)
    second = runtime(machine).agent
    answer = second.submit(image(second), deadline_s=600.0)
    assert tick(second, "serve/high/small").observation.dt_s == 0
    assert answer.result(timeout=0).latency_s >= 0
    assert tick(second, "sleep").observation.dt_s == pytest.approx(60.0, abs=0.1)
    second.close()


def test_who_sets_the_wall_clock_does_not_move_the_agent_s() -> None:
    readings = [1e9, 5.0, 2e9]
    clock = SystemClock(lambda: readings.pop(0))
    assert all(1e9 <= clock.now_s() < 1e9 + 60 for _ in range(3))
    assert len(readings) == 2


def test_the_time_of_day_follows_the_wall_clock(machine: Machine) -> None:
    wall = {"t_s": 1_000_000.0}
    body = LinuxPlatform(shipped_profile("pi-solar"), root=machine.root, wall_s=lambda: wall["t_s"])
    body.observe(1_000_000.0)
    before_s = body.local_time_s(1_000_000.0)
    wall["t_s"] += 7200.0  # set by the network's time
    body.observe(1_000_000.0)
    assert (body.local_time_s(1_000_000.0) - before_s) % DAY_S == pytest.approx(7200.0)


# Bounds


def test_bounds_follow_what_was_measured_and_survive_a_restart(machine: Machine) -> None:
    machine.takes_s["infer"] = 20.0  # the profile says 1.2
    agent = runtime(machine).agent
    name = "serve/high/small"
    foretold_s = agent.bounds.at_most_s[name]
    agent.submit(image(agent), deadline_s=1e4)
    tick(agent, name)
    raised_s = agent.bounds.at_most_s[name]
    assert raised_s >= MARGIN * 20.0 > foretold_s  # all eight fit into one batch
    agent.close()
    machine.takes_s["infer"] = 1e-3
    agent = runtime(machine).agent
    assert agent.bounds.at_most_s[name] == raised_s
    agent.close()


def test_a_simulated_body_measures_nothing(tmp_path: Path) -> None:
    table = {"store": {"path": str(tmp_path / "device.db")}, "platform": {"initial_soc": 0.9}}
    agent = build(parse_config(table), parts=Parts(clock=HandClock(0.0), policy=Always("sleep"))).agent
    agent.submit(image(agent))
    record = tick(agent, "serve/high/small", after_s=1.0)
    assert record.outcome.busy_s == pytest.approx(0.5 + 0.1 + 0.4)
    assert record.paces == ()
    agent.close()


# Sensors


def test_a_start_without_its_sensors_names_them_where_it_looked_and_the_keys(machine: Machine) -> None:
    machine.remove(f"{ZONE}/temp")
    machine.remove(f"{BATTERY}/type")
    with pytest.raises(PlatformUnavailable) as raised:
        runtime(machine)
    told = str(raised.value)
    for words in (
        "no battery answers", "platform.mains = true", "limits.battery = false", f"{machine.root}/sys/class/power_supply",
        "no thermometer answers", f"{machine.root}/sys/class/thermal/thermal_zone*/temp", "limits.thermometer = false",
        "battery_floor", "thermal",
    ):  # fmt: skip
        assert words in told
    loop = runtime(machine, battery=False, thermometer=False)  # the store was let go of
    answer = loop.agent.submit(image(loop.agent))
    machine.clock.t_s += 1.0
    loop.turn()
    assert answer.result(timeout=0).latency_s < 2
    assert {"thermal", "battery_floor"}.isdisjoint(loop.agent.shield.names)
    loop.agent.close()


@pytest.mark.parametrize("key", ["battery", "thermometer", "charger", "power_saver", "network"])
def test_a_limit_without_its_sensor_does_not_act(machine: Machine, key: str) -> None:
    rules: dict[str, Any] = {"train_only_charging": True, "sync_only_unmetered": True}
    limits = {
        "battery": {"battery_floor"}, "thermometer": {"thermal"}, "charger": {"train_only_charging"},
        "power_saver": {"power_save"}, "network": {"no_link", "sync_only_unmetered"},
    }  # fmt: skip
    machine.write(f"{BATTERY}/capacity", "1")
    machine.write(f"{ZONE}/temp", "99000")
    agent, without = runtime(machine, **rules).agent, set(limits[key])
    acting = set(agent.shield.names)
    assert without <= acting
    agent.close()
    assert acting - set(runtime(machine, **(rules | {key: False})).agent.shield.names) == without


def test_a_store_that_does_not_note_a_sensor_fails_no_tick_and_hears_of_it_again(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    agent = runtime(machine).agent
    with closing(sqlite3.connect(config(machine).store.path, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER stuck BEFORE INSERT ON sensors BEGIN SELECT RAISE(ABORT, 'a disk that is stuck'); END"
        )
        tick(agent, "sleep")
        assert "a disk that is stuck" in caplog.text
        assert agent.store.sensors() == frozenset()
        other.execute("DROP TRIGGER stuck")
    tick(agent, "sleep")
    assert "battery" in agent.store.sensors()
    agent.close()


def test_a_charger_that_nobody_asks_for_may_be_silent(machine: Machine) -> None:
    machine.write(f"{BATTERY}/status", "Unknown")
    runtime(machine).agent.close()
    with pytest.raises(PlatformUnavailable, match=r"no charger answers.*limits\.charger = false"):
        runtime(machine, train_only_charging=True)


def test_a_sensor_that_vanishes_fails_closed_and_is_named_at_most_hourly(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    agent = runtime(machine).agent
    tick(agent, "sleep")
    machine.remove(f"{ZONE}/temp")
    for _ in range(130):
        agent.submit(image(agent), deadline_s=1e6)
        assert tick(agent, "serve/high/small").decision.action.mode is Mode.SLEEP
    warnings = [r.message for r in caplog.records if "no thermometer answers" in r.message]
    assert len(warnings) == 3
    assert "limits.thermometer = false" in warnings[0]
    with pytest.raises(LimitError, match="thermal"):
        agent.infer(image(agent))
    machine.write(f"{ZONE}/temp", "31250")
    assert tick(agent, "serve/high/small").decision.action.mode is Mode.SERVE
    assert "thermometer answers again" in caplog.text
    agent.close()


def test_a_sensor_that_the_store_has_seen_may_be_late_at_boot(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    first = runtime(machine).agent
    tick(first, "sleep")
    first.close()
    for name in (f"{ZONE}/temp", f"{BATTERY}/type"):
        machine.remove(name)
    agent = runtime(machine).agent
    agent.submit(image(agent), deadline_s=1e6)
    assert tick(agent, "serve/high/small").decision.action.mode is Mode.SLEEP
    assert "no thermometer answers" in caplog.text
    assert "no battery answers" in caplog.text
    machine.write(f"{ZONE}/temp", "31250")
    machine.write(f"{BATTERY}/type", "Battery")
    assert tick(agent, "serve/high/small").decision.action.mode is Mode.SERVE
    agent.close()


def test_what_a_simulated_body_felt_is_no_sensor_of_this_machine(machine: Machine) -> None:
    simulated = build(config(machine), parts=Parts(clock=machine.clock, policy=Always("sleep"))).agent
    assert math.isfinite(tick(simulated, "sleep").observation.temperature_c)
    simulated.close()
    machine.remove(f"{ZONE}/temp")
    with pytest.raises(PlatformUnavailable, match=r"limits\.thermometer = false"):
        runtime(machine)


class Blind:
    """A body of which nothing is known any more."""

    def __init__(self, inside: Platform) -> None:
        self._inside = inside

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)

    def observe(self, now_s: float) -> Observation:
        assert math.isfinite(now_s)
        return Observation()


def test_a_device_whose_every_sensor_is_silent(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    agent = runtime(machine).agent
    tick(agent, "sleep")
    agent.platform = cast("Platform", Blind(agent.platform))
    answer = agent.submit(image(agent), deadline_s=90.0)
    taught(agent)
    for action in ("serve/high/small", "train/high/large", "sleep/sync-int8"):
        decision = tick(agent, action).decision
        assert decision.action.name == "sleep"
        assert "battery_floor" in dict(decision.masked)
    with pytest.raises(DeadlineExpired, match="forbidden by battery_floor"):
        answer.result(timeout=0)
    for key in ("battery", "thermometer", "power saver", "network"):
        assert f"no {key} answers" in caplog.text
    agent.close()


# Never silently idle


def test_what_expires_under_a_limit_is_named_once_an_hour_and_to_whoever_waited(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.write(f"{BATTERY}/capacity", "5")
    agent = runtime(machine).agent
    answers = []
    for _ in range(70):
        answers.append(agent.submit(image(agent), deadline_s=30.0))
        tick(agent, "serve/high/small")
    with pytest.raises(DeadlineExpired, match=r"forbidden by battery_floor \(the battery would fall"):
        answers[0].result(timeout=0)
    told = [r.message for r in caplog.records if "beyond their deadline" in r.message]
    assert len(told) == 2
    assert "battery_floor" in told[0]
    agent.close()


def test_examples_that_wait_for_a_day_under_a_limit_are_named(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    agent = runtime(machine, train_only_charging=True).agent
    taught(agent)
    for _ in range(23):
        tick(agent, "train/high/small", after_s=3600.0)
    assert "fresh examples waited" not in caplog.text
    for _ in range(3):
        tick(agent, "train/high/small", after_s=3600.0)
    assert "fresh examples waited for 24 hours: training is forbidden by train_only_charging" in caplog.text
    agent.close()


def test_nothing_to_do_is_in_no_log(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.write(f"{BATTERY}/capacity", "5")
    agent = runtime(machine).agent
    for _ in range(30):
        record = tick(agent, "serve/high/small", after_s=DAY_S)
        assert record.decision.feasible
        assert record.decision.why == "sleep: the policy's choice"
    assert caplog.text == ""
    agent.close()


def test_the_reason_is_in_words(machine: Machine) -> None:
    agent = runtime(machine).agent
    agent.submit(image(agent), deadline_s=1e6)
    machine.write(f"{ZONE}/temp", "58000")
    decision = tick(agent, "serve/high/small").decision
    assert decision.why == (
        "sleep instead of serve/high/small, which is forbidden: thermal (it would get too warm, or nothing tells how warm "
        "it is)"
    )
    machine.write(f"{ZONE}/temp", "31250")
    assert tick(agent, "serve/high/small").decision.why == "serve/high/small: the policy's choice"
    agent.close()


# Between two ticks


def test_an_inference_is_the_work_of_the_tick_in_which_it_falls(machine: Machine) -> None:
    agent = runtime(machine).agent
    tick(agent, "sleep")
    machine.clock.t_s += 20.0
    answers = [agent.infer(image(agent, i)) for i in range(3)]
    assert answers[0].latency_s == pytest.approx(0.004)
    agent.feedback(answers[1].request_id, 7)
    agent.ingest()
    agent.learn()
    tick(agent, "sleep")
    agent.infer(image(agent))
    agent.close()
    with StoreReader(machine.root / "device.db") as store:
        first, second = store.ticks()
        requests = store.requests()
    assert (first.served, second.served) == (3, 1)
    assert marks(first.phases) == [(Load.SERVE_HIGH, pytest.approx(0.012))]
    assert [(r.tick_id, r.truth) for r in requests[:3]] == [(1, None), (1, 7), (1, None)]
    assert [r.label for r in requests[:3]] == [answer.label for answer in answers]
    with SqliteStore(machine.root / "device.db") as opened:
        (example,) = opened.examples()
        assert [(pace.action, pace.samples) for pace in opened.paces()] == [("serve/high/large", 2)]
    np.testing.assert_array_equal(example.x, image(agent, 1).ravel())


def test_opening_its_interpreter_is_work_of_the_first_inference_but_no_pace(machine: Machine) -> None:
    agent = runtime(machine).agent
    tick(agent, "sleep")
    before = dict(agent.bounds.at_most_s)
    machine.takes_s["open"] = 30.0
    agent.infer(image(agent))
    for _ in range(3):
        agent.infer(image(agent))
    record = tick(agent, "sleep")
    (pace,) = record.paces
    assert (pace.action, pace.samples) == ("serve/high/large", 3)
    assert pace.unit_s == pytest.approx(0.004)
    assert agent.bounds.at_most_s == before
    agent.close()
    with StoreReader(machine.root / "device.db") as store:
        assert marks(store.ticks()[0].phases) == [(Load.SERVE_HIGH, pytest.approx(30.0 + 4 * 0.004))]


def test_inferences_before_the_first_tick_wait_for_it(machine: Machine) -> None:
    loop = runtime(machine, "sleep")
    with loop as agent:
        assert agent.infer(image(agent)).label >= 0
    assert loop.errors == 0


def test_inferences_obey_the_limits(machine: Machine) -> None:
    agent = runtime(machine).agent
    tick(agent, "sleep")
    assert agent.infer(image(agent)).version == 0
    machine.write(f"{BATTERY}/capacity", "15")
    tick(agent, "sleep")
    with pytest.raises(LimitError, match=r"battery_floor \(the battery would fall below its floor"):
        agent.infer(image(agent))
    agent.close()


def test_what_inferences_count_as_is_the_largest_that_limits_leave() -> None:
    """Without the policy: it may offer nothing of the sort."""
    small = action_named("serve/high/small")
    assert serving_under(Decision(proposed=SLEEP, action=SLEEP)) == (action_named("serve/high/large"), "")
    large = tuple(name for name in NAMES if "large" in name)
    masked = (("battery_floor", large),)
    assert serving_under(Decision(proposed=SLEEP, action=SLEEP, masked=masked)) == (small, "")
    masked = (("thermal", tuple(name for name in NAMES if name != "sleep")),)
    action, why = serving_under(Decision(proposed=SLEEP, action=SLEEP, masked=masked))
    assert action is None
    assert why.startswith("thermal (")


def test_inferences_that_used_their_leave_up_get_another_look_at_once(machine: Machine) -> None:
    """From a thread that ticks only when it is asked to: the period is far away."""
    machine.takes_s["infer"] = 0.7
    loop = runtime(machine, "sleep")
    with loop as agent:
        agent.infer(image(agent))
        before, work_s = loop.ticks, 3 * agent.bounds.at_most_s["serve/high/large"]
        for _ in range(int(work_s / 0.7)):
            agent.infer(image(agent))
    assert loop.ticks >= before + 2
    assert loop.errors == 0


def test_a_listener_that_needs_a_look_hears_why_it_gets_none(machine: Machine) -> None:
    """At once: the agent's thread, on which it runs, would wait for itself."""
    machine.takes_s["infer"] = 1e3
    loop, heard = runtime(machine, "sleep"), threading.Event()
    told: list[str] = []

    def listener(_event: Decided) -> None:
        began_s = time.monotonic()
        loop.agent.infer(image(loop.agent))
        try:
            loop.agent.infer(image(loop.agent))
        except CircadiaError as error:
            told.append(f"{error} after {time.monotonic() - began_s:.0f} s")
        heard.set()

    loop.agent.on(Decided, listener)
    with loop:
        assert heard.wait(20.0)
    assert "ask from another thread" in told[0]
    assert float(told[0].split()[-2]) < 4.0


def test_many_inferences_ask_for_a_tick_that_records_them(machine: Machine) -> None:
    machine.takes_s["infer"] = 1e-4
    loop = runtime(machine, "sleep")
    with loop as agent:
        agent.infer(image(agent))
        before = loop.ticks
        for _ in range(MOST_SAID + 1):
            agent.infer(image(agent))
        end_s = time.monotonic() + 10.0
        while loop.ticks == before and time.monotonic() < end_s:
            time.sleep(0.01)
    assert loop.ticks > before
