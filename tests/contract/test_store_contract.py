from __future__ import annotations

from circadia.store.sqlite import SqliteStore
from circadia.testing.store import StoreContract


class TestSqlite(StoreContract):
    def make(self) -> SqliteStore:
        return SqliteStore(self.folder / "device.db")
