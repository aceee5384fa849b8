"""Databases that meet programs of other versions: earlier, later, in the middle of a migration, without room."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE, NAMES
from circadia.errors import StoreError
from circadia.federation.aggregate.aggregator import first_version
from circadia.federation.aggregate.ledger import LEDGER, Ledger
from circadia.learning.task_file import load_task
from circadia.observation import TABLE, Feature, values
from circadia.schema import NewerFile, Schema, Step
from circadia.store.migrations import ACTIONS_3, FEATURES_3, STORE
from circadia.store.names import Names
from circadia.store.reading import StoreReader
from circadia.store.sqlite import Retention, SqliteStore
from circadia.types import Decision, Observation, Outcome, TickRecord

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = Path(__file__).parents[1] / "formats" / "0.1.0.dev0"
TASK, PARAMETERS = "ab" * 32, 10


def record(t_s: float) -> TickRecord:
    sleep = Decision(proposed=CATALOGUE[0], action=CATALOGUE[0])
    seen = Observation(battery_soc=0.5)
    return TickRecord(t_s=t_s, observation=seen, decision=sleep, outcome=Outcome(), version=0)


def added(db: sqlite3.Connection) -> None:
    """What a later version may do: columns with defaults, tables, indices."""
    db.execute("ALTER TABLE ticks ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
    db.execute("ALTER TABLE model ADD COLUMN age REAL")
    db.execute("ALTER TABLE trainings ADD COLUMN age REAL")
    db.execute("CREATE TABLE moods_told (id INTEGER PRIMARY KEY, what TEXT)")
    db.execute("CREATE INDEX moods ON ticks (mood)")
    db.execute('INSERT INTO observation_tables (features) VALUES (\'[["mood", "1"], ["battery_soc", "1"]]\')')


def changed(db: sqlite3.Connection) -> None:
    """What it may not do without a copy."""
    db.execute("ALTER TABLE ticks RENAME COLUMN observation TO seen")


def noted(db: sqlite3.Connection) -> None:
    """The same of a ledger."""
    db.execute("ALTER TABLE versions ADD COLUMN note TEXT")


NEXT = STORE.version + 1
GROWN = dataclasses.replace(STORE, version=NEXT, steps={**STORE.steps, STORE.version: Step(run=added)})
BROKEN = dataclasses.replace(
    STORE, version=NEXT, readable_from=NEXT, steps={STORE.version: Step(run=changed, additive=False)}
)


def migrated(path: Path, schema: Schema) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.prepare(db, path)
        db.execute("PRAGMA journal_mode = DELETE")


def schema_of(path: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        return found, db.execute("PRAGMA integrity_check").fetchone()[0]


def test_a_later_version_that_allows_it_shares_its_store_with_this_one(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        store.commit(record(1.0))
    with SqliteStore(path, schema=GROWN) as store:
        store.commit(record(2.0))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:  # one of its own observations
        db.execute(
            """INSERT INTO ticks (t_s, observation, observation_table, proposed, action, feasible, phases, version, served,
               expired, overrun_s, mood) VALUES (3.0, ?, (SELECT max(id) FROM observation_tables), 'dream', 'sleep', 1, '[]', 0, 0, 0, 0, 'wild')""",
            (b"\0\0\x80\x3f\0\0\x80\x3e",),
        )
    with SqliteStore(path) as store:
        last = store.last_tick()
        assert last is not None
        assert (last.t_s, last.observation.battery_soc) == (3.0, 0.25)
        assert last.observation.temperature_c != last.observation.temperature_c  # NaN
        store.commit(record(4.0))
        ids = store.add_examples([([0.0], 1, 1.0)])
        store.mark_evicted(ids)
    with StoreReader(path) as reader:
        assert [tick.t_s for tick in reader.ticks()] == [1.0, 2.0, 3.0, 4.0]
        assert reader.ticks()[2].proposed == "dream"
    with SqliteStore(path, schema=GROWN) as store:
        last = store.last_tick()
        assert last is not None
        assert last.t_s == 4.0
    with closing(sqlite3.connect(path)) as db:
        moods = [mood for (mood,) in db.execute("SELECT mood FROM ticks ORDER BY id")]
    assert moods == ["calm", "calm", "wild", "calm"]
    assert schema_of(path) == (NEXT, "ok")


def test_a_later_version_that_does_not_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    SqliteStore(path, schema=dataclasses.replace(GROWN, readable_from=NEXT)).close()
    before = path.read_bytes()
    for attempt in (lambda: SqliteStore(path), lambda: StoreReader(path)):
        with pytest.raises(
            NewerFile, match=rf"device\.db: has schema {NEXT}, which takes .* update Circadia"
        ):
            attempt()
    assert path.read_bytes() == before


def test_a_copy_is_kept_where_a_change_cannot_be_additive_and_a_rollback_takes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, copy = tmp_path / "device.db", tmp_path / f"device.db.schema{STORE.version}"
    with SqliteStore(path) as store:
        store.commit(record(1.0))
    migrated(path, BROKEN)
    later = path.read_bytes()
    assert schema_of(copy) == (STORE.version, "ok")
    with pytest.raises(NewerFile, match=rf"{copy.name} is the copy that it was migrated from"):
        StoreReader(path)
    with caplog.at_level(logging.WARNING), SqliteStore(path) as store:
        assert store.path == copy
        store.commit(record(2.0))
    assert "going on with the copy" in caplog.text
    assert path.read_bytes() == later
    with SqliteStore(path) as store:  # and again
        last = store.last_tick()
        assert last is not None
        assert last.t_s == 2.0
    assert {one.name for one in tmp_path.iterdir()} == {"device.db", "device.db.lock", copy.name}


def test_the_first_schema_that_is_migrated_is_the_one_that_was_frozen() -> None:
    assert [name for name, _ in json.loads(FEATURES_3)] == [
        feature.name for feature in TABLE[: len(json.loads(FEATURES_3))]
    ]
    assert NAMES[: len(ACTIONS_3)] == ACTIONS_3
    for schema in (STORE, LEDGER):
        assert sorted(schema.steps) == list(range(schema.oldest, schema.version))


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_one_than_any_that_is_known_is_named(tmp_path: Path, version: int) -> None:
    path = tmp_path / "device.db"
    shutil.copyfile(OLD / "device.sqlite", path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"has schema {version}, this version of Circadia reads 3 to"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name)")
    before = path.read_bytes()
    for attempt in (
        lambda: SqliteStore(path),
        lambda: StoreReader(path),
        lambda: Ledger(path, task=TASK, parameters=PARAMETERS),
    ):
        with pytest.raises(StoreError, match=r"theirs\.db: is not a (store|ledger) of Circadia"):
            attempt()
    assert path.read_bytes() == before


def test_a_ledger_of_a_later_version(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    grown = dataclasses.replace(
        LEDGER,
        version=LEDGER.version + 1,
        steps={LEDGER.version: Step(run=noted)},
    )
    Ledger(path, task=TASK, parameters=PARAMETERS).close()
    migrated(path, grown)
    ledger = Ledger(path, task=TASK, parameters=PARAMETERS)
    ledger.keep_version(first_version(np.zeros(PARAMETERS, np.float32), 1.0))
    ledger.commit()
    ledger.close()
    assert schema_of(path) == (LEDGER.version + 1, "ok")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"UPDATE schema SET readable_from = {LEDGER.version + 1}")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(NewerFile, match="update Circadia"):
            Ledger(path, task=TASK, parameters=PARAMETERS, read_only=read_only)
    assert path.read_bytes() == before


def test_observations_of_another_table_are_matched_by_name_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    fahrenheit = tuple(
        dataclasses.replace(one, unit="°F") if one.name == "temperature_c" else one for one in TABLE[::-1]
    )
    other = (*fahrenheit, Feature("mood", "1", 0, 1))
    x = values(Observation(battery_soc=0.25, temperature_c=70.0, queue_length=3.0))
    with SqliteStore(path) as store:
        store.commit(record(1.0))
        with store._transaction(durable=False) as db:
            number = Names(db, other).observation_table
            db.execute(
                "UPDATE ticks SET observation_table = ?, observation = ?",
                (number, np.append(x[::-1], 1).astype("<f4").tobytes()),
            )
        last = store.last_tick()
    assert last is not None
    assert (last.observation.battery_soc, last.observation.queue_length) == (0.25, 3.0)
    assert np.isnan(last.observation.temperature_c)


def test_a_failed_tick_leaves_no_number_for_its_set_of_actions(tmp_path: Path) -> None:
    def masked(*names: str) -> TickRecord:
        first = record(1.0)
        return dataclasses.replace(
            first,
            decision=dataclasses.replace(first.decision, masked=(("thermal", names),)),
        )

    with SqliteStore(tmp_path / "device.db") as store:
        store.commit(masked("sleep/sync-pull"))
        nobody = dataclasses.replace(masked("train/low/small"), t_s=None)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="NOT NULL"):
            store.commit(nobody)
        store.commit(masked("serve/low/small"))
        store.commit(masked("train/low/small"))
        store.commit(masked("sleep/sync-pull"))
    with StoreReader(tmp_path / "device.db") as reader:
        told = [tick.masked for tick in reader.ticks()]
    assert told == [
        (("thermal", (name,)),)
        for name in ("sleep/sync-pull", "serve/low/small", "train/low/small", "sleep/sync-pull")
    ]


def test_no_action_of_a_large_catalogue_is_lost(tmp_path: Path) -> None:
    names = tuple(f"dream/{number}" for number in range(130))
    first = record(1.0)
    masked = (("thermal", names), ("battery_floor", names[64:]), ("no_link", (names[129],)))
    decision = dataclasses.replace(first.decision, masked=masked)
    with SqliteStore(tmp_path / "device.db") as store:
        for _ in range(3):
            store.commit(dataclasses.replace(first, decision=decision))
        (sets,) = store._db.execute("SELECT count(*) FROM action_sets").fetchone()
    assert sets == 3
    with StoreReader(tmp_path / "device.db") as reader:
        assert [tick.masked for tick in reader.ticks()] == [masked] * 3


# A migration that is disturbed


def large_old_store(path: Path, ticks: int) -> None:
    """A store of schema 3 with many masked ticks."""
    shutil.copyfile(OLD / "device.sqlite", path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        columns = ", ".join(row[1] for row in db.execute("PRAGMA table_info(ticks)") if row[1] != "id")
        db.execute("BEGIN")
        while db.execute("SELECT count(*) FROM ticks").fetchone()[0] < ticks:
            db.execute(f"INSERT INTO ticks ({columns}) SELECT {columns} FROM ticks")
        db.execute("COMMIT")


HEAVY = """
    import dataclasses, resource, sys
    from pathlib import Path
    from circadia.errors import StoreError
    from circadia.store.migrations import STORE
    from circadia.schema import Step
    from circadia.store.sqlite import SqliteStore

    def heavy(db):
        STORE.steps[3].run(db)
        for _ in range(20):
            db.execute("UPDATE ticks SET masked = coalesce(masked, '') || 'x', joules_by_load = randomblob(200)")

    schema = dataclasses.replace(STORE, steps={**STORE.steps, 3: Step(run=heavy, additive=sys.argv[2] == "additive")})
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    print("begin", flush=True)
    try:
        SqliteStore(Path(sys.argv[1]), schema=schema).close()
    except StoreError as error:
        print(error)
        sys.exit(3)
    print("done", flush=True)
"""


def start(path: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(HEAVY), str(path), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def contents(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as db:
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("ticks", "requests", "examples", "trainings", "model", "updates")
        ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["additive", "changing"])
def test_a_kill_in_the_middle_leaves_the_file_as_it_was_and_the_next_start_goes_on(
    tmp_path: Path, kind: str
) -> None:
    whole = tmp_path / "whole.db"
    large_old_store(whole, 2000)
    wanted, chance, interrupted = contents(whole), random.Random(4), 0
    for attempt in range(12):
        path = tmp_path / f"{attempt}.db"
        shutil.copyfile(whole, path)
        child = start(path, kind)
        assert child.stdout is not None
        assert child.stdout.readline() == "begin\n"
        time.sleep(chance.uniform(0.0, 0.4))
        child.send_signal(signal.SIGKILL)
        told, _ = child.communicate()
        if "done" in told:
            continue
        with closing(sqlite3.connect(path)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 3:
            interrupted += 1
            assert contents(path) == wanted
        with SqliteStore(path) as store:
            assert store.last_tick() is not None
        assert schema_of(path) == (STORE.version, "ok")
        with StoreReader(path) as reader:
            assert len(reader.examples()) == len(wanted[2])  # type: ignore[arg-type]
    assert interrupted >= 3


def test_a_transaction_that_a_kill_left_half_done_is_undone_at_the_next_start(tmp_path: Path) -> None:
    """Of a file with a rollback journal, as one is until it is first opened by us, and after a field test."""
    path, killed = tmp_path / "device.db", tmp_path / "killed.db"
    large_old_store(path, 500)
    wanted = contents(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("UPDATE ticks SET t_s = -1, phases = hex(randomblob(500))")
        for suffix in ("", "-journal"):
            shutil.copyfile(f"{path}{suffix}", f"{killed}{suffix}")
        db.execute("ROLLBACK")
    assert killed.read_bytes() != path.read_bytes()
    SqliteStore(killed).close()
    with closing(sqlite3.connect(killed)) as db:
        assert db.execute("SELECT t_s FROM ticks ORDER BY id").fetchall() == [(row[1],) for row in wanted[0]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["additive", "changing"])
def test_a_full_disk_leaves_the_file_as_it_was_and_the_next_start_goes_on(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "device.db"
    large_old_store(path, 500)
    wanted = contents(path)
    for share in (0.1, 0.5, 1.2):
        limit = int(path.stat().st_size * share) // 1024 * 1024
        child = start(path, kind, str(limit))
        told, _ = child.communicate(timeout=60)
        assert child.returncode == 3
        assert "device.db" in told
        assert contents(path) == wanted
        assert schema_of(path) == (3, "ok")
        assert not list(tmp_path.glob("*.new"))
    with SqliteStore(path) as store:
        assert store.last_tick() is not None
    assert schema_of(path) == (STORE.version, "ok")


def test_a_store_that_has_reached_its_limit_is_migrated_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    large_old_store(path, 500)
    with SqliteStore(path, Retention(max_mb=path.stat().st_size / 2**20)) as store:
        assert store.last_tick() is not None
    assert schema_of(path) == (STORE.version, "ok")


def test_a_full_disk_leaves_a_ledger_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copyfile(OLD / "ledger.sqlite", path)
    script = f"""
        import resource, sys
        from pathlib import Path
        from circadia.errors import StoreError
        from circadia.federation.aggregate.ledger import Ledger
        from circadia.learning.task_file import load_task
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        task = load_task("digits-head")
        try:
            Ledger(Path({str(path)!r}), task=task.digest, parameters=task.parameters)
        except StoreError as error:
            print(error)
            sys.exit(3)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert child.returncode == 3, child.stderr
    assert "ledger.db" in child.stdout
    assert schema_of(path) == (1, "ok")
    task = load_task("digits-head")
    Ledger(path, task=task.digest, parameters=task.parameters).close()
    assert schema_of(path) == (LEDGER.version, "ok")


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("attempt", [SqliteStore, StoreReader])
def test_a_cut_off_store_is_named_wherever_it_ends(
    tmp_path: Path, attempt: Callable[[Path], object], later: bool
) -> None:
    """Of the version before, and of a later one that this one may open."""
    path = tmp_path / "device.db"
    shutil.copyfile(OLD / "device.sqlite", path)
    if later:
        migrated(path, GROWN)
    whole = path.read_bytes()
    for length in (
        1,
        99,
        100,
        1023,
        1024,
        1025,
        40_000,
        len(whole) - 1025,
        len(whole) - 1024,
        len(whole) - 1,
    ):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"device\.db: was cut off"):
            attempt(path)
        assert path.read_bytes() == whole[:length]


def test_only_these_open_databases() -> None:
    """A device's store is written in `circadia.store`, and read through it; a ledger through its own module; a benchmark's by itself."""
    root = Path(__file__).parents[2]
    found = {
        path.relative_to(root).as_posix()
        for room in ("sdk", "firmware_bridge", "tools")
        for path in (root / room).rglob("*.py")
        if re.search(r"^(?:import|from) sqlite3\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {
        "sdk/circadia/schema.py",
        "sdk/circadia/store/reading.py",
        "sdk/circadia/store/sharing.py",
        "sdk/circadia/store/sqlite.py",
        "sdk/circadia/federation/aggregate/ledger.py",
        "firmware_bridge/circadia_meter/recording.py",
        "firmware_bridge/circadia_meter/recorded_meter.py",
        "tools/circadia_lab/bench/_long_day.py",
    }
