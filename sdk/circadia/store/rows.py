"""How rows of the store's tables become values again, those of earlier schemas and of other observation tables too."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.observation import TABLE
from circadia.practice import Practice
from circadia.store.migrations import ACTIONS_3, FEATURES_3
from circadia.types import Load, Model, Observation, Personal, Phase

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

DAMAGE = (ValueError, TypeError, KeyError, AttributeError)
"""What decoding makes of a row that holds nonsense."""
Masked = tuple[tuple[str, tuple[str, ...]], ...]
"""(limit, stable names of the actions that it forbids)."""
TICK_COLUMNS = (
    "id, t_s, observation, proposed, action, feasible, masked, phases, version, served, expired, overrun_s, energy_j,"
    " energy_source, gap_s, lost_s, bound_j, joules_by_load"
)
SLEEP_COLUMNS, NO_SLEEP = "draw, sleep_draw, sleep_s, wake_on", "NULL, NULL, NULL, NULL"
"""Of schema 6 on, and what stands for them before."""


def tick_columns(schema: int) -> str:
    """What `Decoder.tick` takes, of a store of that schema."""
    return f"{TICK_COLUMNS}, {SLEEP_COLUMNS if schema >= 6 else NO_SLEEP}"


MODEL_QUERY = "SELECT version, published_s, base, weights, unsent_examples, practice, practice_s FROM model"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTick:
    """A tick as the store keeps it. NaN where a sensor was silent, or no energy was settled."""

    tick_id: int
    t_s: float
    x: NDArray[np.float32]
    """(features,) values as in `circadia.observation.values`, whatever table they were observed by."""
    proposed: str
    action: str
    """Stable names, perhaps of actions that this version does not know."""
    feasible: bool
    masked: Masked
    phases: tuple[Phase, ...]
    version: int
    served: int
    expired: int
    overrun_s: float
    energy_j: float
    energy_source: str | None
    """None: not settled."""
    gap_s: float
    lost_s: float
    bound_j: float
    by_load_j: dict[str, float]
    draw: float
    """In [0, 1), at which the action was drawn; NaN in rows from before schema 6 …"""
    sleep_draw: float
    """… and the sleep; NaN where the policy says nothing of it."""
    sleep_s: float
    """How long it was to sleep; NaN likewise."""
    wake_on: str | None
    """What might end it before, a `WakeOn`'s value."""

    @property
    def observation(self) -> Observation:
        """`x` by name."""
        return observation_of(self.x)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request that was served, or expired in the queue."""

    request_id: int
    tick_id: int
    label: int | None
    """The answer; None: expired."""
    latency_s: float
    """NaN: expired."""
    truth: int | None
    """As the user told; None where nobody did."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredTraining:
    """A training action."""

    tick_id: int
    batches: NDArray[np.int64]
    """(steps, batch) example ids, −1 where a batch was padded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpdate:
    """An update that the device made, and what it heard of it."""

    update_id: str
    created_s: float
    accepted: bool | None
    """None: nothing yet."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredExample:
    """An example as the store keeps it."""

    example_id: int
    x: NDArray[np.float32]
    """Flat."""
    label: int
    t_s: float
    used: bool


UPDATES_QUERY = "SELECT id, created_s, accepted, reason FROM updates ORDER BY created_s, id"


def update_of(row: Sequence[Any]) -> StoredUpdate:
    """Of `UPDATES_QUERY`."""
    update_id, created_s, accepted, reason = row
    return StoredUpdate(
        update_id=update_id,
        created_s=created_s,
        accepted=None if accepted is None else bool(accepted),
        reason=reason or "",
    )


def floats(blob: bytes) -> NDArray[np.float32]:
    """(n,) float32 out of a blob; a copy that may be written to."""
    return np.frombuffer(blob, "<f4").astype(np.float32)


def observation_of(x: NDArray[np.float32]) -> Observation:
    """(features,) values by name."""
    return Observation(**dict(zip((f.name for f in TABLE), x.tolist(), strict=True)))


class Decoder:
    """What the numbers in one store's rows stand for."""

    def __init__(self, tables: Mapping[int, str], sets: Mapping[int, str]) -> None:
        """Number → the JSON of `observation_tables` and of `action_sets`; one of `DAMAGE` for nonsense."""
        self._columns = {number: columns_of(features) for number, features in tables.items()}
        self._sets = {number: tuple(map(str, json.loads(names))) for number, names in sets.items()}
        self.masked: Callable[[str | None], Masked] = cache(self._masked_of)
        self.phases: Callable[[str], tuple[Phase, ...]] = cache(_phases_of)

    def check(self, table: int, blob: object) -> None:
        """One of `DAMAGE` unless it is an observation by that table."""
        features = len(self._columns[table])
        if not isinstance(blob, bytes):
            raise TypeError(f"an observation that is a {type(blob).__name__}")
        if len(blob) != 4 * features:
            raise ValueError(f"an observation of {len(blob) / 4:g} features by a table of {features}")

    def check_all(self, tables: Sequence[int], blobs: Sequence[bytes]) -> None:
        """The same of many; where all are alike, of one."""
        if tables and all(len(set(facts)) == 1 for facts in (tables, map(type, blobs), map(len, blobs))):
            self.check(tables[0], blobs[0])
            return
        for table, blob in zip(tables, blobs, strict=True):
            self.check(table, blob)

    def x(self, tables: Sequence[int], blobs: Sequence[bytes]) -> NDArray[np.float32]:
        """(N, features of today) of N observations, each by its table; NaN for what that lacks. They were checked."""
        if len(set(tables)) == 1 and np.array_equal(self._columns[tables[0]], np.arange(len(TABLE))):
            return np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), -1).astype(np.float32)
        x = np.full((len(blobs), len(TABLE)), np.nan, np.float32)
        for table in set(tables):
            places, mine = self._columns[table], np.flatnonzero(np.array(tables) == table)
            known = places >= 0
            rows = np.frombuffer(b"".join(blobs[i] for i in mine), "<f4").reshape(len(mine), -1)
            x[np.ix_(mine, places[known])] = rows[:, known]
        return x

    def tick(self, row: Sequence[Any], x: NDArray[np.float32]) -> StoredTick:
        """Of `TICK_COLUMNS`, and `x` for its observation; one of `DAMAGE` for nonsense."""
        (
            tick_id, t_s, _, proposed, action, feasible, masked, phases, version, served, expired, overrun_s, energy_j,
            energy_source, gap_s, lost_s, bound_j, by_load, draw, sleep_draw, sleep_s, wake_on,
        ) = row  # fmt: skip
        return StoredTick(
            tick_id=tick_id,
            t_s=float(t_s),
            x=x,
            proposed=proposed,
            action=action,
            feasible=bool(feasible),
            masked=self.masked(masked),
            phases=self.phases(phases),
            version=version,
            served=served,
            expired=expired,
            overrun_s=overrun_s,
            energy_j=_number(energy_j),
            energy_source=energy_source,
            gap_s=_number(gap_s),
            lost_s=_number(lost_s),
            bound_j=_number(bound_j),
            by_load_j=dict(json.loads(by_load)) if by_load else {},
            draw=_number(draw),
            sleep_draw=_number(sleep_draw),
            sleep_s=_number(sleep_s),
            wake_on=wake_on,
        )

    def _masked_of(self, text: str | None) -> Masked:
        found = json.loads(text) if text else []
        if isinstance(found, dict):
            return tuple((limit, _names_3(int(bits))) for limit, bits in found.items())
        return tuple((str(limit), self._sets[number]) for limit, number in found)


def columns_of(features: str) -> NDArray[np.int64]:
    """For each feature of a stored table its place in today's, −1 for one that is not observed now, or in another unit."""
    places = {(feature.name, feature.unit): place for place, feature in enumerate(TABLE)}
    return np.array([places.get((name, unit), -1) for name, unit in json.loads(features)], np.int64)


def decoder_of(db: sqlite3.Connection, schema: int) -> Decoder:
    """Of the store behind a connection."""
    if schema == 3:
        return Decoder({1: FEATURES_3}, {})
    return Decoder(
        dict(db.execute("SELECT id, features FROM observation_tables").fetchall()),
        dict(db.execute("SELECT id, names FROM action_sets").fetchall()),
    )


def read_model(db: sqlite3.Connection, schema: int) -> Model | None:
    """The weights of the store behind a connection; None before the first were kept. One of `DAMAGE` for nonsense."""
    row = db.execute(MODEL_QUERY).fetchone()
    if row is None:
        return None
    model = _model_of(row)
    ids, left = _unsent(db, model.unsent_examples, schema)
    personal = _personal(db) if schema >= 5 else None
    return dataclasses.replace(model, unsent_ids=ids, unsent_left=left, personal=personal)


def _unsent(db: sqlite3.Connection, passes: int, schema: int) -> tuple[frozenset[int], int]:
    """The examples behind the unsent change, and how many have left: as they are kept, else the newest used ones, as many as there can be."""
    kept, left = db.execute("SELECT unsent, unsent_left FROM model").fetchone() if schema >= 5 else (None, 0)
    if kept is not None:
        return frozenset(np.frombuffer(kept, "<i8").tolist()), left
    used = db.execute("SELECT id FROM examples WHERE used = 1 ORDER BY id DESC LIMIT ?", (passes,))
    return frozenset(i for (i,) in used), 0


def _personal(db: sqlite3.Connection) -> Personal | None:
    row = db.execute("SELECT weights, share, losses, scored FROM personal").fetchone()
    if row is None:
        return None
    weights, share, losses, scored = row
    return Personal(
        weights=floats(weights), share=share, losses=tuple(map(float, json.loads(losses))), scored=scored
    )


def _model_of(row: Sequence[Any]) -> Model:
    version, published_s, base, weights, unsent_examples, practice, practice_s = row
    return Model(
        version=version,
        published_s=_number(published_s),
        base=floats(base),
        weights=floats(weights),
        unsent_examples=unsent_examples,
        practice=Practice(practice, practice_s),
    )


def _names_3(bits: int) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(ACTIONS_3) if bits >> place & 1)


def _phases_of(text: str) -> tuple[Phase, ...]:
    return tuple(Phase(load=Load[name], duration_s=duration_s) for name, duration_s in json.loads(text))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
