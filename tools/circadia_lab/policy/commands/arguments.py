"""Arguments that several commands share, and what they mean."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.writing import whole_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from circadia_lab.policy.study.ground import Ground

DEFAULT_PROBLEM, DEFAULT_GRID = "mixture", "phone"
BALANCED = "1/3,1/3,1/3"


def add_ground(parser: argparse.ArgumentParser) -> None:
    """`--problem` or `--grid`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--problem",
        default=DEFAULT_PROBLEM,
        metavar="NAME|FILE",
        help="a shipped problem or mixture of them, or a .toml file of either (default: mixture)",
    )
    which.add_argument(
        "--grid",
        nargs="?",
        const=DEFAULT_GRID,
        metavar="NAME",
        help="a grid problem, whose optimum can be certified (without NAME: phone)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """`--seed`."""
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the same seed, the same result (default 0)"
    )


def ground_of(args: argparse.Namespace) -> Ground:
    """What to train on; `ConfigError` for a problem that there is not."""
    from circadia_lab.policy.study.ground import FullGround, GridGround

    if args.grid:
        from circadia_lab.policy.oracle.grids import grid_named

        return GridGround(grid_named(args.grid))
    from circadia_lab.policy.env.mixture import find_worlds

    problem = find_worlds(args.problem)
    return FullGround(problem, None) if getattr(args, "prior", None) == "none" else FullGround(problem)


def refuse(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """`ConfigError` if one of these was given, where it would not be heeded."""
    for name in names:
        value = getattr(args, name)
        if value not in (None, False) and not (name == "problem" and value == DEFAULT_PROBLEM):
            option = {"policy": str(value), "demonstration": "--run"}.get(name, f"--{name.replace('_', '-')}")
            raise ConfigError(f"{option}: {why}; leave it out")


def check_seed(seed: int) -> None:
    """`ConfigError` for a negative one."""
    if seed < 0:
        raise ConfigError(f"--seed {seed}: must not be negative")


def check_file(option: str, path: Path, suffix: str) -> None:
    """`ConfigError` now, not hours later, if `path` has another suffix or cannot be written; makes its folder."""
    if path.suffix != suffix:
        raise ConfigError(f"{option} {path}: must end in {suffix}")
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder; name a file")
    check_folder(option, path.parent)


def check_folder(option: str, folder: Path) -> None:
    """`ConfigError` if nothing can be written there; makes it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"{option}: cannot write to {folder} ({error.strerror}); choose another place"
        ) from error


def preference_of(text: str) -> NDArray[np.float64]:
    """`accuracy,latency,energy`, each a number or a fraction; `ConfigError` unless they sum to 1."""
    from circadia_lab.policy.env.preferences import checked

    try:
        weights = [_number(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"preference {text!r}: needs three numbers like 0.2,0.3,0.5 (accuracy, latency, energy)"
        ) from error
    return checked(weights)


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return float(above) / float(below) if below else float(above)


def write_whole(path: Path, text: str) -> None:
    """The file is there whole or as it was."""
    with whole_text(path) as file:
        file.write(text)
