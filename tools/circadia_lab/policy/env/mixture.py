"""A mixture: several problems that one policy is trained in at once, each with its own law, bodies, limits' ages and record.

One TOML file each, `worlds = [NAME|FILE, …]`; those in `data/mixtures` are shipped and named by their file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.problem import (
    DATA,
    Problem,
    check_curves,
    check_keys,
    find_problem,
    load_problem,
    shipped_problems,
    shipped_wakes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circadia_lab.policy.env.problem import CostLimits

FOLDER = DATA / "mixtures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Worlds whose devices get as large a part of a batch each.

    `ConfigError` for none, for one twice, for different limits or accuracies, for more than one record, for voltage
    curves of different lengths, and for worlds whose wakes are chosen.
    """

    name: str
    worlds: tuple[Problem, ...]

    def __post_init__(self) -> None:
        names = [world.name for world in self.worlds]
        if not names or len(set(names)) < len(names):
            raise ConfigError(
                f"mixture {self.name}: worlds are {', '.join(names) or 'none'}; needs one at least, each once"
            )
        for world in self.worlds:
            if world.wake is not None:
                raise ConfigError(
                    f"mixture {self.name}: the wakes of {world.name} choose their sleep; put its devices and others into one "
                    "problem with [wake], as wake-mixture does"
                )
        first = self.worlds[0]
        for world in self.worlds[1:]:
            if not np.array_equal(world.costs.array, first.costs.array):
                raise ConfigError(
                    f"mixture {self.name}: {world.name} limits its costs to {world.costs.array.tolist()}, {first.name} to "
                    f"{first.costs.array.tolist()}; one policy is trained for one set of limits"
                )
            if world.accuracy != first.accuracy:
                raise ConfigError(f"mixture {self.name}: {world.name} and {first.name} differ in accuracy")
        if sum(world.trace is not None for world in self.worlds) > 1:
            raise ConfigError(f"mixture {self.name}: more than one of its worlds is recorded")
        check_curves(f"mixture {self.name}", [device for world in self.worlds for device in world.devices])

    @property
    def device_names(self) -> tuple[str, ...]:
        """World by world; those of one name are of one kind."""
        return tuple(f"{world.name}: {name}" for world in self.worlds for name in world.device_names)

    @property
    def costs(self) -> CostLimits:
        """The limits that all worlds share."""
        return self.worlds[0].costs


def shipped_mixtures() -> tuple[str, ...]:
    """Names, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def find_worlds(name: str) -> Problem | Mixture:
    """A shipped mixture's or problem's name, or the path of a file of either."""
    if name in shipped_mixtures():
        return load_mixture(FOLDER / f"{name}.toml")
    if Path(name).suffix and "worlds" in _keys(Path(name)):
        return load_mixture(Path(name))
    known = (*shipped_mixtures(), *shipped_problems(), *shipped_wakes())
    if name not in known and not Path(name).suffix:
        raise ConfigError(f"unknown problem {name!r}; there are {', '.join(known)}")
    return find_problem(name)


def worlds_of(found: Problem | Mixture) -> tuple[Problem, ...]:
    """A problem is a single one."""
    return found.worlds if isinstance(found, Mixture) else (found,)


def load_mixture(path: Path) -> Mixture:
    """Read a mixture; `ConfigError` names the file and what is wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        check_keys(table, ("name", "worlds"), "")
        found = tuple(_world(name, path.parent) for name in _names(table.get("worlds")))
        return Mixture(name=str(table.get("name", path.stem)), worlds=found)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"mixture {path}: {error}") from error


def _names(worlds: Any) -> list[str]:
    if isinstance(worlds, list) and all(isinstance(name, str) for name in worlds):
        return worlds
    raise ConfigError("worlds must be a list of problems, by name or as files")


def _world(name: str, folder: Path) -> Problem:
    return load_problem(folder / name) if Path(name).suffix else find_problem(name)


def _keys(path: Path) -> Mapping[str, Any]:
    """Of a file; none where it cannot be read, which who loads it tells."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
