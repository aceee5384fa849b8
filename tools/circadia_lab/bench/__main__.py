"""`tools/bench NAME [--json]`: run a benchmark, print its figures."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from typing import TYPE_CHECKING, Protocol, cast

import circadia_lab.bench
from circadia.errors import CircadiaError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Figure = float | int | str | bool | None


class Benchmark(Protocol):
    """A module of this package."""

    def measure(self) -> dict[str, Figure]:
        """Figures by name, the unit at the name's end; takes seconds to minutes."""
        ...


def names() -> list[str]:
    """The benchmarks there are: modules, with dashes for underscores."""
    modules = (m.name for m in pkgutil.iter_modules(circadia_lab.bench.__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def load(name: str) -> Benchmark:
    """The benchmark of that name; `ConfigError` lists the names there are."""
    if name not in names():
        raise ConfigError(f"no benchmark {name!r}; there are: {', '.join(names())}")
    return cast("Benchmark", importlib.import_module(f"circadia_lab.bench.{name.replace('-', '_')}"))


def table(figures: Mapping[str, Figure]) -> str:
    """One line a figure, aligned."""
    width = max((len(name) for name in figures), default=0)
    return "\n".join(f"{name:{width}}  {_text(value)}" for name, value in figures.items())


def _text(value: Figure) -> str:
    return f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and one line on stderr for what a user can put right."""
    parser = argparse.ArgumentParser(prog="tools/bench", description="Run a benchmark and print its figures.")
    parser.add_argument("name", nargs="?", help="without it: the list of benchmarks")
    parser.add_argument("--json", action="store_true", help="one flat JSON object")
    args = parser.parse_args(arguments)
    if args.name is None:
        print("\n".join(names()))
        return 0
    try:
        figures = load(args.name).measure()
    except CircadiaError as error:
        print(f"tools/bench: {error}", file=sys.stderr)
        return 2
    print(json.dumps(figures) if args.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
