"""What rows refer to by number: the observation table that they follow, and sets of actions by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from circadia.observation import TABLE

if TYPE_CHECKING:
    import sqlite3

    from circadia.observation import Feature


class Names:
    """The numbers of the one writer of a store."""

    def __init__(self, db: sqlite3.Connection, table: tuple[Feature, ...] = TABLE) -> None:
        """Within a transaction: the table's row is added where it is missing."""
        self._db = db
        self.observation_table = self._number_of(table)
        """Of today's observations."""
        rows = db.execute("SELECT names, id FROM action_sets")
        self._sets = {tuple(json.loads(names)): number for names, number in rows}
        self._new: dict[tuple[str, ...], int] = {}

    def _number_of(self, table: tuple[Feature, ...]) -> int:
        features = json.dumps([(feature.name, feature.unit) for feature in table], ensure_ascii=False)
        row = self._db.execute("SELECT id FROM observation_tables WHERE features = ?", (features,)).fetchone()
        if row is not None:
            return int(row[0])
        cursor = self._db.execute("INSERT INTO observation_tables (features) VALUES (?)", (features,))
        return int(cursor.lastrowid or 0)

    def set_of(self, names: tuple[str, ...]) -> int:
        """The set's number, within a transaction; a new set gets one, which lasts if `keep` is told so."""
        number = self._sets.get(names) or self._new.get(names)
        if number is None:
            cursor = self._db.execute("INSERT INTO action_sets (names) VALUES (?)", (json.dumps(names),))
            self._new[names] = number = int(cursor.lastrowid or 0)
        return number

    def begin(self) -> None:
        """A transaction begins: what one that failed had added is not there."""
        self._new = {}

    def keep(self) -> None:
        """The transaction is committed."""
        self._sets |= self._new
