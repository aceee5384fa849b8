"""The first arm of a run against each of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DIFFERENCES = ("right_of_hundred", "mean_accuracy", "served_accuracy", "federated_accuracy")
RATIOS = ("recovery_s", "battery_agent_j", "battery_device_j", "agent_j", "device_j")


def against(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """By the other's name: accuracies less the other's, times and joules over the other's, of the summary's arms.

    None where one of the two is not known, or was not seen.
    """
    (_, first), *others = arms.items()
    return {name: _compared(first, other) for name, other in others}


def _compared(first: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for key in (*DIFFERENCES, *RATIOS):
        a, b = first[key], other[key]
        if a is None or b is None:
            found[key] = None
        elif key in DIFFERENCES:
            found[key] = a - b
        else:
            found[key] = a / b if b else None
    return found
