"""The broker within a process: who hears what, in which order, and what a device's link makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from circadia.errors import LocalProtocolError
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.codecs import INT8, encode
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged
from circadia.federation.wire.effects import Publish, Subscribe, Unsubscribe
from circadia.platforms.clocks import HandClock
from circadia.types import ModelUpdate
from circadia_lab.life.post import Post, PostLink, matches

TASK = "a" * 64
PARAMETERS = 5
LEVELS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4)


@given(st.lists(st.sampled_from(["a", "b", "ab", "+"]), min_size=1, max_size=4), LEVELS, st.booleans())
def test_filters_match_as_a_broker_s(pattern: list[str], topic: list[str], rest: bool) -> None:
    whole = "/".join([*pattern, "#"] if rest else pattern)
    assert matches(whole, "/".join(topic)) == topic_matches_sub(whole, "/".join(topic))


class Core:
    """A protocol core that notes what it hears, and answers what it is told to."""

    due_s = float("inf")

    def __init__(self, *first: Any, answers: tuple[Any, ...] = ()) -> None:
        self.first, self.answers = first, answers
        self.heard: list[tuple[str, bytes]] = []
        self.taken: list[Any] = []

    def will(self) -> Publish:
        return self.farewell()

    def farewell(self) -> Publish:
        return Publish(topic="bye", payload=b"1")

    def connected(self, _now_s: float) -> tuple[Any, ...]:
        return self.first

    def disconnected(self, _now_s: float) -> tuple[Any, ...]:
        return ("gone",)

    def receive(self, topic: str, payload: bytes, _now_s: float) -> tuple[Any, ...]:
        self.heard.append((topic, payload))
        return self.answers

    def tick(self, _now_s: float) -> tuple[Any, ...]:
        return ()

    def take(self, step: Any) -> None:
        self.taken.append(step)

    def commit(self) -> None:
        self.taken.append("committed")


def retained(topic: str, payload: bytes) -> Publish:
    return Publish(topic=topic, payload=payload, retain=True)


def test_retained_messages_come_with_a_subscription_and_go_with_an_empty_one() -> None:
    post = Post(HandClock())
    speaker, early, late = Core(), Core(Subscribe(pattern="x/+")), Core(Subscribe(pattern="x/#"))
    parties = [post.join(core, core) for core in (speaker, early, late)]
    post.connect(parties[0])
    post.connect(parties[1])
    post.carry_out(parties[0], (retained("x/1", b"old"), retained("x/1", b"new"), retained("x/2", b"two")))
    post.carry_out(parties[0], (retained("x/2", b""), Publish(topic="x/3", payload=b"passing")))
    post.connect(parties[2])
    assert early.heard == [
        ("x/1", b"old"),
        ("x/1", b"new"),
        ("x/2", b"two"),
        ("x/2", b""),
        ("x/3", b"passing"),
    ]
    assert late.heard == [("x/1", b"new")]
    post.carry_out(parties[2], (Unsubscribe(pattern="x/#"),))
    post.carry_out(parties[0], (Publish(topic="x/1", payload=b"unheard"),))
    assert len(late.heard) == 1


def test_who_left_hears_and_says_nothing() -> None:
    post = Post(HandClock())
    one, other = Core(Subscribe(pattern="bye"), Subscribe(pattern="x")), Core(Subscribe(pattern="x"))
    parties = [post.join(core, core) for core in (one, other)]
    for party in parties:
        post.connect(party)
    post.leave(parties[1])
    post.leave(parties[1])
    assert one.heard == [("bye", b"1")]
    assert other.taken[-2:] == ["gone", "committed"]
    post.carry_out(parties[1], (Publish(topic="x", payload=b"into the void"),))
    post.carry_out(parties[0], (Publish(topic="x", payload=b"to whom"),))
    assert other.heard == []
    assert one.heard[1:] == [("x", b"to whom")]


def test_what_is_to_be_kept_is_kept_before_anything_is_sent() -> None:
    post = Post(HandClock())
    keeper = Core(answers=("keep", Publish(topic="answer", payload=b"kept")))
    keeper.first = (Subscribe(pattern="ask"),)
    asker = Core(Subscribe(pattern="answer"))
    parties = [post.join(core, core) for core in (keeper, asker)]
    for party in parties:
        post.connect(party)
    keeper.taken.clear()
    post.carry_out(parties[1], (Publish(topic="ask", payload=b""),))
    assert keeper.taken == ["keep", "committed"]
    assert asker.heard == [("answer", b"kept")]


def federation() -> tuple[Post, Aggregator, list[PostLink]]:
    clock = HandClock(100.0)
    post = Post(clock)
    kept: dict[tuple[str, str], Any] = {}

    class Kept:
        def take(self, step: Any) -> None:
            if hasattr(step, "record"):
                kept[step.record.device, step.record.update_id] = step.record.verdict

        def commit(self) -> None:
            pass

    aggregator = Aggregator(
        settings=AggregatorSettings(federation="f", task=TASK, buffer=2, timeout_s=600.0),
        version=first_version(np.zeros(PARAMETERS, np.float32), 0.0),
        buffered=(),
        verdicts=lambda device, update: kept.get((device, update)),
        stamp=lambda now_s: now_s,
    )
    post.connect(post.join(aggregator, Kept()))
    links = [
        PostLink(
            post,
            DeviceEndpoint(device_id=name, federation="f", task_digest=TASK, parameters=PARAMETERS),
        )
        for name in ("one", "two")
    ]
    return post, aggregator, links


def update(update_id: str, *, base_version: int = 1, change: float = 0.5) -> ModelUpdate:
    return ModelUpdate(
        update_id=update_id,
        task=TASK,
        base_version=base_version,
        examples=4,
        codec=INT8,
        payload=encode(np.full(PARAMETERS, change, np.float32), INT8),
        created_s=0.0,
    )


def test_a_link_has_its_answers_when_its_request_returns() -> None:
    _, aggregator, (one, two) = federation()
    assert not one.connected
    one.request((update("first"),), pull=True)
    assert (one.waiting, one.poll()) == (0, [])
    one.set_online(online=True)  # what was asked for before goes out now
    assert {type(event) for event in one.poll()} == {ManifestSeen, ModelArrived, UpdateAcknowledged}
    two.set_online(online=True)
    two.poll()
    two.request((update("second"),), pull=False)
    assert aggregator.version.number == 2
    assert [e.update_id for e in two.poll() if isinstance(e, UpdateAcknowledged)] == ["second"]
    assert [e.version for e in one.poll() if isinstance(e, ManifestSeen)] == [2]
    one.request((), pull=True)
    (arrived,) = (event for event in one.poll() if isinstance(event, ModelArrived))
    np.testing.assert_array_equal(arrived.weights, aggregator.version.weights)
    one.close()
    assert not one.connected


def test_the_aggregator_s_time_comes_as_the_clock_is_moved() -> None:
    post, aggregator, (one, _) = federation()
    one.set_online(online=True)
    one.request((update("alone"),), pull=False)
    assert post.due_s == pytest.approx(700.0)
    assert isinstance(post.clock, HandClock)
    post.clock.t_s = 699.0
    post.tick()
    assert aggregator.version.number == 1
    post.clock.t_s = 700.0
    post.tick()
    assert (aggregator.version.number, aggregator.version.published_s) == (2, 700.0)


def test_what_no_message_can_carry_is_refused_before_anything_is_sent() -> None:
    _, aggregator, (one, _) = federation()
    one.set_online(online=True)
    one.poll()
    with pytest.raises(LocalProtocolError):
        one.request((update("good"), update("x" * 1000)), pull=False)
    assert one.poll() == []
    assert aggregator.waiting == 0
