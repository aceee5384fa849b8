"""Bytes that an earlier version put on the wire, and what that version could read."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from circadia.federation.wire.messages import (
    Acknowledgement,
    Manifest,
    Message,
    ModelChunk,
    Status,
    UpdateChunk,
    Want,
    decode,
    encode,
)

TASK = "ab" * 32
DATA = bytes(range(64))
DIGEST = sha256(DATA).digest()
FIXTURES: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "messages.json").read_text()
)
MESSAGES: dict[str, Message] = {
    "manifest": Manifest(
        task=TASK, version=7, published_s=12345.5, parameters=2000, sha256=DIGEST, size=70000, chunks=2, codec="float32"
    ),
    "model-chunk": ModelChunk(version=7, chunk=1, data=DATA),
    "update-chunk": UpdateChunk(
        device="phone", update_id="u1", task=TASK, base_version=6, examples=32, codec="int8", created_s=99.25,
        sha256=DIGEST, size=64, chunks=1, chunk=0, data=DATA,
    ),
    "acknowledgement/accepted": Acknowledgement(update_id="u1", status="accepted"),
    "acknowledgement/rejected": Acknowledgement(
        update_id="u1", status="rejected", reason="norm: the change's is 11, allowed is 10"
    ),
    "acknowledgement/incomplete": Acknowledgement(update_id="u1", status="incomplete", missing=(0, 3)),
    "want": Want(version=7, chunks=(1, 2)),
    "want/manifest": Want(version=0),
    "status": Status(
        device="phone", online=True, details={"version": 7, "charging": False, "soc": 0.5, "name": "a phone"}
    ),
    "status/gone": Status(device="phone", online=False),
}  # fmt: skip


def test_every_stored_message_has_its_meaning_here() -> None:
    assert FIXTURES.keys() == MESSAGES.keys()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_bytes_of_schema_1_are_read_and_written_to_the_bit(name: str) -> None:
    wire = bytes.fromhex(FIXTURES[name])
    assert decode(wire) == MESSAGES[name]
    # What an earlier version wrote, it can read: the same bytes reach it from here.
    assert encode(MESSAGES[name]) == wire


def test_not_now_is_what_it_was_when_it_came_to_schema_1() -> None:
    # Before it, this was a corruption: the update was kept and sent again.
    wire = bytes.fromhex(
        "84015871a5646b696e646f61636b6e6f776c656467656d656e7466726561736f6e782d626173655f7665727369"
        "6f6e3a203920697320696e20746865206675747572652c206e6577657374206973203766737461747573676e6f"
        "742d6e6f77676d697373696e6780697570646174655f6964627531582081f2ab57a1385b4c172f8db0d86d7282"
        "bb37f2b74e34f66a30f90eb279671d5df6"
    )
    message = Acknowledgement(
        update_id="u1", status="not-now", reason="base_version: 9 is in the future, newest is 7"
    )
    assert decode(wire) == message
    assert encode(message) == wire
