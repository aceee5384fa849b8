"""Problem files: what is read, and what each mistake is told as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circadia.actions import NAMES
from circadia.energy.profile_file import dump_profile, shipped_profile
from circadia.errors import ConfigError
from circadia.observation import COLUMN
from circadia.physics.scenario import PHONE
from circadia.types import Load
from circadia_lab.data.traces.day_trace import DayTrace, save_day_trace
from circadia_lab.policy.env.environment import Fleet
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.preferences import ANCHORS, checked, lattice, radial_weights
from circadia_lab.policy.env.problem import (
    CostLimits,
    Problem,
    TickLaw,
    find_problem,
    load_problem,
    shipped_problems,
)

DEVICE = 'devices = [{ profile = "pixel-3", scenario = "phone" }]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_is_as_documented(tmp_path: Path) -> None:
    problem = load_problem(written(tmp_path, DEVICE))
    assert problem.name == "mine"
    assert [device.name for device in problem.devices] == ["pixel-3 · phone"]
    assert (problem.costs, problem.ticks, problem.trace) == (CostLimits(), TickLaw(), None)
    assert problem.measures.period_s == 300
    assert problem.costs.array.tolist() == [0.02, 0.2, 0.2]


def test_everything_can_be_said(tmp_path: Path) -> None:
    day = DayTrace(bin_s=3600.0, requests=np.ones(24), clearness=np.full(24, 0.5))
    save_day_trace(day, tmp_path / "day.npz")
    (tmp_path / "quiet.toml").write_text(f"versions_per_hour = 1\nrequests_per_hour = {[1.0] * 24}\n")
    text = (
        'name = "all"\ntrace = "day.npz"\ndevices = [{ profile = "pixel-3", scenario = "quiet.toml" }]\n'
        "[limits]\nbattery_floor = 0.3\nrespect_power_save = false\n[costs]\nexpired = 0.1\nold_s = 60\n"
        "[ticks]\nperiod_s = 60\nburst_sizes = [1, 5]\nburst_shares = [0.75, 0.25]\n"
    )
    problem = load_problem(written(tmp_path, text))
    assert problem.name == "all"
    assert (problem.limits.battery_floor, problem.limits.respect_power_save) == (0.3, False)
    assert (problem.costs.expired, problem.measures.old_s) == (0.1, 60)
    assert problem.ticks.mean_burst == 2
    assert problem.devices[0].scenario.versions_per_hour == 1
    assert problem.devices[0].scenario.deadline_s == PHONE.deadline_s
    assert problem.trace is not None
    assert problem.trace.requests.sum() == 24


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("devics = []\n", "unknown key 'devics'; did you mean 'devices'?"),
        (DEVICE + "zebra = 1\n", "unknown key 'zebra'; known are name, trace, devices"),
        (DEVICE + "[limits]\nbatery_floor = 0.1\n", "unknown key limits.'batery_floor'; did you mean"),
        (DEVICE + "[costs]\nfresh = 0.1\n", "unknown key costs.'fresh'"),
        (DEVICE + "[work]\ntask = 7\n", "work.task = 7 is not a text"),
        (DEVICE + '[work]\npersonal = "yes"\n', "work.personal = 'yes' is neither true nor false"),
        ('devices = [{ profil = "pixel-3", scenario = "phone" }]\n', "unknown key devices.'profil'"),
        ("", "devices must be a list of tables"),
        ('devices = "pixel-3"\n', "devices must be a list of tables"),
        ("devices = []\n", "needs at least one device"),
        ('devices = [{ profile = "pixel-3" }]\n', "needs a profile and a scenario"),
        ('devices = [{ profile = "nokia.toml", scenario = "phone" }]\n', "nokia.toml"),
        (
            'devices = [{ profile = "nokia", scenario = "phone" }]\n',
            "there are fairphone-4, mcu-lte-m, pi-boot, pi-solar, pixel-3, suspend-board; a file",
        ),
        ('devices = [{ profile = "pixel-3", scenario = "moon.toml" }]\n', "moon.toml"),
        (DEVICE + "[limits]\nbattery_floor = 1\n", "limits.battery_floor is 1"),
        (DEVICE + "[limits]\ntemperature_c = -5\n", "limits.temperature_c is -5"),
        (DEVICE + "[limits]\nbattery_floor = 'low'\n", "limits.battery_floor = 'low' is not a number"),
        (DEVICE + "[limits]\nbattery_floor = [0.1]\n", "limits.battery_floor"),
        (DEVICE + "[ticks]\nburst_sizes = 3\n", "ticks.burst_sizes"),
        (DEVICE + "[limits]\nrespect_power_save = 2\n", "limits.respect_power_save"),
        (DEVICE + "[costs]\nstale = true\n", "costs.stale"),
        (DEVICE + "[costs]\nexpired = 0\n", "costs.expired is 0; it must lie in (0, 1]"),
        (DEVICE + "[costs]\nold = 1.5\n", "costs.old is 1.5"),
        (DEVICE + "[costs]\nstale_s = 0\n", "costs.stale_s and costs.old_s must be positive"),
        (DEVICE + "[costs]\nold_s = nan\n", "costs.old_s"),
        (DEVICE + "[ticks]\nperiod_s = 0\n", "period_s 0 must be positive"),
        (DEVICE + "[ticks]\nperiod_s = inf\n", "ticks.period_s"),
        (DEVICE + "[ticks]\ndoze_shares = [0.9, 0.2, 0.1]\n", "doze_shares sum to 1.2, not to 1"),
        (DEVICE + "[ticks]\ndoze_shares = [1.0]\n", "doze_periods and doze_shares need as many values"),
        (DEVICE + "[ticks]\nburst_sizes = [0, 2, 4, 8]\n", "burst_sizes above 0"),
        (DEVICE + "[ticks]\nburst_sizes = [1.5, 2, 4, 8]\n", "burst_sizes must be whole"),
        (DEVICE + "[ticks]\nburst_shares = [1.2, -0.2, 0, 0]\n", "burst_shares"),
        ("trace = 'gone.npz'\n" + DEVICE, "gone.npz"),
        ("limits = 3\n" + DEVICE, "limits must be a table"),
        ("devices = [\n", "mine.toml"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_problem(written(tmp_path, text))
    assert told in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_a_profile_with_a_negative_capacity_is_refused(tmp_path: Path) -> None:
    from circadia.energy.profile_file import dump_profile, shipped_profile

    good = dump_profile(shipped_profile("pixel-3"))
    bad = good.replace("capacity_c = { value = ", "capacity_c = { value = -")
    assert bad != good
    (tmp_path / "negative.toml").write_text(bad, encoding="utf-8")
    path = written(tmp_path, 'devices = [{ profile = "negative.toml", scenario = "phone" }]\n')
    with pytest.raises(ConfigError, match=r"negative\.toml.*battery\.capacity_c|battery\.capacity_c"):
        load_problem(path)


def test_a_profile_is_found_beside_the_problem_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from circadia.energy.profile_file import dump_profile, shipped_profile

    mine = replace(shipped_profile("pixel-3"), name="mine")
    (tmp_path / "fitted").mkdir()
    (tmp_path / "fitted" / "mine.toml").write_text(dump_profile(mine), encoding="utf-8")
    path = written(tmp_path, 'devices = [{ profile = "fitted/mine.toml", scenario = "phone" }]\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_problem(path).devices[0].profile == mine
    assert find_problem("../mine.toml").devices[0].profile == mine


def test_curves_of_different_lengths_cannot_be_batched(tmp_path: Path) -> None:
    from circadia.energy.profile import Curve
    from circadia.energy.profile_file import dump_profile, shipped_profile

    pixel = shipped_profile("pixel-3")
    short = replace(
        pixel.battery,
        open_circuit_v=Curve(soc=(0.0, 1.0), value=(3.3, 4.3), uncertainty=0.1, source="two points"),
    )
    (tmp_path / "short.toml").write_text(
        dump_profile(replace(pixel, name="short", battery=short)), encoding="utf-8"
    )
    both = 'devices = [{ profile = "short.toml", scenario = "phone" }, { profile = "pixel-3", scenario = "phone" }]\n'
    with pytest.raises(ConfigError, match=r"as many points each.*short: 2, pixel-3: 12"):
        load_problem(written(tmp_path, both))


def test_problems_by_name(tmp_path: Path) -> None:
    assert {"phone", "board", "default", "unseen"} <= set(shipped_problems())
    assert {find_problem(name).name for name in shipped_problems()} == set(shipped_problems())
    assert find_problem(str(written(tmp_path, DEVICE))).name == "mine"
    with pytest.raises(ConfigError, match="unknown problem 'fone'; there are board, "):
        find_problem("fone")
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        find_problem(str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match="needs at least one device"):
        Problem(name="empty", devices=())


def test_preferences() -> None:
    assert ANCHORS.shape == (21, 3)
    assert ANCHORS.sum(-1) == pytest.approx(np.ones(21))
    assert ANCHORS.tolist() == sorted(ANCHORS.tolist())
    assert lattice(1).tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert checked((0.2, 0.3, 0.5)).tolist() == [0.2, 0.3, 0.5]
    for wrong, told in (
        ((0.5, 0.5), "three weights"),
        ((1.5, -0.5, 0), "0 or more"),
        ((1, 1, 1), "sums to 3"),
    ):
        with pytest.raises(ConfigError, match=told):
            checked(wrong)
    shares = radial_weights(ANCHORS, ANCHORS)
    assert shares.sum(-1) == pytest.approx(np.ones(21))
    assert (shares.argmax(-1) == np.arange(21)).all()
    assert shares.max(-1).min() > 0.9
    assert len(COSTS) == 3


def test_a_task_changes_how_long_work_takes_and_an_own_answer_how_long_training(tmp_path: Path) -> None:
    tasks = Path(__file__).parents[4] / "tasks"
    texts = {
        "plain": "",
        "digits": '[work]\ntask = "digits"\n',
        "conv": f'[work]\ntask = "{tasks / "conv.toml"}"\n',
        "personal": '[work]\ntask = "digits"\npersonal = true\n',
    }
    step_s, answer_s, warmest = {}, {}, {}
    for name, text in texts.items():
        fleet = Fleet(load_problem(written(tmp_path, DEVICE + text)), 1)
        step_s[name] = float(fleet.params.unit_s[0, 0, Load.TRAIN_HIGH])
        answer_s[name] = float(fleet.params.unit_s[0, 0, Load.SERVE_HIGH])
        warmest[name] = warmest_c(fleet, "train/high/large")
    assert (step_s["plain"], answer_s["plain"]) == (3.5, 0.4)
    assert step_s["digits"] < step_s["conv"] / 3 < step_s["plain"] / 100
    assert step_s["personal"] == pytest.approx(1.7 * step_s["digits"])
    assert answer_s["personal"] == answer_s["digits"]
    assert warmest["plain"] < warmest["personal"] < warmest["digits"], (
        "what it may take is more than it takes"
    )


def warmest_c(fleet: Fleet, action: str) -> float:
    """The highest temperature at which the shield allows the action."""
    limit = next(one for one in fleet._limits if one.feature == COLUMN["temperature_c"])
    return float(limit.sign * limit.thresholds[NAMES.index(action), 0, 0])


def test_a_profile_that_does_not_say_whose_its_durations_are_is_refused_with_the_problem(
    tmp_path: Path,
) -> None:
    silent = dump_profile(replace(shipped_profile("pixel-3"), work=None))
    (tmp_path / "old.toml").write_text(silent, encoding="utf-8")
    devices = 'devices = [{ profile = "old.toml", scenario = "phone" }]\n'
    assert load_problem(written(tmp_path, devices)).devices[0].profile.work is None
    with pytest.raises(
        ConfigError, match=r"problem .*mine\.toml: .*what task digits takes on it is not known"
    ):
        load_problem(written(tmp_path, devices + '[work]\ntask = "digits"\n'))
