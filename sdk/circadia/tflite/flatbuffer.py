"""Reads the tables of a FlatBuffer, as a `.tflite` is one: tables point forward, by offsets from where they stand.

Whoever reads has checked the file (`circadia.tflite.model_file`); what lies outside of it raises `struct.error`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlatBuffer:
    """The bytes of a file. A table is told by the place where it stands; fields by their numbers in the schema."""

    data: bytes

    @property
    def root(self) -> int:
        """The outermost table."""
        return self.number("<I", 0)

    def number(self, form: str, place: int) -> int:
        """The number there, in `struct`'s words."""
        return int(struct.unpack_from(form, self.data, place)[0])

    def field(self, table: int, field: int) -> int:
        """Where it stands; 0: the table does not have it."""
        index = table - self.number("<i", table)
        if 4 + 2 * field >= self.number("<H", index):
            return 0
        offset = self.number("<H", index + 4 + 2 * field)
        return table + offset if offset else 0

    def target(self, table: int, field: int) -> int:
        """What the field points at; 0: nothing."""
        place = self.field(table, field)
        return place + self.number("<I", place) if place else 0

    def scalar(self, table: int, field: int, form: str = "<I") -> int:
        """A number of the table itself; 0 where it does not say it."""
        place = self.field(table, field)
        return self.number(form, place) if place else 0

    def vector(self, table: int, field: int) -> list[int]:
        """A vector of tables: where these are."""
        start = self.target(table, field)
        places = range(start + 4, start + 4 + 4 * self.number("<I", start), 4) if start else ()
        return [place + self.number("<I", place) for place in places]

    def numbers(self, table: int, field: int) -> list[int]:
        """A vector of 4-byte integers."""
        start = self.target(table, field)
        count = self.number("<I", start) if start else 0
        return list(struct.unpack_from(f"<{count}i", self.data, start + 4)) if start else []

    def text(self, table: int, field: int) -> str:
        """A string; empty where there is none."""
        start = self.target(table, field)
        if not start:
            return ""
        return self.data[start + 4 : start + 4 + self.number("<I", start)].decode(errors="replace")
