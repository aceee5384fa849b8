from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

import circadia
from circadia import cli
from circadia.errors import ConfigError, PlatformUnavailable

if TYPE_CHECKING:
    import argparse


def command(error: BaseException) -> cli.Register:
    def run(_: argparse.Namespace) -> int:
        raise error

    def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("trial").set_defaults(run=run)

    return register


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"circadia {circadia.__version__}\n"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert {"run", "doctor", "broker", "aggregate"} <= set(capsys.readouterr().out.split())


def test_no_command_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2


def test_error_of_ours_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        cli, "_built_in", lambda: [command(ConfigError("device.toml: unknown key\n'perod_s'"))]
    )
    assert cli.main(["trial"]) == 2
    assert capsys.readouterr().err == "circadia: error: device.toml: unknown key 'perod_s'\n"


def test_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_built_in", lambda: [command(KeyboardInterrupt())])
    assert cli.main(["trial"]) == 130


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_built_in", lambda: [command(ZeroDivisionError())])
    with pytest.raises(ZeroDivisionError):
        cli.main(["trial"])


@pytest.mark.parametrize("words", [[], ["probe"], ["--port", "auto", "-h"]])
def test_command_that_cannot_be_imported_leaves_the_others_alone(words: list[str]) -> None:
    point = EntryPoint(name="trial", value="circadia_nowhere.command:register", group=cli.GROUP)
    parser = with_point(point)
    args = parser.parse_args(["trial", *words])
    with pytest.raises(PlatformUnavailable, match="circadia_nowhere"):
        args.run(args)
    assert "trial" not in parser.format_help()


def refuse(_: object) -> None:
    cli.need("trial", {"sys": "python", "circadia_nowhere": "nowhere"}, "everything")


def test_command_that_lacks_a_package_names_it_and_the_extra() -> None:
    parser = with_point(EntryPoint(name="trial", value=f"{__name__}:refuse", group=cli.GROUP))
    args = parser.parse_args(["trial", "--verbose"])
    with pytest.raises(PlatformUnavailable, match=r"trial needs nowhere: pip install circadia\[everything\]"):
        args.run(args)
    assert "trial" not in parser.format_help()


def with_point(point: EntryPoint) -> argparse.ArgumentParser:
    parser = cli._parser()
    subparsers = parser._subparsers
    assert subparsers is not None
    cli._register(point, subparsers._group_actions[0])  # type: ignore[arg-type]
    return parser


def test_reader_that_left_gets_no_traceback() -> None:
    program = """
import sys
from circadia import cli
def register(subparsers):
    subparsers.add_parser("trial").set_defaults(run=lambda _: print("words") or 0)
cli._built_in = lambda: [register]
sys.exit(cli.main(["trial"]))
"""
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert answer.stderr == b""
    assert answer.returncode == 141
