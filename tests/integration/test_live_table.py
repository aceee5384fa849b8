"""The demonstration while it runs: rows read beside a device, the table, the plain lines."""

from __future__ import annotations

import io
import math
import sqlite3
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from circadia.actions import NAMES, action_named
from circadia.store.sqlite import SqliteStore
from circadia.types import Decision, Link, Observation, Outcome, TickRecord
from circadia_lab.fleet.demo.device_rows import overruled, read_row, why
from circadia_lab.fleet.demo.live import LINE_S, REDRAW_S, DeviceRow, LiveTable, age, device_table

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400.0
ROW = DeviceRow(
    name="pixel-3-0",
    profile="pixel-3",
    battery_soc=0.83,
    charging=True,
    action="train/high/large/sync-int8",
    why="charging, 31 fresh examples",
    queue=2,
    staleness_s=1200,
    versions_behind=3,
    version=12,
)
DOWN = DeviceRow(name="pi-solar-2", profile="pi-solar", state="down", why="the process does not run")


class Wall:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.t_s = 100.0

    def __call__(self) -> float:
        return self.t_s


def terminal(width: int = 140, **more: Any) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=40, legacy_windows=False, **more
    )


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# The phrase


@pytest.mark.parametrize(
    ("seen", "action", "masked", "words"),
    [
        ({"charging": 1, "fresh_examples": 31}, "train/high/large", (), "charging, 31 fresh examples"),
        ({"charging": 0, "battery_soc": 0.8, "fresh_examples": 0}, "train/low/small", (),
         "battery 80 %, nothing fresh: rehearses"),
        ({"charging": 1, "fresh_examples": 5, "unsent_examples": 210, "link": Link.FREE}, "train/low/large/sync-int8",
         (), "charging, 5 fresh examples, 210 unsent, link free"),
        ({"queue_length": 12, "queue_slack_s": 40}, "serve/low/small", (), "queue 12, slack 40 s"),
        ({"queue_length": 1, "queue_slack_s": 9, "versions_behind": 2, "link": 1}, "serve/high/small/sync-pull", (),
         "queue 1, slack 9 s, model 2 behind, link metered"),
        ({"queue_length": 0}, "serve/low/small", (), "the queue is empty"),
        ({"versions_behind": 2, "link": Link.FREE}, "sleep/sync-pull", (), "model 2 behind, link free"),
        ({"versions_behind": 0, "link": Link.FREE}, "sleep/sync-pull", (), "asks for a newer model, link free"),
        ({"unsent_examples": 40, "link": Link.METERED}, "sleep/sync-int8", (), "40 unsent, link metered"),
        ({"queue_length": 3, "queue_slack_s": 80}, "sleep", (), "queue 3 waits, slack 80 s"),
        ({"fresh_examples": 8, "battery_soc": 0.3, "charging": 0}, "sleep", (), "8 fresh examples wait, battery 30 %"),
        ({"queue_length": 0, "fresh_examples": 0}, "sleep", (), "nothing to do"),
        ({"queue_length": 3}, "sleep", ("battery_floor", "thermal"), "shield: battery_floor, thermal"),
    ],
)  # fmt: skip
def test_why(seen: dict[str, float], action: str, masked: tuple[str, ...], words: str) -> None:
    assert why(Observation(**seen), action, masked) == words


@pytest.mark.parametrize("name", NAMES)
def test_why_of_a_blind_device_has_no_nan_in_it(name: str) -> None:
    words = why(Observation(), name, ())
    assert words
    assert "nan" not in words


def test_only_limits_that_forbade_the_proposal_overrule() -> None:
    proposal = "train/high/large"
    masked = (("battery_floor", ("train/low/small", proposal)), ("no_link", ("sleep/sync-pull",)))
    assert overruled(proposal, "sleep", masked) == ("battery_floor",)
    assert overruled("sleep", "sleep", masked) == ()
    assert overruled(proposal, "sleep", ()) == ()


# Beside a device


def commit(store: SqliteStore, action: str, t_s: float = 0.0, proposed: str | None = None) -> None:
    chosen, wanted = action_named(action), action_named(proposed or action)
    masked = (("battery_floor", (wanted.name,)),) if proposed else ()
    seen = Observation(
        battery_soc=0.5, charging=1, queue_length=4, queue_slack_s=30, model_age_s=900, versions_behind=1
    )
    decision = Decision(proposed=wanted, action=chosen, masked=masked)
    store.commit(TickRecord(t_s=t_s, observation=seen, decision=decision, outcome=Outcome(), version=6))


def test_row_of_the_newest_tick_while_the_device_has_its_store_open(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "d.db") as store:
        commit(store, "sleep")
        commit(store, "serve/low/small", t_s=60)
        row = read_row(tmp_path / "d.db", "d", "pixel-3")
        commit(store, "sleep", t_s=120, proposed="train/low/large")
        later = read_row(tmp_path / "d.db", "d", "pixel-3")
    assert row == DeviceRow(
        name="d",
        profile="pixel-3",
        battery_soc=0.5,
        charging=True,
        action="serve/low/small",
        why="queue 4, slack 30 s",
        queue=4,
        staleness_s=900,
        versions_behind=1,
        version=6,
    )
    assert (later.action, later.why) == ("sleep", "shield: battery_floor")


def test_reading_does_not_hold_the_device_up(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "d.db") as store:
        store._db.execute("PRAGMA busy_timeout = 0")  # so that any wait would be an error
        for t_s in range(50):
            commit(store, "sleep", t_s)
            assert read_row(tmp_path / "d.db", "d", "p").state == "running"


def test_reading_inside_the_devices_transaction_sees_the_tick_before(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "d.db") as store:
        commit(store, "serve/low/small")
        with store._transaction(durable=False) as db:
            db.execute("DELETE FROM ticks")
            assert read_row(tmp_path / "d.db", "d", "p").action == "serve/low/small"


def test_store_that_is_absent_or_has_no_ticks_is_starting(tmp_path: Path) -> None:
    assert read_row(tmp_path / "none.db", "d", "p").state == "starting"
    assert not list(tmp_path.iterdir()), "looking makes no file"
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "blank.db").touch()
    assert read_row(tmp_path / "blank.db", "d", "p").state == "starting"
    with SqliteStore(tmp_path / "d.db"):
        assert read_row(tmp_path / "d.db", "d", "p").state == "starting"


def test_locked_and_damaged_stores_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE ticks (id INTEGER PRIMARY KEY)")
    db.execute("BEGIN EXCLUSIVE")
    assert read_row(path, "d", "p").state == "unreadable"
    db.execute("ROLLBACK")
    db.close()
    (tmp_path / "damaged.db").write_bytes(b"no database " * 200)
    assert read_row(tmp_path / "damaged.db", "d", "p").state == "unreadable"


def test_tick_whose_observation_is_cut_off_is_unreadable(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "d.db") as store:
        commit(store, "sleep")
        store._db.execute("UPDATE ticks SET observation = ?", (b"\0" * 12,))
        assert read_row(tmp_path / "d.db", "d", "p").state == "unreadable"


def test_killed_device_is_down_and_its_last_state_still_shown(tmp_path: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from circadia.store.sqlite import SqliteStore
        from circadia.types import Decision, Observation, Outcome, TickRecord
        from circadia.actions import SLEEP
        store = SqliteStore(Path({str(tmp_path / "d.db")!r}))
        store.commit(TickRecord(t_s=0.0, observation=Observation(battery_soc=0.25), version=2, outcome=Outcome(),
                                decision=Decision(proposed=SLEEP, action=SLEEP)))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False).returncode == -9
    row = read_row(tmp_path / "d.db", "d", "p", alive=False)
    assert (row.state, row.battery_soc, row.version) == ("down", 0.25, 2)
    assert row.why == "the process does not run"


# On a terminal


def test_table_shows_the_devices_the_clock_and_the_headline() -> None:
    console = terminal()
    with LiveTable(console, "circadia", DAY_S) as table:
        table.update([ROW, DOWN], 30_000, "version 12 from 51 updates")
    text = Console(file=io.StringIO(), width=140).render_str(written(console)).plain
    for words in ("circadia", "08:20", "version 12 from 51 updates", "pixel-3-0", "83 %", "charging, 31 fresh examples",
                  "20 min", "pi-solar-2", "down", "the process does not run"):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("width", [60, 80, 100, 140, 240])
def test_table_fits_its_terminal_and_keeps_what_matters(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(device_table([ROW, DOWN], width))
    lines = written(console).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert "pixel-3-0" in lines[1]
    assert "12 −3" in lines[1]


def test_drawings_keep_their_distance_and_the_last_state_is_drawn() -> None:
    wall, console = Wall(), terminal()
    with LiveTable(console, "circadia", DAY_S, now_s=wall) as table:
        table.update([ROW], 0, "first")
        wall.t_s += REDRAW_S / 2
        table.update([ROW], 60, "second")
        assert "second" not in written(console)
        wall.t_s += REDRAW_S
        table.update([ROW], 120, "third")
        assert "third" in written(console)
        table.update([ROW], 180, "fourth")
        assert "fourth" not in written(console)
    assert "fourth" in written(console)


def test_terminal_is_restored_when_the_run_fails() -> None:
    console = terminal()

    def fail() -> None:
        with LiveTable(console, "circadia", DAY_S) as table:
            table.update([ROW], 60, "going")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert written(console).rstrip().endswith("\x1b[?25h"), "the cursor is back"


# Elsewhere


def test_plain_lines_come_seldom_and_without_escapes() -> None:
    wall = Wall()
    console = Console(file=io.StringIO(), width=40)
    with LiveTable(console, "circadia", DAY_S, now_s=wall) as table:
        for _ in range(20):
            table.update([ROW, DOWN], 43_200, "version 12")
            wall.t_s += LINE_S / 10
    lines = written(console).splitlines()
    assert (
        lines[0] == "circadia 12:00  50 % | 1 down, 1 train | battery 83-83 % | 2 requests wait | version 12"
    )
    assert len(lines) == 3
    assert "\x1b" not in written(console)


@pytest.mark.parametrize("why_not", ["dumb", "ascii"])
def test_terminals_that_cannot_draw_get_lines(why_not: str) -> None:
    environment = {"TERM": "dumb"} if why_not == "dumb" else {"TERM": "xterm"}
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if why_not == "ascii" else "utf-8")
    console = Console(file=stream, force_terminal=True, width=80, _environ=environment)
    with LiveTable(console, "circadia", DAY_S) as table:
        table.update([ROW], 43_200, "version 12")
    stream.seek(0)
    assert (
        stream.read() == "circadia 12:00  50 % | 1 train | battery 83-83 % | 2 requests wait | version 12\n"
    )


def test_line_of_a_fleet_about_which_nothing_is_known() -> None:
    console = Console(file=io.StringIO(), width=80)
    with LiveTable(console, "circadia", DAY_S) as table:
        table.update([DeviceRow(name="a", profile="p", state="starting")], -5, "the aggregator starts")
    assert written(console) == "circadia 00:00   0 % | 1 starting | the aggregator starts\n"


def test_nothing_is_drawn_before_the_first_update() -> None:
    console = Console(file=io.StringIO(), width=80)
    with LiveTable(console, "circadia", DAY_S):
        pass
    assert written(console) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (11_520, "3.2 h"), (math.nan, "–")]
)
def test_age(seconds: float, words: str) -> None:
    assert age(seconds) == words
