"""Tasks that `circadia task make` made of a user's own nets, on a device: they learn, and they stay apart."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import circadia
from circadia.actions import CATALOGUE, INDEX
from circadia.config import load_config, parse_config
from circadia.errors import ArtifactError, ConfigError
from circadia.learning.task_file import load_task
from circadia.platforms.clocks import HandClock
from circadia.wiring import Parts, build
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.config import DeviceConfig
    from circadia.learning.task import Task

TASKS = Path(__file__).parents[1] / "tasks"
LABELS = ("Standing", "Running", "Walking", "Badminton")
WINDOW = 20
"""Samples of 0.1 s that are one example."""
Labelled = tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]


class Always:
    """The policy port with one action in mind."""

    name = "always"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX[self.action]] = 100.0
        return scores


def features(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, WINDOW, 6) → (n, 18): what the task `motion` says of its input."""
    steps = np.abs(np.diff(samples, axis=1)).mean(1)
    told: NDArray[np.float32] = np.concatenate([samples.mean(1), samples.std(1), steps], axis=1) / 10
    return told.astype(np.float32)


def movements(random: np.random.Generator, count: int) -> Labelled:
    """Made-up windows: each activity swings with a strength and a pace of its own."""
    t_s = np.arange(WINDOW) / 10
    kinds = random.integers(0, 4, count)
    strength, pace = np.array([0.2, 9.0, 3.0, 6.0])[kinds], np.array([0.1, 2.8, 1.8, 0.7])[kinds]
    phase = random.uniform(0, 2 * np.pi, (count, 6))
    swing = np.sin(2 * np.pi * pace[:, None, None] * t_s[:, None] + phase[:, None, :])
    noise = random.normal(0, 0.5, (count, WINDOW, 6))
    return features(strength[:, None, None] * swing + noise), [LABELS[kind] for kind in kinds]


def recorded(path: Path) -> Labelled:
    """A `.ts` file of the time series archive: each series is cut into windows."""
    windows, labels = [], []
    lines = path.read_text().splitlines()
    for line in lines[lines.index("@data") + 1 :]:
        *axes, label = line.split(":")
        series = np.array([[float(value) for value in axis.split(",")] for axis in axes]).T
        parts = [series[start : start + WINDOW] for start in range(0, len(series) - WINDOW + 1, WINDOW)]
        windows += parts
        labels += [label] * len(parts)
    return features(np.stack(windows)), labels


def digits(part: slice) -> Labelled:
    x, y, *_ = load_digits_split(0)
    return x[part], [str(label) for label in y[part]]


def config(folder: Path, **agent: Any) -> DeviceConfig:
    return parse_config(
        {
            "agent": {"period_s": 60.0, **agent},
            "store": {"path": str(folder / "device.db")},
            "platform": {"initial_soc": 0.9},
        }
    )


def device(folder: Path, task: Task, t_s: float = 0.0) -> Agent:
    return build(config(folder), parts=Parts(clock=HandClock(t_s), policy=Always("sleep"), task=task)).agent


def tick(agent: Agent, action: str) -> None:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += 60.0
    agent.policy = Always(action)
    agent.ingest()
    agent.learn()
    agent.tick()


def accuracy(agent: Agent, questions: Labelled) -> float:
    """Share of right answers, asked as an application asks."""
    answers = [agent.submit(x, deadline_s=3600.0) for x in questions[0]]
    while not answers[-1].done():
        tick(agent, "serve/high/large")
    served = [agent.workload.task.labels[answer.result(timeout=0).label] for answer in answers]
    return float(np.mean([found == true for found, true in zip(served, questions[1], strict=True)]))


def before_and_after(
    folder: Path, name: str, lessons: Labelled, questions: Labelled, ticks: int
) -> tuple[float, float]:
    agent = device(folder, load_task(TASKS / f"{name}.toml"))
    before = accuracy(agent, questions)
    for x, label in zip(*lessons, strict=True):
        agent.add_example(x, label)
    for _ in range(ticks):
        tick(agent, "train/high/large")
    after = accuracy(agent, questions)
    agent.close()
    return before, after


def test_a_dense_net_learns_movements_on_the_device(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    before, after = before_and_after(tmp_path, "motion", movements(random, 200), movements(random, 100), 10)
    assert before < 0.6
    assert after > 0.9


@pytest.mark.slow
def test_a_dense_net_learns_recorded_movements_on_the_device(tmp_path: Path, shared_data: Path) -> None:
    lessons, questions = (
        recorded(shared_data / "activity" / f"BasicMotions_{part}.ts") for part in ("TRAIN", "TEST")
    )
    before, after = before_and_after(tmp_path, "motion", lessons, questions, 40)
    print(f"recorded movements: accuracy {before:.3f} before, {after:.3f} after, on {len(questions[1])}")
    assert before < 0.6
    assert after > 0.85


@pytest.mark.slow
def test_a_net_with_convolutions_and_pools_learns_digits_on_the_device(tmp_path: Path) -> None:
    before, after = before_and_after(tmp_path, "conv", digits(slice(500)), digits(slice(500, 700)), 40)
    print(f"digits: accuracy {before:.3f} before, {after:.3f} after")
    assert before < 0.3
    assert after > 0.8


# Whose task it is


def test_launch_takes_a_task_directly(tmp_path: Path) -> None:
    task = load_task(TASKS / "motion.toml")
    runtime = circadia.launch(config(tmp_path), task=task)
    assert runtime.agent.workload.task is task
    with pytest.raises(ConfigError, match=r"input of shape \(8, 8, 1\): task motion expects \(18,\)"):
        runtime.agent.submit(np.zeros((8, 8, 1), np.float32))
    runtime.stop()


def test_a_store_refuses_reversed_labels_by_name(tmp_path: Path) -> None:
    task = load_task(TASKS / "motion.toml")
    first = device(tmp_path, task)
    first.add_example(np.zeros(18, np.float32), "Walking")
    tick(first, "train/high/small")
    first.close()
    told = r"device\.db: belongs to another task: labels Badminton, Walking, Running, Standing instead of Standing, Running"
    for _ in range(2):
        with pytest.raises(ConfigError, match=told):
            device(tmp_path, dataclasses.replace(task, labels=task.labels[::-1]))
    device(tmp_path, task, t_s=120.0).close()


def written(folder: Path, task: str) -> Path:
    path = folder / "device.toml"
    path.write_text(f'[agent]\ntask = "{task}"\n[store]\npath = "{folder / "device.db"}"\n')
    return path


def test_a_task_is_looked_for_beside_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    shutil.copytree(TASKS, home / "tasks")
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    runtime = circadia.launch(written(home, "tasks/motion.toml"))
    assert runtime.agent.workload.task.name == "motion"
    runtime.stop()
    assert load_config(written(home, "digits")).agent.task == "digits"
    assert load_config(written(home, str(TASKS / "conv.toml"))).agent.task == str(TASKS / "conv.toml")
    with pytest.raises(ArtifactError, match=r"home/tasks/nosuch\.toml: cannot be read"):
        circadia.launch(written(home, "tasks/nosuch.toml"))


def test_one_that_lies_where_the_program_was_started_is_found_as_before_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(TASKS)
    assert load_config(written(home, "motion.toml")).agent.task == "motion.toml"
    assert "'motion.toml' is not beside this file" in caplog.text
