"""The outcome as a person feels it: right answers of a hundred questions, hours of battery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT = "–"


def headline(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence about answers, one about batteries, from the summary's arms; says that batteries are simulated."""
    answers = _told(arms, "right_of_hundred")
    sentences = [f"Of 100 questions, {answers} are answered right and in time."]
    kinds = list(dict.fromkeys(kind for arm in arms.values() for kind in arm["kinds"]))
    lasting = [_lasting(arms, kind) for kind in kinds]
    sentences.append(f"A full battery, simulated, lasts {'; '.join(lasting)}.")
    return " ".join(sentences)


def _told(arms: Mapping[str, Mapping[str, Any]], key: str) -> str:
    return ", ".join(f"{_round(arm[key])} with {name}" for name, arm in arms.items())


def _lasting(arms: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    found = {name: arm["kinds"].get(kind, {}).get("battery_hours") for name, arm in arms.items()}
    hours = ", ".join(f"{_round(value)} h with {name}" for name, value in found.items())
    return f"on {kind} {hours}"


def _round(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.0f}"
