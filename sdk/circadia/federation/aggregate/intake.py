"""Parts of updates on their way to becoming whole.

Anybody can publish a chunk under a device's name. So chunks are kept apart by their header: what contradicts the true
update is another candidate beside it, and does not spoil it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import RemoteProtocolError
from circadia.federation.wire.assembly import Assembly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.federation.wire.messages import UpdateChunk

Key = tuple[str, str]
"""Device and update id."""
Header = tuple[object, ...]
MOST_CANDIDATES = 4
"""Parts of one update that contradict each other, at most."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Partial:
    assembly: Assembly
    heard_s: float
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What an update lacks."""

    key: Key
    missing: tuple[int, ...]


class Intake:
    """Puts updates together, within a limit of memory. Times are real seconds."""

    def __init__(self, *, most_bytes: int, gap_s: float, forget_s: float) -> None:
        self._most_bytes = most_bytes
        self._gap_s = gap_s
        self._forget_s = forget_s
        self._partial: dict[Key, dict[Header, _Partial]] = {}
        self._held = 0

    @property
    def due_s(self) -> float:
        """When `gaps` has something to do; infinite at rest."""
        return min((self._due_s(partial) for _, _, partial in self._all()), default=math.inf)

    def add(self, chunk: UpdateChunk, now_s: float) -> bytes | None:
        """Take a chunk → the payload when it is whole and intact; then all that was there of the update is gone.

        `RemoteProtocolError` when it is whole and does not fit its SHA-256: what came is forgotten.
        """
        key = (chunk.device, chunk.update_id)
        partial = self._partial.get(key, {}).get(chunk.header) or self._open(key, chunk, now_s)
        partial.heard_s = now_s
        partial.asked = False
        if partial.assembly.add(chunk.chunk, chunk.data):
            self._held += len(chunk.data)
        self._make_room(partial)
        if not partial.assembly.complete:
            return None
        try:
            payload = partial.assembly.payload()
        except RemoteProtocolError:
            self._held -= chunk.size  # the assembly has let go of them
            self._drop(key, chunk.header)
            raise
        self.forget(key)
        return payload

    def forget(self, key: Key) -> None:
        """Let go of every part of an update."""
        for header in list(self._partial.get(key, {})):
            self._drop(key, header)

    def gaps(self, now_s: float) -> list[Gap]:
        """What to ask for, each once; what was silent for too long is forgotten."""
        asked = []
        for key, header, partial in list(self._all()):
            if now_s >= partial.heard_s + self._forget_s:
                self._drop(key, header)
            elif not partial.asked and now_s >= partial.heard_s + self._gap_s:
                partial.asked = True
                asked.append(Gap(key=key, missing=partial.assembly.missing))
        return asked

    def _all(self) -> Iterable[tuple[Key, Header, _Partial]]:
        return (
            (key, header, partial)
            for key, candidates in self._partial.items()
            for header, partial in candidates.items()
        )

    def _due_s(self, partial: _Partial) -> float:
        return partial.heard_s + (self._forget_s if partial.asked else self._gap_s)

    def _open(self, key: Key, chunk: UpdateChunk, now_s: float) -> _Partial:
        """A new candidate; of too many for one update, the one with the fewest bytes goes, the youngest of such."""
        candidates = self._partial.get(key, {})
        if len(candidates) >= MOST_CANDIDATES:
            least = min(candidates, key=lambda h: (candidates[h].assembly.held, -candidates[h].heard_s))
            self._drop(key, least)
        partial = _Partial(assembly=Assembly(size=chunk.size, digest=chunk.sha256), heard_s=now_s)
        self._partial.setdefault(key, {})[chunk.header] = partial
        return partial

    def _make_room(self, newest: _Partial) -> None:
        """What was silent longest goes, never the newest chunk's update."""
        if self._held <= self._most_bytes:
            return
        others = [entry for entry in self._all() if entry[2] is not newest]
        for key, header, _ in sorted(others, key=lambda entry: entry[2].heard_s):
            self._drop(key, header)
            if self._held <= self._most_bytes:
                return

    def _drop(self, key: Key, header: Header) -> None:
        partial = self._partial[key].pop(header)
        self._held -= partial.assembly.held
        if not self._partial[key]:
            del self._partial[key]
