"""The application asks and teaches the same in both periods of a pair."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from circadia.errors import CircadiaError
from circadia_field.application import FEEDBACK_S, Application, Asks, Event, Teaches, events
from circadia_field.examples import Examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia.agent import Agent
    from circadia_field.plan import Plan

EXAMPLES = Examples(x=np.arange(40, dtype=np.float32).reshape(40, 1), y=np.arange(40) % 10)


class Ear:
    """Stands in for the agent: remembers what it is told, answers at once if it is to."""

    def __init__(self, now_s: float = 0.0, *, answers: bool = True) -> None:
        self.now_s, self.answers = now_s, answers
        self.clock = SimpleNamespace(now_s=lambda: self.now_s)
        self.asked: list[float] = []
        self.taught: list[int] = []
        self.fed: list[tuple[int, int]] = []

    def submit(self, x: Any, deadline_s: float) -> Any:
        assert deadline_s == 10.0
        answer: Any = Future()
        answer.request_id = len(self.asked) + 1
        self.asked.append(float(x[0]))
        if self.answers:
            answer.set_result("served")
        else:
            answer.set_exception(CircadiaError("too late"))
        return answer

    def add_example(self, x: Any, label: int) -> None:
        assert x.shape == (1,)
        self.taught.append(label)

    def feedback(self, request_id: int, label: int) -> None:
        self.fed.append((request_id, label))


@contextmanager
def play(ear: Ear, script: list[Event], asked: Path, start_s: float = 0.0) -> Iterator[Application]:
    application = Application(
        cast("Agent", ear), script, EXAMPLES, start_s=start_s, deadline_s=10.0, asked=asked
    )
    yield application
    application.close()


def test_both_arms_of_a_pair_live_through_the_same(plan: Callable[..., Plan]) -> None:
    schedule = plan().schedule()
    by_pair: dict[tuple[int, int], list[list[Event]]] = {}
    for period in schedule:
        by_pair.setdefault((period.comparison, period.pair), []).append(events(plan(), period, 40))
    assert all(len(two) == 2 and two[0] == two[1] for two in by_pair.values())
    scripts = [two[0] for two in by_pair.values()]
    assert all(one != other for i, one in enumerate(scripts) for other in scripts[:i])
    assert events(plan(seed=1), schedule[0], 40) != scripts[0]


def test_events_are_as_many_as_planned_in_order_and_never_teach_what_is_asked(
    plan: Callable[..., Plan],
) -> None:
    made = plan(requests_per_h=300.0, examples_per_h=100.0, hours=9.0, washout_h=1.0)
    script = events(made, made.schedule()[0], 40)
    times = [event.t_s for event in script]
    asks = [event for event in script if isinstance(event, Asks)]
    teaches = [event for event in script if isinstance(event, Teaches)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 36000
    assert len(asks) == pytest.approx(3000, rel=0.1)
    assert len(teaches) == pytest.approx(1000, rel=0.15)
    assert not {event.row for event in asks} & {event.row for event in teaches}
    assert np.mean([event.feedback for event in asks]) == pytest.approx(0.5, abs=0.05)


def test_what_was_asked_is_written_with_its_true_label_and_labels_come_back(tmp_path: Path) -> None:
    ear, path = Ear(100.0), tmp_path / "asked.jsonl"
    script: list[Event] = [
        Asks(t_s=1.0, row=13, feedback=True),
        Teaches(t_s=2.0, row=27),
        Asks(t_s=3.0, row=4, feedback=False),
    ]
    with play(ear, script, path, start_s=100.0) as application:
        assert application.due_s == 101.0
        ear.now_s = 101.5
        application.advance(101.5)
        assert (ear.asked, ear.taught) == ([13.0], [])
        ear.now_s = 110.0
        application.advance(110.0)
        assert (ear.asked, ear.taught, ear.fed) == ([13.0, 4.0], [7], [])
        assert application.due_s == 101.0 + 10.0 + FEEDBACK_S
        application.advance(application.due_s)
    assert ear.fed == [(1, 3)]
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"request_id": 1, "t_s": 101.5, "label": 3}, {"request_id": 2, "t_s": 110.0, "label": 4},
    ]  # fmt: skip


def test_no_label_comes_back_for_a_request_that_nobody_answered(tmp_path: Path) -> None:
    ear = Ear(answers=False)
    with play(ear, [Asks(t_s=0.0, row=3, feedback=True)], tmp_path / "asked.jsonl") as application:
        application.advance(1e6)
    assert (ear.asked, ear.fed) == ([3.0], [])


def test_what_a_device_missed_while_it_was_off_is_not_made_up_for(tmp_path: Path) -> None:
    script: list[Event] = [Teaches(t_s=float(t), row=t) for t in range(10)]
    ear = Ear(106.5)
    with play(ear, script, tmp_path / "asked.jsonl", start_s=100.0) as application:
        application.advance(1e6)
    assert ear.taught == [7, 8, 9]


def test_a_line_that_was_left_half_written_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text('{"request_id": 1, "t_s": 1.0, "label": 3}\n{"request_id": 2, "t_')
    with play(Ear(), [Asks(t_s=1.0, row=5, feedback=False)], path) as application:
        application.advance(2.0)
    lines = path.read_text().splitlines()
    assert lines[:2] == ['{"request_id": 1, "t_s": 1.0, "label": 3}', '{"request_id": 2, "t_']
    assert json.loads(lines[2])["label"] == 5


def test_an_agent_that_refuses_is_asked_again(tmp_path: Path) -> None:
    class Refusing(Ear):
        def submit(self, x: Any, deadline_s: float) -> Any:
            if not self.taught:
                raise CircadiaError("not now")
            return super().submit(x, deadline_s)

    ear = Refusing()
    script: list[Event] = [
        Asks(t_s=0, row=1, feedback=False),
        Teaches(t_s=1, row=2),
        Asks(t_s=2, row=3, feedback=False),
    ]
    with play(ear, script, tmp_path / "asked.jsonl") as application:
        application.advance(3)
    assert ear.asked == [3.0]


def test_periods_of_another_length_have_events_of_their_own(plan: Callable[..., Plan]) -> None:
    period = plan().schedule()[0]
    short = dataclasses.replace(period, hours=1.0)
    assert max(event.t_s for event in events(plan(), short, 40)) <= 2 * 3600
