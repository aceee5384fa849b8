from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ConfigError
from circadia.learning.examples import FRESH_SHARE, ExampleBuffer

CLASSES = 4
streams = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.booleans()), max_size=60)


def x(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(2, value, np.float32)


def filled(labels: list[int], capacity: int = 64) -> ExampleBuffer:
    buffer = ExampleBuffer(capacity, CLASSES)
    for i, label in enumerate(labels):
        buffer.add(i, x(i), label, t_s=float(i))
    return buffer


@given(streams, st.integers(1, 12))
def test_the_buffer_holds_what_came_and_did_not_go(stream: list[tuple[int, bool]], capacity: int) -> None:
    buffer = ExampleBuffer(capacity, CLASSES)
    present: dict[int, int] = {}
    fresh: dict[int, int] = {}
    for i, (label, use) in enumerate(stream):
        gone = buffer.add(i, x(i), label, t_s=float(i))
        assert len(gone) == (len(present) == capacity)
        present[i], fresh[i] = label, i
        for old in gone:
            del present[old]
            fresh.pop(old, None)
        if use:
            oldest = next(iter(fresh))
            buffer.mark_used([oldest, 10_000])
            del fresh[oldest]
        assert len(buffer) == len(present)
        assert buffer.fresh_ids() == tuple(fresh)
        assert buffer.fresh_count == len(fresh)
        assert buffer.fresh_among([*range(0, i + 1, 2), 10_000]) == [j for j in fresh if j % 2 == 0]
        assert buffer.fresh_age_s(100.0) == (100.0 - min(fresh) if fresh else 0)
    if present:
        rows, labels = buffer.rows(list(present))
        assert rows[:, 0].tolist() == list(present)
        assert labels.tolist() == list(present.values())


@given(st.lists(st.integers(0, CLASSES - 1), max_size=40), st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_batch_holds_no_example_twice_and_is_as_full_as_can_be(
    labels: list[int], steps: int, batch: int, data: st.DataObject
) -> None:
    buffer = filled(labels)
    buffer.mark_used(data.draw(st.sets(st.integers(0, 40))))
    ids = buffer.draw(steps, batch, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert ids.shape == (steps, batch)
    assert ids.dtype == np.int64
    for row in ids:
        drawn = row[row >= 0].tolist()
        assert len(set(drawn)) == len(drawn) == min(batch, len(labels))
        assert set(drawn) <= set(range(len(labels)))
        assert (row[len(drawn) :] == -1).all()


def test_fresh_examples_come_first_and_are_dealt_over_the_steps() -> None:
    buffer = filled([0, 1, 2, 3] * 16)
    buffer.mark_used(range(58))
    ids = buffer.draw(3, 8, np.random.default_rng(0))
    assert set(range(58, 64)) <= set(ids.ravel().tolist())
    assert all(sum(i >= 58 for i in row) >= 2 for row in ids)


def test_of_too_many_fresh_examples_the_oldest_come_and_leave_room_to_rehearse() -> None:
    buffer = filled([0, 1, 2, 3] * 16)
    buffer.mark_used(range(8))
    steps, batch = 2, 8
    ids = buffer.draw(steps, batch, np.random.default_rng(0))
    quota = int(steps * batch * FRESH_SHARE)
    assert set(range(8, 8 + quota)) <= set(ids.ravel().tolist())


def test_classes_get_the_same_share_and_newer_examples_the_larger_one() -> None:
    buffer = filled([0] * 40 + [1] * 10 + [2] * 10, capacity=60)
    buffer.mark_used(range(60))
    drawn = buffer.draw(4000, 2, np.random.default_rng(1)).ravel()
    _, labels = buffer.rows(drawn)
    shares = np.bincount(labels, minlength=CLASSES) / labels.size
    assert np.allclose(shares, [1 / 3, 1 / 3, 1 / 3, 0], atol=0.03)
    of_zeros = Counter(drawn[labels == 0].tolist())
    oldest, newest = (sum(of_zeros[i] for i in part) for part in (range(10), range(30, 40)))
    assert 2 < newest / oldest < 4
    assert oldest > 0


def test_the_same_generator_draws_the_same() -> None:
    buffer = filled([0, 1, 2] * 5)
    first, second = (buffer.draw(4, 4, np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


def test_the_oldest_used_example_of_the_largest_class_is_replaced() -> None:
    buffer = filled([0, 1, 1, 1, 0, 2], capacity=6)
    buffer.mark_used([0, 2, 3])
    assert buffer.add(10, x(0), 0, t_s=10) == (2,)
    assert buffer.add(11, x(0), 0, t_s=11) == (0,), "class 0 is the largest by now"


def test_without_used_examples_the_oldest_of_the_largest_class_is_replaced() -> None:
    assert filled([2, 1, 1, 1, 0], capacity=5).add(10, x(0), 0, t_s=10) == (1,)


def test_a_rare_class_outlives_a_flood_of_others() -> None:
    buffer = filled([3, *[0, 1] * 100], capacity=20)
    buffer.mark_used(range(300))
    assert buffer.rows([0])[1].tolist() == [3]


def test_added_arrays_are_copied() -> None:
    buffer, array = ExampleBuffer(2, CLASSES), x(1)
    buffer.add(0, array, 0, t_s=0)
    array[:] = 9
    assert buffer.rows([0])[0].tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("example_id", "array", "label", "t_s", "message"),
    [
        (0, x(1), 0, 0.0, "example 0 is there already"),
        (-1, x(1), 0, 0.0, "negative"),
        (5, x(1), CLASSES, 0.0, "label 4 is not within 0 … 3"),
        (5, x(1), -1, 0.0, "label -1"),
        (5, np.zeros(3, np.float32), 0, 0.0, r"shape \(2,\)"),
        (5, x(np.nan), 0, 0.0, "finite"),
        (5, x(1), 0, float("nan"), "t_s finite"),
    ],
)
def test_a_wrong_example_changes_nothing(
    example_id: int, array: np.ndarray[tuple[int], np.dtype[np.float32]], label: int, t_s: float, message: str
) -> None:
    buffer = filled([0], capacity=1)
    with pytest.raises(ConfigError, match=message):
        buffer.add(example_id, array, label, t_s)
    assert buffer.fresh_ids() == (0,)


def test_unknown_ids_and_empty_buffers_are_named() -> None:
    buffer = filled([0])
    with pytest.raises(ConfigError, match="example 7 is not in the buffer"):
        buffer.rows([0, 7])
    with pytest.raises(ConfigError, match="no example ids"):
        buffer.rows([])
    assert (ExampleBuffer(3, CLASSES).draw(2, 2, np.random.default_rng(0)) == -1).all()
    with pytest.raises(ConfigError, match="too small"):
        ExampleBuffer(0, CLASSES)
