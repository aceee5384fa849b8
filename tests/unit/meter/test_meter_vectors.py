"""The same golden frames for the host's codec and for the firmware's core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia_meter.commands import Commands
from circadia_meter.frames import Decoder, Kind, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.meter.board.host_core import HostCore

Vectors = dict[str, dict[str, Any]]
TO_HOST = ["hello", "samples", "one saturated sample against the current", "pong", "mark", "reply"]
TO_METER = ["ask hello", "start", "stop", "rate", "range", "ping", "settings", "pulse", "mark command"]
SETTINGS = {"device_id": 0xC1AD1A, "shunt_uohm": 10000, "offset_steps": -1.5, "gain_ppm": 1250}


def test_every_vector_is_used(vectors: Vectors) -> None:
    assert sorted(vectors) == sorted(TO_HOST + TO_METER)


@pytest.mark.parametrize("name", TO_HOST)
def test_the_host_reads_them(vectors: Vectors, name: str) -> None:
    (event,) = Decoder().receive(bytes.fromhex(vectors[name]["frame"]))
    for field, wanted in vectors[name]["fields"].items():
        found = getattr(event, field)
        if isinstance(found, np.ndarray):
            assert found.tolist() == (wanted if isinstance(wanted, list) else [wanted]), field
        else:
            assert found == (tuple(wanted) if isinstance(wanted, list) else wanted), field


@pytest.mark.parametrize("name", TO_METER)
def test_the_host_writes_them(vectors: Vectors, name: str) -> None:
    fields = vectors[name]["fields"]
    assert (
        encode(Kind(fields["kind"]), fields["token"], bytes.fromhex(fields["values"])).hex()
        == vectors[name]["frame"]
    )


def test_commands_are_those_of_the_vectors(vectors: Vectors) -> None:
    commands = Commands()
    made: dict[str, Callable[[], bytes]] = {
        "ask hello": commands.hello,
        "start": commands.start,
        "stop": commands.stop,
        "rate": lambda: commands.rate(344),
        "range": lambda: commands.range(0),
        "ping": commands.ping,
        "settings": lambda: commands.settings(**SETTINGS),  # type: ignore[arg-type]
        "pulse": commands.pulse,
        "mark command": lambda: commands.mark(0xDEADBEEF),
    }
    for name, make in made.items():
        commands.token = vectors[name]["fields"]["token"] - 1
        assert make().hex() == vectors[name]["frame"], name


def test_the_firmware_writes_and_reads_them(core: HostCore, vectors: Vectors) -> None:
    commands = Commands()
    core.take()
    core.receive(commands.settings(**SETTINGS))  # type: ignore[arg-type]
    core.time(1234)
    core.boot(0x10007)
    assert core.take().hex() == "00" + vectors["hello"]["frame"]

    core.receive(commands.start())  # its reply is the second frame
    t_us = np.arange(5000, 22000, 1000)
    shunt, bus = 100 + np.arange(17), 4000 - np.arange(17)
    shunt[16], bus[16] = -32768, 0
    flags = np.zeros(17)
    flags[16] = 1
    assert core.sample(t_us, shunt, bus, flags).hex() == vectors["samples"]["frame"]

    commands.token = 511
    sent = core.receive(commands.stop()).hex()
    assert sent.startswith(vectors["one saturated sample against the current"]["frame"])
    commands.token = 512
    assert core.receive(commands.ping()).hex() == vectors["pong"]["frame"]
    assert (
        core.receive(commands.mark(0xDEADBEEF)).hex() == vectors["mark"]["frame"] + vectors["reply"]["frame"]
    )
