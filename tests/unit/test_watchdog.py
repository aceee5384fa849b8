from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from circadia.watchdog import Watchdog

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_told_where_it_listens(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listens:
        listens.bind(address)
        listens.settimeout(5)
        watchdog = Watchdog.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
        assert watchdog is not None
        assert watchdog.every_s == 15.0
        watchdog.feed()
        assert listens.recv(64) == b"WATCHDOG=1"


def test_an_abstract_address_is_one() -> None:
    name = f"circadia-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listens:
        listens.bind("\0" + name)
        listens.settimeout(5)
        Watchdog(address="@" + name, every_s=1.0).feed()
        assert listens.recv(64) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/run/x"},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_one_for_this_process_there_is_none(environment: dict[str, str]) -> None:
    assert Watchdog.of(environment) is None
