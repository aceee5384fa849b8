"""The `circadia` command. Subcommands bring their own parser; what they need is imported when they run."""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import circadia
import circadia.commands
from circadia.errors import CircadiaError, PlatformUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.metadata import EntryPoint

GROUP = "circadia.commands"
"""The entry-point group through which other packages add commands."""


class Register(Protocol):
    """A command's module has this function."""

    def __call__(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add a parser and set its default `run`: a function of the parsed arguments to an exit code."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command → its exit code. 2 and one line on stderr for an error of ours, 130 after Ctrl-C."""
    try:
        try:
            words = sys.argv[1:] if arguments is None else arguments
            args = _parser(next(iter(words), "")).parse_args(words)
            run: Callable[[argparse.Namespace], int] = args.run
            return run(args)
        finally:
            sys.stdout.flush()
    except CircadiaError as error:
        print(f"circadia: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader left, as `| head` does; without this the interpreter complains once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _parser(first: str = "") -> argparse.ArgumentParser:
    """The whole command line; other packages are left alone when the first word is a command of our own."""
    parser = argparse.ArgumentParser(prog="circadia", description="When a device learns, serves and sleeps.")
    parser.add_argument("--version", action="version", version=f"circadia {circadia.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for register in _built_in():
        register(subparsers)
    if first not in subparsers.choices:
        for register in commands_of(GROUP):
            register(subparsers)
    return parser


def _built_in() -> list[Register]:
    package = circadia.commands
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [import_module(f"{package.__name__}.{name}").register for name in found]


def commands_of(group: str) -> list[Register]:
    """What packages bring to an entry-point group of commands.

    One that cannot be imported, or whose `register` raises `PlatformUnavailable`, is not listed, and says why when it
    is used.
    """
    from importlib.metadata import entry_points  # two megabytes that a device at rest need not hold

    return [partial(_register, point) for point in entry_points(group=group)]


def _register(point: EntryPoint, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    try:
        point.load()(subparsers)
    except (ImportError, AttributeError) as error:
        reason = (
            f"command {point.name!r} cannot be loaded from {point.value}: {error}; install its package again"
        )
        _hidden(point.name, PlatformUnavailable(reason), subparsers)
    except PlatformUnavailable as error:
        _hidden(point.name, error, subparsers)


def _hidden(
    name: str,
    error: PlatformUnavailable,
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """A command without a help text is not listed; without prefix characters, all words after it are taken in."""

    def run(_: argparse.Namespace) -> int:
        raise error

    parser = subparsers.add_parser(name, add_help=False, prefix_chars="\0")
    parser.add_argument("words", nargs="*")
    parser.set_defaults(run=run)


def need(command: str, modules: Mapping[str, str], extra: str) -> None:
    """`PlatformUnavailable` names what is missing of `modules` (module → package), and the extra that brings it."""
    missing = [package for module, package in modules.items() if find_spec(module) is None]
    if missing:
        raise PlatformUnavailable(
            f"circadia {command} needs {', '.join(missing)}: pip install circadia[{extra}]"
        )


def _one_line(error: CircadiaError) -> str:
    return " ".join(str(error).split())
