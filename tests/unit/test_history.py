"""The store's past as columns: the same as its rows, whatever was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import INDEX, action_named
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.testing.store import READING, answer, tick
from circadia.types import Decision, Load, Observation, Outcome, Sleep, Source

if TYPE_CHECKING:
    from pathlib import Path

MASKED = (("no_link", ("sleep/sync-pull",)),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "device.db"
    store = SqliteStore(file)
    for i in range(20):
        record = tick(60.0 * i, Outcome(served=(answer(i),), expired=(100 + i,)) if i % 4 == 0 else None)
        decision = Decision(
            proposed=action_named("sleep"),
            action=action_named("train/high/small" if i % 2 else "sleep"),
            masked=MASKED if i % 5 == 0 else (),
            sleep=Sleep(length_s=30.0 + i) if i > 10 else None,
        )
        seen = Observation(battery_soc=i / 20, day_sine=np.sin(i), day_cosine=np.cos(i))
        tick_id = store.commit(replace(record, decision=decision, observation=seen))
        if i < 15:
            by_load = {Load.TRAIN_HIGH: 1.0, Load.AWAKE: 0.5} if i % 2 else {}
            store.settle(tick_id, replace(READING, by_load=by_load, source=Source.MEASURED))
    store.add_examples([(np.zeros(3, np.float32), 1, 7.0), (np.ones(3, np.float32), 0, 9.0)], {0: 1, 4: 0})
    store.close()
    return file


def test_columns_say_what_the_rows_say(path: Path) -> None:
    with StoreReader(path) as store:
        rows, columns = store.ticks(), store.history()
    assert columns.tick_id.tolist() == [row.tick_id for row in rows]
    assert columns.t_s.tolist() == [row.t_s for row in rows]
    np.testing.assert_array_equal(columns.x, np.stack([row.x for row in rows]))
    assert columns.action.tolist() == [INDEX[row.action] for row in rows]
    assert columns.served.tolist() == [row.served for row in rows]
    np.testing.assert_array_equal(columns.energy_j, [row.energy_j for row in rows])
    np.testing.assert_array_equal(columns.sleep_s, [row.sleep_s for row in rows])
    assert [columns.maskings[place] for place in columns.masked] == [row.masked for row in rows]
    settled = [0 if row.energy_source == "measured" else -1 for row in rows]
    assert columns.source.tolist() == settled
    np.testing.assert_array_equal(columns.work_j[1], [0.0, 1.0])
    assert np.isnan(columns.work_j[0]).all()


def test_local_time_is_read_off_the_observation(path: Path) -> None:
    with StoreReader(path) as store:
        local_s = store.history().local_s
    expected = (np.arange(20) / (2 * np.pi) % 1) * 86400
    np.testing.assert_allclose(local_s, expected, atol=0.5)


@pytest.mark.parametrize(
    ("since_s", "first"), [(-1.0, 0), (0.0, 0), (0.5, 1), (599.0, 10), (1140.0, 19), (1141.0, 20)]
)
def test_only_what_began_since_then_is_read(path: Path, since_s: float, first: int) -> None:
    with StoreReader(path) as store:
        assert store.history(since_s).t_s.tolist() == [60.0 * i for i in range(first, 20)]


def test_of_many_only_some_are_picked_the_newest_among_them(path: Path) -> None:
    with StoreReader(path) as store:
        picked = store.history(most=7)
    assert len(picked) == 7
    assert picked.t_s[0] == 0
    assert picked.t_s[-1] == 1140
    assert np.diff(picked.t_s).max() <= 240


def test_an_empty_store_has_empty_columns(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "new.db").close()
    with StoreReader(tmp_path / "new.db") as store:
        assert len(store.history()) == 0
        assert len(store.history(5.0, most=3)) == 0
        assert len(store.asked()) == 0


def test_requests_are_checked_where_somebody_told(path: Path) -> None:
    with StoreReader(path) as store:
        asked, late = store.asked(), store.asked(480.0)
    assert asked.checked.sum() == 2
    assert asked.right.sum() == 1
    assert (asked.label < 0).sum() == 5
    assert np.isnan(asked.latency_s[asked.label < 0]).all()
    assert late.t_s.min() == 480.0


def test_what_is_kept_is_counted(path: Path, tmp_path: Path) -> None:
    with StoreReader(path) as store:
        assert store.tick_count() == 20
        assert store.example_rows() == (2, 24, 7.0)
        assert store.learnt() == {}
    SqliteStore(tmp_path / "new.db").close()
    with StoreReader(tmp_path / "new.db") as store:
        count, size, oldest_s = store.example_rows()
        assert (count, size) == (0, 0)
        assert np.isnan(oldest_s)
