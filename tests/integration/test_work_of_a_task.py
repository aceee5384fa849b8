"""`platform.work`: a device that is put together foretells what its own task takes, or says why it cannot."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from circadia.actions import action_named
from circadia.config import parse_config
from circadia.energy.profile_file import dump_profile, shipped_profile
from circadia.errors import ConfigError
from circadia.learning.task_file import load_task
from circadia.types import Load, Units
from circadia.wiring import build, profile_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.agent import Agent

CONV = Path(__file__).parents[1] / "tasks" / "conv.toml"


@contextmanager
def device(folder: Path, task: str, **platform: str) -> Iterator[Agent]:
    table = {
        "agent": {"task": task, "policy": "threshold"},
        "platform": platform,
        "store": {"path": str(folder / "device.db")},
    }
    with build(parse_config(table)) as agent:
        yield agent


def step_s(agent: Agent) -> float:
    phases = agent.platform.phases(action_named("train/high/small"), Units(steps=1), 0)
    return sum(phase.duration_s for phase in phases if phase.load is Load.TRAIN_HIGH)


def test_a_step_takes_what_the_devices_own_task_computes(tmp_path: Path) -> None:
    took = {}
    for task in ("digits", str(CONV)):
        for work in ("profile", "task"):
            folder = tmp_path / f"{Path(task).stem}-{work}"
            folder.mkdir()
            with device(folder, task, work=work) as agent:
                took[Path(task).stem, work] = step_s(agent)
    assert took["digits", "profile"] == took["conv", "profile"] == 3.5
    assert took["digits", "task"] < took["conv", "task"] / 3 < 0.01


def test_a_batch_is_answered_by_one_invocation(tmp_path: Path) -> None:
    serve = action_named("serve/high/large")
    with device(tmp_path, "digits", work="task") as agent:
        one, all_of_them = (agent.platform.phases(serve, Units(answers=n), 0) for n in (1, 32))
    assert one == all_of_them


def test_a_body_that_measures_is_bounded_by_the_longer() -> None:
    task = load_task("digits")
    config = parse_config({"platform": {"kind": "linux", "profile": "pi-solar", "work": "task"}})
    assert profile_of(config.platform, task) == shipped_profile("pi-solar")


def test_a_profile_of_before_says_what_it_lacks(tmp_path: Path) -> None:
    silent = tmp_path / "mine.toml"
    silent.write_text(dump_profile(replace(shipped_profile("pixel-3"), work=None)), encoding="utf-8")
    with device(tmp_path, "digits", profile=str(silent)) as agent:
        assert step_s(agent) == 3.5
    with (
        pytest.raises(
            ConfigError, match=r'platform\.work = "task": .*not known.*\[work\].*platform\.work = "profile"'
        ),
        device(tmp_path, "digits", profile=str(silent), work="task"),
    ):
        pass
    with pytest.raises(ConfigError, match=r"platform\.work is 'mine'; it must be one of profile, task"):
        parse_config({"platform": {"work": "mine"}})
