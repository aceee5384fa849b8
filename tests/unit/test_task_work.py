"""What a task takes on a device that was measured with another network: by the formula, with its doubt, or refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from circadia.energy.profile import DeviceProfile, Quantity, quantities
from circadia.energy.profile_file import (
    dump_profile,
    parse_profile,
    shipped_profile,
    shipped_profiles,
    with_quantities,
)
from circadia.energy.work import TaskWork, at_least, with_work, work_of
from circadia.errors import ConfigError
from circadia.learning.task_file import load_task
from circadia.physics.params import make_params, radio_session_j, sleep_w, training_step_j, wake_up_j
from circadia.physics.scenario import PHONE
from circadia.tflite.operations import Operations
from circadia.types import Load

PIXEL = shipped_profile("pixel-3")
MACS = 7.65e8
ROWS = ("train_step_low_s", "train_step_high_s", "serve_request_low_s", "serve_request_high_s")


def work(macs: float, moved: float = 0.0, operators: int = 20, answers: int = 32) -> TaskWork:
    net = Operations(macs=int(macs), bytes=int(moved), operators=operators)
    return TaskWork(task="mine", step=net, invocation=net, answers=answers)


def plain(**changes: float) -> DeviceProfile:
    """The Pixel with round figures: 1,000 MAC in 3 s, 0.1 s an operator, 100 bytes a second."""
    numbers = {
        "duration.train_step_high_s": 3.0,
        "duration.train_step_low_s": 6.0,
        "duration.serve_request_high_s": 3.0,
        "duration.serve_request_low_s": 6.0,
        "work.train_step_macs": 1000.0,
        "work.train_step_bytes": 50.0,
        "work.train_step_operators": 10.0,
        "work.operator_s": 0.1,
        "work.memory_bytes_per_s": 100.0,
        **{key.replace("__", "."): value for key, value in changes.items()},
    }
    given = {k: Quantity(value=v, uncertainty=0.1 * v, source="a round figure") for k, v in numbers.items()}
    return with_quantities(PIXEL, given)


def test_seconds_are_overhead_and_bytes_and_operations() -> None:
    duration = with_work(plain(), work(2000, 70, 15)).duration
    pace = 1000 / (3 - 10 * 0.1 - 0.5)
    assert duration.train_step_high_s.value == pytest.approx(15 * 0.1 + 0.7 + 2000 / pace)
    assert duration.train_step_low_s.value == pytest.approx(2 * duration.train_step_high_s.value)


def test_the_references_own_work_takes_what_the_profile_says() -> None:
    same = with_work(plain(), work(1000, 50, 10)).duration.train_step_high_s
    assert same.value == pytest.approx(3.0)
    assert same.uncertainty > 0.3, "the doubt about the reference's operations is left"


def test_doubts_add_up_by_how_far_each_moves_the_seconds() -> None:
    own, net = plain(), work(2000, 70, 15)
    seconds = with_work(own, net).duration.train_step_high_s
    told = ("train_step_macs", "train_step_bytes", "train_step_operators", "operator_s", "memory_bytes_per_s")
    keys = ["duration.train_step_high_s", *(f"work.{name}" for name in told)]
    assert seconds.uncertainty == pytest.approx(math.hypot(*(moved(own, key, net) for key in keys)), rel=1e-3)


def moved(own: DeviceProfile, key: str, net: TaskWork) -> float:
    """How far the step moves with that number, times the number's uncertainty."""
    number = quantities(own)[key]
    little = 1e-5 * number.uncertainty
    shifted = with_quantities(own, {key: replace(number, value=number.value + little)})
    before, after = (with_work(one, net).duration.train_step_high_s.value for one in (own, shifted))
    return (after - before) / 1e-5


def test_what_is_not_told_is_left_out() -> None:
    own = replace(PIXEL.work, operator_s=None, memory_bytes_per_s=None) if PIXEL.work else None
    duration = with_work(replace(PIXEL, work=own), work(MACS / 100, 1e12)).duration
    assert duration.train_step_high_s.value == pytest.approx(3.5 / 100)


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_small_net_and_the_profiles_own_are_different_worlds(name: str) -> None:
    task, own = load_task("digits"), shipped_profile(name)
    small = with_work(own, work_of(task.name, task.model, task.infer_batch))
    for row in ROWS[2:] if name == "mcu-lte-m" else ROWS:  # that one was told by the digits' own step
        assert getattr(small.duration, row).value < getattr(own.duration, row).value / 5
    assert small.answers == 32
    assert parse_profile(dump_profile(small), "copy") == small


def test_what_was_foretold_foretells_the_same() -> None:
    task = load_task("digits")
    digits = work_of(task.name, task.model, task.infer_batch)
    once = with_work(PIXEL, digits)
    again, from_afar = with_work(once, digits), with_work(with_work(once, work(MACS)), digits)
    for row in ROWS:
        wanted = pytest.approx(getattr(once.duration, row).value)
        assert getattr(again.duration, row).value == wanted
        assert getattr(from_afar.duration, row).value == wanted


def test_bounds_take_the_longer() -> None:
    small, large = at_least(PIXEL, work(1e6)), at_least(PIXEL, work(10 * MACS))
    assert small.duration == PIXEL.duration
    assert large.duration.train_step_high_s.value > 9 * PIXEL.duration.train_step_high_s.value
    assert large.duration.serve_request_high_s == PIXEL.duration.serve_request_high_s


def test_a_cost_that_is_not_known_is_told_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"pixel-3: what task mine takes on it is not known.*\[work\]"):
        with_work(replace(PIXEL, work=None), work(1e6))
    with pytest.raises(ConfigError, match=r"mine: it multiplies nothing.*measured"):
        with_work(PIXEL, work(0))
    with pytest.raises(
        ConfigError, match=r"one train step of task mine would take .* too large for this device"
    ):
        with_work(PIXEL, work(1e15))
    with pytest.raises(ConfigError, match=r"train_step_high_s leaves nothing for computing beside its"):
        with_work(plain(work__operator_s=0.3), work(1e3))


def test_joules_of_wakes_and_sessions_are_the_profiles() -> None:
    for name in shipped_profiles():
        profile = shipped_profile(name)
        params = make_params(profile, PHONE)
        assert float(wake_up_j(params)) == pytest.approx(profile.wake_up_j)
        assert float(radio_session_j(params)) == pytest.approx(profile.radio_session_j)
        assert float(sleep_w(params)) == pytest.approx(profile.sleep_w)
        assert float(training_step_j(params)) == pytest.approx(profile.training_step_j)
    awake = replace(PIXEL, can_deep_sleep=False)
    assert (awake.wake_up_j, awake.sleep_w) == (0.0, PIXEL.power_w(Load.AWAKE))
    assert float(sleep_w(make_params(awake, PHONE))) == pytest.approx(awake.sleep_w)
    boots = shipped_profile("pi-boot")
    assert (boots.wake_up_j, boots.sleep_w) == (22.5, 0.025)
    assert PIXEL.training_step_j == pytest.approx(PIXEL.power_w(Load.TRAIN_LOW) * 6.8)


def test_steps_of_the_devices_own_answer_make_training_longer_and_nothing_else() -> None:
    plain_s, personal_s = (make_params(PIXEL, PHONE, step_work=factor).unit_s for factor in (1.0, 1.7))
    for load in Load:
        factor = 1.7 if load.name.startswith("TRAIN") else 1.0
        assert personal_s[load] == factor * plain_s[load]
