"""What the aggregator's ledger tells after the day."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import StoreError
from circadia.federation.aggregate.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.federation.aggregate.records import Version
    from circadia.learning.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What became of the fleet's updates, as (device, update id)."""

    accepted: frozenset[tuple[str, str]] = frozenset()
    rejected: frozenset[tuple[str, str]] = frozenset()
    """Each with a reason."""


def read_ledger(path: Path, task: Task) -> tuple[dict[int, Version], Verdicts]:
    """Every version that was published, by its number, and the verdicts; `StoreError` when it cannot be read."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no such ledger; the aggregator never got so far, see its log")
    with closing(Ledger(path, task=task.digest, parameters=task.parameters, read_only=True)) as ledger:
        versions = {number: ledger.version(number) for number in ledger.kept()}
        decided = ledger.updates()
    return versions, Verdicts(
        accepted=frozenset((u.device, u.update_id) for u in decided if u.verdict.accepted),
        rejected=frozenset(
            (u.device, u.update_id) for u in decided if not u.verdict.accepted and u.verdict.reason
        ),
    )
