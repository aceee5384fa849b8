"""What was foretold of the person's choices, kept until it can be said how it came out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError
from circadia.foretelling import Estimate, Foretelling
from circadia.observation import DAY_S, HOUR_S
from circadia_app import json_file

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.shield import Limits
    from circadia.types import Preference

MOST = 8
"""Of which the newest are kept."""
LEAST_S, MOST_S = 2 * DAY_S, 7 * DAY_S
"""A choice that was in force for less is not judged; after a week the next is foretold."""
KINDS = ("joules", "latency", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One foretelling of the choice that was in force from then on."""

    made_s: float
    """By the agent's clock."""
    choice: dict[str, float]
    """Preference and limits by name."""
    foretelling: Foretelling


def choice_of(preference: Preference, limits: Limits) -> dict[str, float]:
    """As it is kept."""
    return {key: float(value) for of in (preference, limits) for key, value in dataclasses.asdict(of).items()}


def load(path: Path) -> tuple[Made, ...]:
    """The oldest first; none where there is no file. `ConfigError` names a file that cannot be read."""
    found = json_file.read(path)
    if found is None:
        return ()
    try:
        return tuple(_made(one) for one in found["made"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path}: is no record of what was foretold ({error!r}); delete it to begin anew"
        ) from error


def keep(path: Path, new: Made) -> tuple[Made, ...]:
    """With this one, if it is of another choice than the last, or a week later → all that are kept.

    A choice that another follows within an hour was none: who tries looks at effects.
    """
    before = tuple(one for one in load(path) if one.made_s <= new.made_s)
    if before and before[-1].choice == new.choice and new.made_s - before[-1].made_s < MOST_S:
        return before
    if before and new.made_s - before[-1].made_s < HOUR_S:
        before = before[:-1]
        if before and before[-1].choice == new.choice and new.made_s - before[-1].made_s < MOST_S:
            json_file.write(path, {"made": [_plain(one) for one in before]})
            return before
    kept = (*before, new)[-MOST:]
    json_file.write(path, {"made": [_plain(one) for one in kept]})
    return kept


def judged(made: tuple[Made, ...], now_s: float) -> tuple[Made, float] | None:
    """The newest that can be held against what came, and until when it was in force; None: there is none yet."""
    ends_s = [*(one.made_s for one in made[1:]), now_s][: len(made)]
    for one, end_s in zip(reversed(made), reversed(ends_s), strict=True):
        until_s = min(end_s, one.made_s + MOST_S)
        if until_s - one.made_s >= LEAST_S:
            return one, until_s
    return None


def _plain(one: Made) -> dict[str, Any]:
    return dataclasses.asdict(one)


def _made(found: dict[str, Any]) -> Made:
    told = found["foretelling"]
    return Made(
        made_s=float(found["made_s"]),
        choice={str(key): float(value) for key, value in found["choice"].items()},
        foretelling=Foretelling(
            days=int(told["days"]),
            **{kind: None if told[kind] is None else Estimate(**told[kind]) for kind in KINDS},
        ),
    )
