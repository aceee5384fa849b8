"""`circadia run` as its user has it: a process, a TOML file, signals."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """
device = "bench"
[agent]
policy = "drift-plus-penalty"
period_s = 300
[platform]
scale = 3600.0
[store]
path = "{store}"
"""


def write(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "device.toml"
    path.write_text(CONFIG.format(store=tmp_path / "device.db") + more)
    return path


@contextmanager
def started(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "circadia", "run", "--json", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ticks(process: subprocess.Popen[str], count: int) -> list[dict[str, object]]:
    """The next `count` ticks that it tells of."""
    assert process.stdout is not None
    found: list[dict[str, object]] = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def stored(tmp_path: Path) -> list[tuple[float, str, str | None]]:
    db = sqlite3.connect(tmp_path / "device.db")
    rows = db.execute("SELECT t_s, action, energy_source FROM ticks ORDER BY id").fetchall()
    db.close()
    return rows


@pytest.mark.slow
def test_sigterm_ends_it_with_everything_stored(tmp_path: Path) -> None:
    with started(write(tmp_path)) as process:
        told = ticks(process, 12)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "everything is stored" in out
    told += [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    rows = stored(tmp_path)
    assert [row[:2] for row in rows] == [(tick["t_s"], tick["action"]) for tick in told]
    assert all(source == "simulated" for _, _, source in rows)


@pytest.mark.slow
def test_sigkill_loses_no_tick_that_it_told_of_and_a_restart_goes_on(tmp_path: Path) -> None:
    config = write(tmp_path)
    with started(config) as process:
        told = ticks(process, 8)
        process.kill()
        out, _ = process.communicate()
    told += [json.loads(line) for line in out.split("\n")[:-1] if line.startswith("{")]
    before = stored(tmp_path)
    assert [row[0] for row in before][: len(told)] == [tick["t_s"] for tick in told]
    with started(config) as again:
        first = ticks(again, 3)[0]
        again.send_signal(signal.SIGTERM)
        again.communicate(timeout=30)
    assert again.returncode == 0
    assert float(str(first["t_s"])) >= before[-1][0]
    assert abs(float(str(first["battery_soc"])) - float(str(told[-1]["battery_soc"]))) < 0.1


def test_an_agent_that_dies_ends_the_command_with_an_error(tmp_path: Path) -> None:
    script = (
        "import sys, circadia.cli, circadia.commands.run as command\n"
        "command._line = lambda _record: sys.exit(0)\n"
        f"sys.exit(circadia.cli.main(['run', '--config', {str(write(tmp_path))!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "by SystemExit(0)" in done.stdout
    assert "does not survive" in done.stderr


@pytest.mark.slow
def test_without_its_broker_it_goes_on_deciding(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: every connection is refused
        port = taken.getsockname()[1]
        config = write(tmp_path, f'[federation]\nbroker = "127.0.0.1:{port}"\ndrain_s = 0.2\n')
        with started(config) as process:
            ticks(process, 10)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert len(stored(tmp_path)) >= 10


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[agents]\n", "unknown key 'agents'; did you mean 'agent'?"),
        ("[learning]\nexamples = -3\n", "learning.examples is -3"),
        ('[federation]\nbroker = "x:y"\n', "broker 'x:y'"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, more: str, message: str) -> None:
    with started(write(tmp_path, more)) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert message in err
    assert "device.toml" in err
    assert "Traceback" not in err


def test_a_policy_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace('"drift-plus-penalty"', '"absent.tflite"'))
    with started(path) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "absent.tflite" in err
    assert "Traceback" not in err
