"""The device's database: transactions, kills, a full disk, retention."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from circadia.actions import CATALOGUE, NAMES, SLEEP
from circadia.errors import StoreError
from circadia.practice import Practice
from circadia.store.reading import StoreReader
from circadia.store.sqlite import MOST_JOINING, PRUNE_TICKS, RETRY_TICKS, Retention, SqliteStore
from circadia.types import (
    Decision,
    EnergyReading,
    Load,
    Model,
    ModelUpdate,
    Observation,
    Outcome,
    Personal,
    Phase,
    Served,
    Source,
    TickRecord,
    Training,
)


def model(fill: float = 1.0, version: int = 3) -> Model:
    weights = np.full(10, fill, np.float32)
    return Model(
        version=version,
        published_s=5.0,
        base=weights * 0.5,
        weights=weights,
        unsent_examples=7,
        practice=Practice(64.0, 4.0),
    )


def update(update_id: str = "a" * 32) -> ModelUpdate:
    return ModelUpdate(
        update_id=update_id, task="t", base_version=1, examples=4, codec="int8", payload=b"xyz", created_s=1.0
    )


def record(t_s: float = 0.0, outcome: Outcome | None = None) -> TickRecord:
    return TickRecord(
        t_s=t_s,
        observation=Observation(battery_soc=0.5, dt_s=60.0),
        decision=Decision(proposed=CATALOGUE[-1], action=SLEEP, masked=(("battery_floor", NAMES[1:3]),)),
        outcome=outcome or Outcome(phases=(Phase(load=Load.TRAIN_LOW, duration_s=2.5),)),
        version=3,
    )


def answer(request_id: int) -> Served:
    return Served(
        request_id=request_id,
        label=1,
        label_name="b",
        confidence=0.5,
        probabilities=np.array([0.5, 0.5], np.float32),
        latency_s=2.0,
        version=3,
    )


def full_outcome() -> Outcome:
    batches = np.array([[1, 2], [2, -1]])
    return Outcome(
        served=(answer(9),),
        expired=(8,),
        training=Training(steps=2, examples=2, loss=0.3, batches=batches, weights=np.zeros(10, np.float32)),
        update=update(),
        model=model(),
    )


def test_a_tick_comes_back_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        ids = store.add_examples([(np.ones(4), 2, 1.0), (np.zeros(4), 3, 2.0)])
        assert store.commit(record(12.0, full_outcome())) == 1
    with SqliteStore(path) as store:
        last = store.last_tick()
        assert last is not None
        assert (last.tick_id, last.t_s) == (1, 12.0)
        assert last.observation.battery_soc == 0.5
        assert np.isnan(last.observation.temperature_c)
        loaded = store.load_model()
        assert loaded is not None
        np.testing.assert_array_equal(loaded.weights, model().weights)
        np.testing.assert_array_equal(loaded.base, model().base)
        assert (loaded.version, loaded.unsent_examples, loaded.practice) == (3, 7, Practice(64.0, 4.0))
        assert [u.update_id for u in store.spooled()] == ["a" * 32]
        assert [(e.example_id, e.label, e.used) for e in store.examples()] == [
            (ids[0], 2, True),
            (ids[1], 3, True),
        ]
        assert store.next_request_id() == 10


def test_a_change_of_an_earlier_version_counts_the_examples_that_it_can_come_from(tmp_path: Path) -> None:
    """Its passes, 7 here, were counted, and not which examples: at most so many, of those that were trained on."""
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        store.add_examples([(np.ones(4), 2, 1.0), (np.zeros(4), 3, 2.0), (np.zeros(4), 3, 3.0)])
        store.commit(record(12.0, full_outcome()))
        store._db.execute("UPDATE model SET unsent = NULL")  # as a version before schema 5 writes the row
        loaded = store.load_model()
    assert loaded is not None
    assert loaded.unsent_ids == {1, 2}


def test_switched_off_the_own_answer_is_gone(tmp_path: Path) -> None:
    own = Personal(weights=np.ones(10, np.float32), share=1.0, losses=(1.0,))
    with SqliteStore(tmp_path / "device.db") as store:
        store.save_model(dataclasses.replace(model(), personal=own))
        loaded = store.load_model()
        assert loaded is not None
        assert loaded.personal is not None
        np.testing.assert_array_equal(loaded.answering, own.weights)
        store.save_model(model())
        loaded = store.load_model()
        assert loaded is not None
        assert loaded.personal is None


def test_a_failed_commit_leaves_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "device.db") as store:
        store.commit(record(0.0, full_outcome()))
        with pytest.raises(StoreError, match="UNIQUE"):
            store.commit(record(1.0, full_outcome()))  # the same update id once more
        last = store.last_tick()
        assert last is not None
        assert last.tick_id == 1


def test_an_acknowledged_update_leaves_the_spool_but_stays_on_record(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        store.commit(record(0.0, Outcome(update=update())))
        store.acknowledge("f" * 32, True, "")
        assert len(store.spooled()) == 1
        store.acknowledge("a" * 32, False, "too old")
        assert store.spooled() == []
    rows = sqlite3.connect(path).execute("SELECT accepted, reason, payload FROM updates").fetchall()
    assert rows == [(0, "too old", None)]


def test_energy_is_settled_once_and_the_last_tick_waits(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        for t_s in (0.0, 60.0, 120.0):
            store.commit(record(t_s))
        assert store.unsettled() == [(1, 0.0, 60.0), (2, 60.0, 120.0)]
        store.settle(
            1, EnergyReading(energy_j=4.0, duration_s=60, source=Source.SIMULATED, by_load={Load.RADIO: 4.0})
        )
        assert store.unsettled() == [(2, 60.0, 120.0)]
        store.commit(record(180.0))
        store.settle(1, EnergyReading(energy_j=9.0, duration_s=60, source=Source.SIMULATED))
    rows = sqlite3.connect(path).execute("SELECT energy_j, energy_source FROM ticks WHERE id = 1").fetchall()
    assert rows == [(4.0, "simulated")]


def test_a_full_store_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path, Retention(max_mb=0.05)) as store:
        with pytest.raises(StoreError, match="full; free some disk space"):  # noqa: PT012 which one fills it varies
            for i in range(1000):
                store.commit(record(float(i)))
        last = store.last_tick()
        assert last is not None
        before = last.tick_id
        assert before > 10
        large = dataclasses.replace(
            full_outcome(), update=dataclasses.replace(update(), payload=bytes(60_000))
        )
        with pytest.raises(StoreError):
            store.commit(record(5000.0, large))
        assert store.spooled() == []


def test_retention_bounds_the_file_and_spares_the_spool(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(
        path, Retention(ticks=100, requests=100, trainings=100, updates=1, examples=100)
    ) as store:
        store.commit(record(-1.0, Outcome(update=update())))
        for i in range(600):
            store.commit(record(float(i)))
        assert len(store.spooled()) == 1
    (count,) = sqlite3.connect(path).execute("SELECT count(*) FROM ticks").fetchone()
    assert 100 <= count < 100 + 256 + 1


def test_a_prune_that_fails_does_not_fail_the_tick_and_is_tried_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path, Retention(ticks=10)) as store, closing(sqlite3.connect(path)) as other:
        other.execute(
            "CREATE TRIGGER stuck BEFORE DELETE ON ticks BEGIN SELECT RAISE(ABORT, 'a disk that is stuck'); END"
        )
        ids = [store.commit(record(float(i))) for i in range(PRUNE_TICKS)]
        assert ids == list(range(1, PRUNE_TICKS + 1))
        assert caplog.text.count("a disk that is stuck") == 1
        other.execute("DROP TRIGGER stuck")
        for i in range(RETRY_TICKS):
            store.commit(record(float(PRUNE_TICKS + i)))
        (kept,) = other.execute("SELECT count(*) FROM ticks").fetchone()
        assert kept == 10


def test_retention_counts_requests_and_not_their_ids(tmp_path: Path) -> None:
    ids = (1, 2, 3, 2**41, 2**41 + 1)
    with SqliteStore(tmp_path / "device.db", Retention(requests=4)) as store:
        store.commit(record(0.0, Outcome(expired=ids)))
    SqliteStore(tmp_path / "device.db", Retention(requests=4)).close()
    with StoreReader(tmp_path / "device.db") as reader:
        assert {request.request_id for request in reader.requests()} == set(ids[1:])


def test_evicted_examples_are_not_loaded_again(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "device.db") as store:
        first, second = store.add_examples([(np.ones(4), 0, 0.0), (np.ones(4), 1, 1.0)])
        store.mark_evicted([first])
        assert [e.example_id for e in store.examples()] == [second]


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, only some text that is long enough to be read as a header " * 20)
    with pytest.raises(StoreError, match=r"notes\.txt.*not a store"):
        SqliteStore(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder exists"):
        SqliteStore(tmp_path / "absent" / "device.db")


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    SqliteStore(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.execute("UPDATE schema SET readable_from = 99")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match="schema 99"):
        SqliteStore(path)


def test_sigkill_between_commits_loses_no_committed_tick(tmp_path: Path) -> None:
    """A child commits without end and reports each id; it is killed; every reported id must be there."""
    path = tmp_path / "device.db"
    script = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
        from pathlib import Path
        from test_store import record
        from circadia.store.sqlite import SqliteStore
        store = SqliteStore(Path({str(path)!r}))
        for i in range(10**6):
            print(store.commit(record(float(i))), flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    reported = [int(child.stdout.readline()) for _ in range(200)]
    child.kill()
    reported += [int(line) for line in child.stdout.read().split("\n")[:-1]]
    child.wait()
    child.stdout.close()
    with SqliteStore(path) as store:
        last = store.last_tick()
    assert last is not None
    assert last.tick_id >= reported[-1]
    (damage,) = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()
    assert damage == "ok"


def test_a_full_store_makes_room_from_evicted_examples(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "device.db", Retention(max_mb=0.2)) as store:
        for _ in range(100):
            ids = store.add_examples([(np.ones(1000), 0, 0.0)] * 5)
            store.mark_evicted(ids)
        kept = store.add_examples([(np.ones(1000), 0, 0.0)])
        assert [e.example_id for e in store.examples()] == kept


def test_a_second_device_on_the_same_store_is_refused(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "device.db"), pytest.raises(StoreError, match="another device runs on it"):
        SqliteStore(tmp_path / "device.db")
    SqliteStore(tmp_path / "device.db").close()


def test_joules_that_come_later_find_their_place_kept(tmp_path: Path) -> None:
    """Flash wears by the page: a row that grew would split its page, and write six for one."""
    path = tmp_path / "device.db"
    joules = {Load.WAKE_UP: 0.2, Load.DEEP_SLEEP: 1.2852}
    reading = EnergyReading(energy_j=1.4852, duration_s=60, source=Source.SIMULATED, by_load=joules)
    slept = dataclasses.replace(
        record(outcome=Outcome(phases=(Phase(load=Load.WAKE_UP, duration_s=0.5),))),
        decision=Decision(proposed=SLEEP, action=SLEEP),
        version=0,
    )
    wal = path.with_name("device.db-wal")
    with SqliteStore(path) as store:
        store._db.execute("PRAGMA wal_autocheckpoint = 0")
        sizes = []
        for i in range(120):
            tick_id = store.commit(dataclasses.replace(slept, t_s=60.0 * i))
            store.settle(tick_id - 1, reading)  # as the agent does: a tick ends with the next
            sizes.append(wal.stat().st_size)
    pages = (sizes[-1] - sizes[19]) / 1048
    assert pages / 100 < 2.4
    rows = sqlite3.connect(path).execute("SELECT count(energy_j), count(room) FROM ticks").fetchall()
    assert rows == [(119, 1)]


def test_what_joins_a_tick_while_nothing_can_be_written_does_not_grow_for_ever(tmp_path: Path) -> None:
    """Answers beyond a number are only counted; their work is kept."""
    with SqliteStore(tmp_path / "device.db") as store:
        tick_id = store.commit(record())
        for request_id in range(1, MOST_JOINING + 101):
            store.amend(tick_id, (Phase(load=Load.SERVE_HIGH, duration_s=0.5),), (answer(request_id),))
        store.commit(record(60.0))
    db = sqlite3.connect(tmp_path / "device.db")
    count, first, last = db.execute("SELECT count(*), min(id), max(id) FROM requests").fetchone()
    (answers, phases) = db.execute("SELECT served, phases FROM ticks WHERE id = ?", (tick_id,)).fetchone()
    db.close()
    assert (count, first, last) == (MOST_JOINING, 1, MOST_JOINING)
    assert answers == MOST_JOINING + 100
    assert f'["SERVE_HIGH",{answers / 2}]' in phases
