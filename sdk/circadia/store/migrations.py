"""The store's schemas, and how a file of an earlier one becomes one of today's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from circadia.schema import READABLE_FROM, Schema, Step

if TYPE_CHECKING:
    import sqlite3

FEATURES_3 = json.dumps(
    [
        ["dt_s", "s"], ["battery_soc", "1"], ["charging", "bool"], ["temperature_c", "°C"], ["thermal_headroom", "1"],
        ["power_save", "bool"], ["user_active", "bool"], ["cpu_load", "1"], ["link", "Link"],
        ["link_bytes_per_s", "B/s"], ["queue_length", "requests"], ["queue_age_s", "s"], ["queue_slack_s", "s"],
        ["fresh_examples", "examples"], ["fresh_age_s", "s"], ["unsent_examples", "examples"],
        ["practice", "examples"], ["spooled_updates", "updates"], ["versions_behind", "versions"],
        ["model_age_s", "s"], ["day_sine", "1"], ["day_cosine", "1"], ["charge_forecast", "1"],
        ["preference_accuracy", "1"], ["preference_latency", "1"], ["preference_energy", "1"],
    ],
    ensure_ascii=False,
)  # fmt: skip
"""The observation table of schema 3, which did not name it; for ever number 1."""
ACTIONS_3 = (
    "sleep", "sleep/sync-pull", "sleep/sync-int8",
    "serve/low/small", "serve/low/small/sync-pull", "serve/low/large", "serve/low/large/sync-pull",
    "serve/high/small", "serve/high/small/sync-pull", "serve/high/large", "serve/high/large/sync-pull",
    "train/low/small", "train/low/small/sync-int8", "train/low/large", "train/low/large/sync-int8",
    "train/high/small", "train/high/small/sync-int8", "train/high/large", "train/high/large/sync-int8",
)  # fmt: skip
"""The catalogue of schema 3, which wrote a set of actions as a number: bit i stands for `ACTIONS_3[i]`."""

OBSERVATION_TABLES = "CREATE TABLE observation_tables (id INTEGER PRIMARY KEY, features TEXT NOT NULL)"
"""`features`: a JSON list of [name, unit] in the order of the observation's numbers, float32."""
ACTION_SETS = "CREATE TABLE action_sets (id INTEGER PRIMARY KEY, names TEXT NOT NULL)"
"""`names`: a JSON list of stable names."""
AWAY = """CREATE TABLE away (
    id TEXT PRIMARY KEY, requests TEXT NOT NULL, sent_s REAL NOT NULL, due_s REAL NOT NULL, note BLOB NOT NULL)
    WITHOUT ROWID"""
"""Work that went away and is not back. `requests`: a JSON list of ids."""
PERSONAL = """CREATE TABLE personal (
    id INTEGER PRIMARY KEY CHECK (id = 1), weights BLOB NOT NULL, share REAL NOT NULL, losses TEXT NOT NULL,
    scored REAL NOT NULL)"""
"""What the device has for its own answers, if it has. `losses`: a JSON list of numbers."""
DEVICE = "CREATE TABLE device (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL)"
"""Its name in the federation, as it began; no row before it has one."""
PACES = """CREATE TABLE paces (
    action TEXT PRIMARY KEY, samples INTEGER NOT NULL, unit_s REAL NOT NULL) WITHOUT ROWID"""
"""How long a unit of each action's work took at most on this body."""
SENSORS = "CREATE TABLE sensors (key TEXT PRIMARY KEY) WITHOUT ROWID"
"""Those that have ever answered."""
REQUEST_IDS = "CREATE TABLE request_ids (id INTEGER PRIMARY KEY CHECK (id = 1), below INTEGER NOT NULL)"
"""Those below it may have been given to requests that the store does not know."""
TASK = """CREATE TABLE task (
    id INTEGER PRIMARY KEY CHECK (id = 1), digest TEXT NOT NULL, identity TEXT NOT NULL, adopted INTEGER NOT NULL)"""
"""The task that the store belongs to. `identity`: canonical JSON, of which `digest` is the SHA-256; `adopted`: 1 when the
store was there before and took the task of the first program that knew of identities."""
SLEEP_COLUMNS = ("draw REAL", "sleep_draw REAL", "sleep_s REAL", "wake_on TEXT")
"""Of `ticks`, since schema 6."""
TABLES = f"""
{READABLE_FROM};
{DEVICE};
{OBSERVATION_TABLES};
{ACTION_SETS};
{AWAY};
{PERSONAL};
{PACES};
{SENSORS};
{REQUEST_IDS};
{TASK};
CREATE TABLE ticks (
    id INTEGER PRIMARY KEY, t_s REAL NOT NULL, observation BLOB NOT NULL, proposed TEXT NOT NULL,
    action TEXT NOT NULL, feasible INTEGER NOT NULL, masked TEXT, phases TEXT NOT NULL, version INTEGER NOT NULL,
    served INTEGER NOT NULL, expired INTEGER NOT NULL, overrun_s REAL NOT NULL,
    energy_j REAL, energy_source TEXT, gap_s REAL, lost_s REAL, bound_j REAL, joules_by_load TEXT,
    observation_table INTEGER NOT NULL DEFAULT 1, room BLOB, draw REAL, sleep_draw REAL, sleep_s REAL, wake_on TEXT);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY, tick INTEGER NOT NULL, label INTEGER, confidence REAL, latency_s REAL, version INTEGER,
    truth INTEGER);
CREATE TABLE examples (
    id INTEGER PRIMARY KEY, x BLOB NOT NULL, label INTEGER NOT NULL, t_s REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0, evicted INTEGER NOT NULL DEFAULT 0);
CREATE TABLE trainings (
    tick INTEGER PRIMARY KEY, steps INTEGER NOT NULL, examples INTEGER NOT NULL, loss REAL NOT NULL,
    width INTEGER NOT NULL, batches BLOB NOT NULL);
CREATE TABLE model (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, published_s REAL, base BLOB NOT NULL,
    weights BLOB NOT NULL, unsent_examples INTEGER NOT NULL, practice REAL NOT NULL, practice_s REAL NOT NULL,
    unsent BLOB, unsent_left INTEGER NOT NULL DEFAULT 0);
CREATE TABLE updates (
    id TEXT PRIMARY KEY, task TEXT NOT NULL, base_version INTEGER NOT NULL, examples INTEGER NOT NULL,
    codec TEXT NOT NULL, payload BLOB, created_s REAL NOT NULL, accepted INTEGER, reason TEXT) WITHOUT ROWID;
INSERT INTO observation_tables (id, features) VALUES (1, '{FEATURES_3}')
"""  # noqa: S608 - constants
"""`ticks.masked`: a JSON list of [limit, action set]; in rows of schema 3, an object from limits to bit sets over `ACTIONS_3`.

`model.unsent` holds the ids behind `unsent_examples`, int64, rising; NULL in a row that a version before schema 5 wrote.
`model.unsent_left` counts those that have left the buffer, whose ids are not kept.
`ticks.draw` and `ticks.sleep_draw` are the numbers at which action and sleep were drawn, `ticks.sleep_s` and `ticks.wake_on` the
sleep: NULL in rows from before schema 6, and the last three where the policy says nothing of sleep.
`ticks.room` holds the place of the joules that come later: a row that grows makes its page split, which writes six.
"""


def _from_3(db: sqlite3.Connection) -> None:
    """Observations name their table, sets of actions are lists of names, work may be away. Rows stay as they are."""
    db.execute(READABLE_FROM)
    db.execute(OBSERVATION_TABLES)
    db.execute(ACTION_SETS)
    db.execute(AWAY)
    db.execute("INSERT INTO observation_tables (id, features) VALUES (1, ?)", (FEATURES_3,))
    db.execute("ALTER TABLE ticks ADD COLUMN observation_table INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE ticks ADD COLUMN room BLOB")


def _from_4(db: sqlite3.Connection) -> None:
    """How long work takes, which sensors there are, the task, the device's name and its own answer are remembered."""
    for table in (PACES, SENSORS, REQUEST_IDS, TASK, DEVICE, PERSONAL):
        db.execute(table)
    db.execute("ALTER TABLE model ADD COLUMN unsent BLOB")
    db.execute("ALTER TABLE model ADD COLUMN unsent_left INTEGER NOT NULL DEFAULT 0")


def _from_5(db: sqlite3.Connection) -> None:
    """Ticks say at which numbers they were drawn, and how long the device was to sleep."""
    for column in SLEEP_COLUMNS:
        db.execute(f"ALTER TABLE ticks ADD COLUMN {column}")


STORE = Schema(
    kind="a store of Circadia",
    landmark="ticks",
    version=6,
    readable_from=4,
    tables=TABLES,
    steps={3: Step(run=_from_3), 4: Step(run=_from_4), 5: Step(run=_from_5)},
)
"""Schema 3 itself opens no other; from 4 on a program opens what says that it may."""
