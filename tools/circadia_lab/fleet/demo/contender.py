"""The arms of a run: whose policies play the same day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.policy.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

SHIPPED = {"circadia": "default", "separate": "separate"}
"""Names of arms that are no rule's, and the policy that their devices run."""
USUAL = ("circadia", "charging-only", "due")
MOST = 6
"""As many as can be told apart in a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """An arm."""

    name: str
    policy: str
    """`agent.policy` of its devices."""


def usual() -> tuple[str, ...]:
    """What is played when nobody says: as many of `USUAL` as there are."""
    return tuple(name for name in USUAL if name in SHIPPED or name in RULES)


def contenders(names: Sequence[str]) -> tuple[Contender, ...]:
    """Names, or paths of policy files, in their order; `ConfigError` for what there is none of, or two."""
    found = tuple(_contender(name) for name in names)
    if not 1 <= len(found) <= MOST:
        raise ConfigError(f"--arms: {len(found)} of them; from 1 to {MOST}")
    for one in found:
        if sum(other.name == one.name for other in found) > 1:
            raise ConfigError(f"--arms: {one.name} stands there twice; every arm needs a name of its own")
    return found


def _contender(name: str) -> Contender:
    if name.endswith(".tflite"):
        return _of_file(Path(name))
    if name in SHIPPED or name in RULES:
        return Contender(name=name, policy=SHIPPED.get(name, name))
    there = ", ".join((*SHIPPED, *RULES))
    raise ConfigError(f"--arms: {name!r} is neither one of {there} nor a .tflite file")


def _of_file(path: Path) -> Contender:
    from circadia.policy.artifact import load_policy

    load_policy(path)
    name = re.sub(r"[^\w.-]", "-", path.stem)
    return Contender(name=name, policy=str(path.resolve()))
