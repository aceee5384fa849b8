from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.wire import topics
from circadia.federation.wire.topics import (
    AckTopic,
    ManifestTopic,
    ModelTopic,
    StatusTopic,
    Topic,
    UpdateTopic,
    WantTopic,
    build,
    parse,
)

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
numbers = st.integers(0, topics.HIGHEST_NUMBER)
any_topic: st.SearchStrategy[Topic] = st.one_of(
    st.just(ManifestTopic()),
    st.builds(ModelTopic, version=numbers, chunk=numbers),
    st.builds(WantTopic, device=ids),
    st.builds(UpdateTopic, device=ids, update_id=ids, chunk=numbers),
    st.builds(AckTopic, device=ids),
    st.builds(StatusTopic, device=ids),
)


def matches(pattern: str, topic: str) -> bool:
    """MQTT's rule for `+`."""
    one, other = pattern.split("/"), topic.split("/")
    return len(one) == len(other) and all(a in {"+", b} for a, b in zip(one, other, strict=True))


@given(ids, any_topic)
def test_a_built_topic_parses_to_itself_within_the_limits(federation: str, topic: Topic) -> None:
    text = build(federation, topic)
    assert parse(text) == (federation, topic)
    assert text.count("/") <= topics.MOST_SLASHES
    assert len(text.encode()) <= topics.MOST_BYTES


@given(st.text() | st.from_regex(r"circadia/1/[a-z+#/0-9-]*", fullmatch=True))
def test_any_text_parses_to_what_builds_it_or_is_refused(text: str) -> None:
    try:
        federation, topic = parse(text)
    except RemoteProtocolError:
        return
    assert build(federation, topic) == text


@given(ids, ids, ids, numbers, numbers)
def test_filters_match_what_they_are_for(
    federation: str, device: str, update: str, n: int, chunk: int
) -> None:
    model = build(federation, ModelTopic(version=n, chunk=chunk))
    sent = build(federation, UpdateTopic(device=device, update_id=update, chunk=chunk))
    want = build(federation, WantTopic(device=device))
    assert matches(topics.model_filter(federation, n), model)
    assert matches(topics.update_filter(federation), sent)
    assert matches(topics.update_filter(federation, topics.shard_of(device)), sent)
    assert matches(topics.want_filter(federation), want)
    assert not matches(topics.model_filter(federation, n), want)


def test_the_shard_of_a_device_never_changes() -> None:
    assert [topics.shard_of(name) for name in ("phone-0", "phone-1", "board")] == [6, 11, 3]


@pytest.mark.parametrize("bad", ["", "a/b", "+", "#", "é", "a" * 65, "a b", "a\n"])
def test_bad_ids_are_refused_by_name(bad: str) -> None:
    with pytest.raises(LocalProtocolError, match="device"):
        build("home", AckTopic(device=bad))
    with pytest.raises(LocalProtocolError, match="federation"):
        build(bad, ManifestTopic())


def test_an_update_under_the_wrong_shard_is_refused() -> None:
    wrong = (topics.shard_of("phone") + 1) % topics.SHARDS
    with pytest.raises(RemoteProtocolError):
        parse(f"circadia/1/home/update/{wrong}/phone/u1/0")
