"""A test goes on from wherever it was broken off, and what lost too much is made again."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from circadia.actions import SLEEP
from circadia.errors import ConfigError, MeterError, StoreError
from circadia.learning.task_file import load_task
from circadia.policy.artifact import shipped_policy
from circadia.store.sqlite import SqliteStore
from circadia.types import Decision, EnergyReading, Load, Observation, Outcome, Phase, Source, TickRecord
from circadia_field.bundle import BROKEN_OFF, ENDED, PINS, RESUMED, STARTED, Bundle
from circadia_field.conduct import MOST_ATTEMPTS, Attempt, conduct, config_of
from circadia_field.pins import pin
from circadia_field.plan import freeze
from circadia_field.stage import BrokenOff

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.config import DeviceConfig
    from circadia_field.application import Application
    from circadia_field.plan import Plan

pytestmark = pytest.mark.slow

TICK_S = 60.0
TASKS = Path(__file__).parents[3] / "tasks"


class Stage:
    """A device that sleeps on, under a meter that can be unplugged; its clock goes on between the periods."""

    def __init__(self) -> None:
        self.now_s = 1e9
        self.breaks_at_s = math.inf
        self.error: Exception | None = None
        self.unplugged_s = (math.inf, math.inf)
        self.open = 0

    def begin(self, config: DeviceConfig, start_h: float) -> Device:
        assert start_h >= 0
        return Device(self, config)


class Device:
    """One period of it."""

    errors = 2
    chosen: ClassVar[dict[str, Any]] = {"battery_floor": 0.2}

    def __init__(self, stage: Stage, config: DeviceConfig) -> None:
        self.stage = stage
        self.store = SqliteStore(config.store.path)
        last = self.store.last_tick()
        self.agent: Any = SimpleNamespace(
            clock=SimpleNamespace(now_s=lambda: stage.now_s),
            meter=SimpleNamespace(about=lambda: {"meter": "of the test"}),
            resumed_at_s=last.t_s if last else math.nan,
            workload=SimpleNamespace(task=load_task(config.agent.task)),
        )
        stage.open += 1

    def live(self, until_s: float, application: Application) -> None:
        assert application.due_s >= self.stage.now_s
        while self.stage.now_s < until_s:
            if self.stage.now_s >= self.stage.breaks_at_s:
                self.stage.breaks_at_s = math.inf
                raise self.stage.error or BrokenOff
            self._tick()

    def _tick(self) -> None:
        for tick_id, start_s, end_s in self.store.unsettled():
            off_s, on_s = self.stage.unplugged_s
            lost_s = max(min(end_s, on_s) - max(start_s, off_s), 0.0)
            reading = EnergyReading(
                energy_j=0.1, duration_s=end_s - start_s, source=Source.MEASURED, gap_s=lost_s, lost_s=lost_s
            )
            self.store.settle(tick_id, reading)
        self.store.commit(
            TickRecord(
                t_s=self.stage.now_s,
                observation=Observation(battery_soc=0.5, charging=0, temperature_c=20, dt_s=TICK_S),
                decision=Decision(proposed=SLEEP, action=SLEEP, masked=()),
                outcome=Outcome(phases=(Phase(load=Load.DEEP_SLEEP, duration_s=TICK_S),)),
                version=0,
            )
        )
        self.stage.now_s += TICK_S

    def finish(self) -> None:
        self._tick()
        self._tick()

    def stop(self) -> None:
        self.store.close()

    def true_j(self, start_s: float, end_s: float) -> float | None:
        return 0.5 * (end_s - start_s)

    def close(self) -> None:
        self.stop()
        self.stage.open -= 1


@pytest.fixture
def bundle(tmp_path: Path, plan: Callable[..., Plan]) -> Bundle:
    freeze(plan(hours=1.0, washout_h=0.1), tmp_path / "plan.json")
    (tmp_path / "device.toml").write_text('[platform]\nkind = "simulated"\n')
    np.savez(tmp_path / "examples.npz", x=np.zeros((20, 8, 8, 1), np.float32), y=np.arange(20) % 10)
    names = (tmp_path / name for name in ("test", "plan.json", "device.toml", "examples.npz"))
    return pin(*names, virtual="")


def run(bundle: Bundle, stage: Stage) -> bool:
    done = conduct(bundle, stage, lambda _: None)
    assert stage.open == 0
    return done


def lines(bundle: Bundle, place: int) -> list[tuple[str, int]]:
    return [(entry["event"], entry["attempt"]) for entry in bundle.log() if entry["period"] == place]


def test_every_period_is_played_once_in_order(bundle: Bundle) -> None:
    told: list[str] = []
    assert conduct(bundle, Stage(), told.append)
    schedule = bundle.plan.schedule()
    assert [entry["event"] for entry in bundle.log()] == [STARTED, ENDED] * len(schedule)
    assert [entry["period"] for entry in bundle.log()][::2] == list(range(len(schedule)))
    started, ended = bundle.log()[:2]
    assert started["count_s"] - started["start_s"] == pytest.approx(360)
    assert started["until_s"] - started["count_s"] == pytest.approx(3600)
    assert started["meter"] == {"meter": "of the test"}
    assert (ended["lost"], ended["void"], ended["errors"]) == (0, False, 2)
    assert ended["true_w"] == pytest.approx(0.5)
    assert ended["device_w"] == pytest.approx(0.1 / TICK_S)
    assert ended["source"] == "measured"
    assert started["chosen"] == {"battery_floor": 0.2}
    assert len(told) == len(schedule)
    assert "0.0% of its time without joules" in told[0]
    assert {path.name for path in bundle.period(0, 1).iterdir()} == {"device.db", "asked.jsonl"}
    assert conduct(bundle, Stage(), told.append)
    assert len(told) == len(schedule)


def test_an_unplugged_meter_voids_a_period_which_is_kept_and_made_again(bundle: Bundle) -> None:
    stage = Stage()
    stage.unplugged_s = (stage.now_s + 1000, stage.now_s + 1300)
    assert run(bundle, stage)
    assert lines(bundle, 0) == [(STARTED, 1), (ENDED, 1), (STARTED, 2), (ENDED, 2)]
    first = bundle.log()[1]
    assert first["void"]
    assert first["lost"] == pytest.approx(300 / 3600, abs=2 * TICK_S / 3600)
    assert (bundle.period(0, 1) / "device.db").is_file()
    assert lines(bundle, 1) == [(STARTED, 1), (ENDED, 1)]


def test_a_meter_that_stays_away_ends_it_and_it_goes_on_with_another_attempt(bundle: Bundle) -> None:
    stage = Stage()
    stage.unplugged_s = (0, math.inf)
    with pytest.raises(MeterError, match="period 1 lost more than 5% of its time 3 times in a row"):
        run(bundle, stage)
    assert stage.open == 0
    assert lines(bundle, 0)[-1] == (ENDED, MOST_ATTEMPTS)
    assert bundle.log()[-1]["lost"] == 1
    stage.unplugged_s = (math.inf, math.inf)
    assert run(bundle, stage)
    assert lines(bundle, 0)[-1] == (ENDED, MOST_ATTEMPTS + 1)


@pytest.mark.parametrize(("off_s", "void"), [(60.0, False), (900.0, True)])
def test_a_period_goes_on_after_a_break_until_its_time_is_over(
    bundle: Bundle, off_s: float, void: bool
) -> None:
    stage = Stage()
    stage.breaks_at_s = stage.now_s + 2000
    assert not run(bundle, stage)
    assert lines(bundle, 0) == [(STARTED, 1), (BROKEN_OFF, 1)]
    # the meter was off with the device
    stage.unplugged_s = (stage.now_s - TICK_S, stage.now_s + off_s)
    stage.now_s += off_s
    assert run(bundle, stage)
    assert lines(bundle, 0)[:4] == [(STARTED, 1), (BROKEN_OFF, 1), (RESUMED, 1), (ENDED, 1)]
    started, _, resumed, ended = bundle.log()[:4]
    for key in ("start_s", "count_s", "until_s"):
        assert resumed[key] == started[key]
    assert ended["void"] is void


def test_a_period_of_which_nothing_was_recorded_begins_anew(bundle: Bundle) -> None:
    stage = Stage()
    stage.breaks_at_s = stage.now_s
    assert not run(bundle, stage)
    stage.now_s -= 500  # and the clock was set meanwhile
    assert run(bundle, stage)
    again = bundle.log()[2]
    assert (again["event"], again["attempt"]) == (STARTED, 1)
    assert again["start_s"] == bundle.log()[0]["start_s"] - 500


def test_a_clock_that_is_behind_after_a_reboot_is_named(bundle: Bundle) -> None:
    stage = Stage()
    stage.breaks_at_s = stage.now_s + 2000
    assert not run(bundle, stage)
    now_s, stage.now_s = stage.now_s, 0.0
    with pytest.raises(ConfigError, match=r"the clock is 10000.* s behind what was recorded already"):
        run(bundle, stage)
    assert stage.open == 0
    stage.now_s = now_s
    assert run(bundle, stage)


def test_a_full_disk_ends_it_with_a_word_and_nothing_is_lost(bundle: Bundle) -> None:
    stage = Stage()
    stage.breaks_at_s, stage.error = stage.now_s + 2000, OSError(28, "No space left on device")
    with pytest.raises(StoreError, match="No space left on device; free some disk space"):
        run(bundle, stage)
    assert stage.open == 0
    assert run(bundle, stage)
    assert lines(bundle, 0) == [(STARTED, 1), (RESUMED, 1), (ENDED, 1)]


def test_another_version_may_not_go_on(bundle: Bundle) -> None:
    pins = json.loads((bundle.folder / PINS).read_text())
    pins["versions"]["policy"] = "another"
    (bundle.folder / PINS).write_text(json.dumps(pins))
    with pytest.raises(ConfigError, match="the test began with policy another"):
        run(Bundle(bundle.folder), Stage())


def test_another_task_may_not_go_on(bundle: Bundle) -> None:
    bundle.pins["task"] = "another"
    with pytest.raises(ConfigError, match="is not the task any more"):
        run(bundle, Stage())


def test_two_may_not_run_it_at_once(bundle: Bundle) -> None:
    with Bundle(bundle.folder).held(), pytest.raises(ConfigError, match="another process"):
        run(bundle, Stage())
    assert bundle.log() == []


def test_a_device_without_a_meter_is_refused(
    tmp_path: Path, bundle: Bundle, plan: Callable[..., Plan]
) -> None:
    (tmp_path / "device.toml").write_text('[platform]\nkind = "linux"\n')
    names = [tmp_path / name for name in ("new", "plan.json", "device.toml", "examples.npz")]
    with pytest.raises(ConfigError, match="without a meter there is nothing to compare"):
        pin(*names, virtual="")
    with pytest.raises(ConfigError, match="--virtual needs"):
        pin(*names, virtual="body")
    assert not names[0].exists()


def test_a_task_of_ones_own_is_pinned_with_its_files(tmp_path: Path, plan: Callable[..., Plan]) -> None:
    home = tmp_path / "home"
    shutil.copytree(TASKS, home / "tasks")
    policy = tmp_path / "policy.tflite"
    policy.write_bytes(shipped_policy().read_bytes())
    shutil.copy(shipped_policy().with_suffix(".json"), policy.with_suffix(".json"))
    arms = {"task": str(policy), "rule": "charging-only"}  # named as one of the pinned files could be
    freeze(plan(arms=arms, hours=1.0, washout_h=0.1), tmp_path / "plan.json")
    (home / "device.toml").write_text(
        '[platform]\nkind = "simulated"\n[agent]\ntask = "tasks/motion.toml"\n', encoding="utf-8"
    )
    np.savez(tmp_path / "examples.npz", x=np.zeros((20, 18), np.float32), y=np.arange(20) % 4)
    names = (tmp_path / name for name in ("test", "plan.json", "home/device.toml", "examples.npz"))
    bundle = pin(*names, virtual="")
    shutil.rmtree(home)
    attempt = Attempt(place=0, number=1, period=bundle.plan.schedule()[0], folder=bundle.period(0, 1))
    config = config_of(bundle, attempt)
    assert config.agent.task == str(bundle.folder / "pinned" / "task.toml")
    assert load_task(config.agent.task).name == "motion"
    assert (bundle.folder / "pinned" / "task.tflite").read_bytes() == policy.read_bytes()
    text = bundle.pins["task_identity"]
    bundle.pins["task_identity"] = text.replace("Walking", "Strolling")
    with pytest.raises(ConfigError, match=r"task\.toml: is not the task any more that the test began with"):
        config_of(bundle, attempt)
    del bundle.pins["task_identity"]  # as a test of release 0.1 has it
    assert config_of(bundle, attempt) == config
