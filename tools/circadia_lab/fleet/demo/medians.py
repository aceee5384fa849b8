"""Several seeds' figures as one: the median of every number."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def medians(tables: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of every number that all tables have, at whatever depth; other values where they are the same in all.

    None counts as more than any number, as a recovery does that was not seen.
    """
    found: dict[str, Any] = {}
    for key in tables[0]:
        values = [table[key] for table in tables if key in table]
        if len(values) < len(tables):
            continue
        if all(isinstance(value, dict) for value in values):
            found[key] = medians(values)
        elif all(isinstance(value, bool) for value in values):
            found[key] = all(values)
        elif all(_number(value) for value in values):
            found[key] = median_of(values)
        elif all(value == values[0] for value in values):
            found[key] = values[0]
    return found


def whole_of(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The seeds whose arms all ended their day, of which medians are; where somebody stopped the first, that one."""
    arms = runs[0]["arms"].keys()
    whole = [
        run
        for run in runs
        if run["arms"].keys() == arms and all(arm["complete"] for arm in run["arms"].values())
    ]
    return whole or [runs[0]]


def median_of(values: Sequence[float | None]) -> float | None:
    """None counts as more than any number, and is what comes out where the median is one."""
    found = median(math.inf if value is None else value for value in values)
    return found if math.isfinite(found) else None


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
