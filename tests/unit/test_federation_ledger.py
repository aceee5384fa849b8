from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError, StoreError
from circadia.federation.aggregate.aggregator import first_version
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.records import UpdateRecord, Verdict, Version

if TYPE_CHECKING:
    from pathlib import Path

TASK = "ab" * 32
N = 1000


def open_ledger(path: Path, task: str = TASK, parameters: int = N, **options: int | bool | None) -> Ledger:
    return Ledger(path / "ledger.db", task=task, parameters=parameters, **options)  # type: ignore[arg-type]


def version(number: int) -> Version:
    first = first_version(np.full(N, number, np.float32), 10.0 * number)
    return dataclasses.replace(first, number=number, updates=2, examples=20)


def record(
    update_id: str = "u1", *, accepted: bool = True, payload: bytes | None = b"payload"
) -> UpdateRecord:
    return UpdateRecord(
        device="phone",
        update_id=update_id,
        verdict=Verdict(accepted=accepted, reason="" if accepted else "no"),
        received_s=5.0,
        base_version=1,
        staleness=0,
        examples=10,
        codec="int8",
        payload=payload,
    )


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger.newest() is None
    ledger.keep_version(version(1))
    ledger.keep_update(record())
    ledger.keep_update(record("u2", accepted=False, payload=None))
    ledger.commit()
    ledger.keep_update(record("u3"))
    ledger.close()
    ledger = open_ledger(tmp_path)
    newest = ledger.newest()
    assert newest is not None
    assert (newest.number, newest.published_s, newest.updates, newest.examples) == (1, 10.0, 2, 20)
    np.testing.assert_array_equal(newest.weights, np.ones(N, np.float32))
    assert ledger.verdict("phone", "u1") == Verdict(accepted=True)
    assert ledger.verdict("phone", "u2") == Verdict(accepted=False, reason="no")
    assert ledger.verdict("phone", "u3") is None
    assert ledger.verdict("board", "u1") is None
    assert ledger.buffered() == [record()]
    ledger.close()


def test_every_commit_is_synced_to_the_disk(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    ledger.close()


def test_a_version_holds_the_updates_before_it_and_drops_their_payload(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.keep_version(version(1))
    ledger.keep_update(record("u1"))
    ledger.keep_version(version(2))
    ledger.keep_update(record("u2"))
    ledger.commit()
    assert [r.update_id for r in ledger.buffered()] == ["u2"]
    assert [r.payload for r in ledger.updates()] == [None, b"payload"]
    ledger.close()


def test_all_versions_are_kept_unless_told_otherwise(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for number in range(1, 6):
        ledger.keep_version(version(number))
    ledger.commit()
    assert ledger.kept() == [1, 2, 3, 4, 5]
    ledger.close()
    ledger = open_ledger(tmp_path, keep_versions=2)
    ledger.keep_version(version(6))
    ledger.commit()
    assert ledger.kept() == [5, 6]
    with pytest.raises(StoreError, match="version 3"):
        ledger.version(3)
    ledger.close()


def test_versions_are_kept_within_their_bytes_and_the_newest_always(tmp_path: Path) -> None:
    size = 4 * N
    for limits, kept in (
        ({"keep_bytes": 3 * size}, [4, 5, 6]),
        ({"keep_bytes": 3 * size, "keep_versions": 2}, [5, 6]),
        ({"keep_bytes": size, "keep_versions": 2}, [6]),
        ({"keep_bytes": 1}, [6]),
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        with closing(open_ledger(folder, **limits)) as ledger:  # type: ignore[arg-type]
            for number in range(1, 7):
                ledger.keep_version(version(number))
                ledger.commit()
            assert ledger.kept() == kept
            newest = ledger.newest()
            assert newest is not None
            assert newest.number == 6
    with pytest.raises(ConfigError, match="keep_versions is 0"):
        open_ledger(tmp_path, keep_versions=0)


def test_the_file_stops_growing_when_versions_are_dropped(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path, keep_versions=3)) as ledger:
        sizes = []
        for number in range(1, 101):
            ledger.keep_version(version(number))
            ledger.commit()
            sizes.append(ledger.path.stat().st_size)
    assert max(sizes[50:]) - sizes[20] < 5 * N * 4


def test_a_ledger_keeps_the_federation_that_it_began_with(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.claim("home")
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.claim("home")
        with pytest.raises(StoreError, match=r"ledger\.db: belongs to the federation 'home', not 'work'"):
            ledger.claim("work")
        ledger.claim("home")


def test_a_full_disk_is_an_error_that_names_the_path_and_keeps_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, most_bytes=64 * 1024)
    ledger.keep_version(version(1))
    ledger.commit()
    ledger.keep_update(record("small"))
    with pytest.raises(StoreError, match=r"ledger\.db.*full.*free"):
        ledger.keep_update(record("large", payload=bytes(200_000)))
    ledger.commit()
    assert ledger.updates() == []
    ledger.keep_update(record("small"))
    ledger.commit()
    assert [r.update_id for r in ledger.updates()] == ["small"]
    ledger.close()


def test_an_update_is_kept_once(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.keep_update(record())
    with pytest.raises(StoreError, match="UNIQUE"):
        ledger.keep_update(record())
    ledger.close()


def test_one_aggregator_at_a_time_but_many_readers(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.keep_version(version(1))
    ledger.commit()
    with pytest.raises(StoreError, match="another aggregator"):
        open_ledger(tmp_path)
    reader = open_ledger(tmp_path, read_only=True)
    assert reader.kept() == [1]
    with pytest.raises(StoreError, match="readonly"):
        reader.keep_version(version(2))
    reader.close()
    ledger.close()
    open_ledger(tmp_path).close()


def test_another_task_is_refused(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    with pytest.raises(StoreError, match="belongs to task"):
        open_ledger(tmp_path, task="cd" * 32)
    with pytest.raises(StoreError, match="belongs to task"):
        open_ledger(tmp_path, parameters=N + 1)
    with pytest.raises(ConfigError, match="task"):
        open_ledger(tmp_path, task="digits")


def test_files_that_are_no_ledger_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_ledger(tmp_path)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE something (x)")
    other.close()
    with pytest.raises(StoreError, match="is not a ledger"):
        open_ledger(tmp_path)
    with pytest.raises(StoreError, match="missing"):
        open_ledger(tmp_path / "missing")
    with pytest.raises(StoreError, match="absent"):
        Ledger(tmp_path / "absent.db", task=TASK, parameters=N, read_only=True)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.keep_version(version(1))
    ledger.commit()
    ledger.close()
    raw = sqlite3.connect(tmp_path / "ledger.db")
    raw.execute("UPDATE versions SET weights = ?", (bytes(4 * N),))
    raw.commit()
    raw.close()
    ledger = open_ledger(tmp_path)
    with pytest.raises(StoreError, match="version 1 are damaged"):
        ledger.newest()
    ledger.close()
