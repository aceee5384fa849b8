from __future__ import annotations

import dataclasses
from datetime import UTC
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.wire.messages import (
    CHUNK,
    LARGEST_MESSAGE,
    Acknowledgement,
    DamageError,
    Manifest,
    Message,
    ModelChunk,
    Status,
    UpdateChunk,
    Want,
    decode,
    decode_as,
    encode,
)

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
versions = st.integers(1, 2**31 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
digests = st.binary(min_size=32, max_size=32)
tasks = digests.map(bytes.hex)
chunk_lists = st.lists(st.integers(0, 1023), max_size=20).map(tuple)
scalars = st.booleans() | st.integers(-(2**62), 2**62) | finite | st.text(max_size=32)


@st.composite
def update_chunks(draw: st.DrawFn) -> UpdateChunk:
    size = draw(st.integers(1, 3 * CHUNK))
    chunks = -(-size // CHUNK)
    chunk = draw(st.integers(0, chunks - 1))
    return UpdateChunk(
        device=draw(ids),
        update_id=draw(ids),
        task=draw(tasks),
        base_version=draw(st.integers(0, 2**31 - 1)),
        examples=draw(st.integers(1, 10_000_000)),
        codec="int8",
        created_s=draw(finite),
        sha256=draw(digests),
        size=size,
        chunks=chunks,
        chunk=chunk,
        data=bytes(min(CHUNK, size - chunk * CHUNK)),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    size = draw(st.integers(1, 3 * CHUNK))
    return Manifest(
        task=draw(tasks),
        version=draw(versions),
        published_s=draw(finite),
        parameters=draw(st.integers(1, 10**6)),
        sha256=draw(digests),
        size=size,
        chunks=-(-size // CHUNK),
        codec=draw(st.sampled_from(["int8", "float32"])),
    )


verdicts = st.builds(
    Acknowledgement,
    update_id=ids,
    status=st.sampled_from(["accepted", "rejected"]),
    reason=st.text(max_size=512),
) | st.builds(
    Acknowledgement,
    update_id=ids,
    status=st.just("incomplete"),
    missing=st.lists(st.integers(0, 1023), min_size=1, max_size=20).map(tuple),
)
any_message: st.SearchStrategy[Message] = st.one_of(
    manifests(),
    update_chunks(),
    verdicts,
    st.builds(
        ModelChunk, version=versions, chunk=st.integers(0, 1023), data=st.binary(min_size=1, max_size=100)
    ),
    st.builds(Want, version=st.integers(0, 2**31 - 1), chunks=chunk_lists),
    st.builds(
        Status,
        device=ids,
        online=st.booleans(),
        details=st.dictionaries(st.text(min_size=1, max_size=32), scalars, max_size=16),
    ),
)


def seal(body: bytes, schema: int = 1, signature: object = None) -> bytes:
    return cbor2.dumps([schema, body, sha256(bytes([schema]) + body).digest(), signature])


def fields_of(message: Message) -> dict[str, Any]:
    kind: str = cbor2.loads(cbor2.loads(encode(message))[1])["kind"]
    return {"kind": kind, **{f.name: getattr(message, f.name) for f in dataclasses.fields(message)}}


WANT = Want(version=3, chunks=(1, 2))


@given(any_message)
def test_what_is_encoded_decodes_to_itself_within_the_limit(message: Message) -> None:
    wire = encode(message)
    assert len(wire) <= LARGEST_MESSAGE
    assert decode(wire) == message
    assert decode_as(type(message), wire) == message


def test_the_largest_update_chunk_fits_into_a_message() -> None:
    chunk = UpdateChunk(
        device="d" * 64, update_id="u" * 64, task="0" * 64, base_version=2**31 - 1, examples=10_000_000,
        codec="float32", created_s=1.1, sha256=bytes(32), size=1024 * CHUNK, chunks=1024, chunk=1023, data=bytes(CHUNK),
    )  # fmt: skip
    assert len(encode(chunk)) <= LARGEST_MESSAGE


@settings(max_examples=500)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_as_damage(wire: bytes) -> None:
    with pytest.raises(DamageError):
        decode(wire)


@settings(max_examples=500)
@given(st.binary(max_size=300), st.integers(0, 255))
def test_a_random_body_in_a_whole_envelope_is_refused(body: bytes, schema: int) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(seal(body, schema))


cbor_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(any_message, st.data())
def test_a_field_of_any_other_value_is_refused_or_was_allowed(message: Message, data: st.DataObject) -> None:
    values = fields_of(message)
    name = data.draw(st.sampled_from(sorted(values)))
    values[name] = data.draw(cbor_values)
    try:
        again = decode(seal(cbor2.dumps(values)))
    except RemoteProtocolError:
        return
    assert decode(encode(again)) == again


@given(any_message, st.data())
def test_damage_anywhere_is_found(message: Message, data: st.DataObject) -> None:
    wire = bytearray(encode(message))
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= data.draw(st.integers(1, 255))
    # A flipped bit in the head of the body's length and the like cannot pass either: the digest covers the body.
    with pytest.raises(DamageError):
        decode(bytes(wire))


@given(any_message, st.data())
def test_a_truncated_message_is_damage(message: Message, data: st.DataObject) -> None:
    wire = encode(message)
    with pytest.raises(DamageError):
        decode(wire[: data.draw(st.integers(0, len(wire) - 1))])


@given(any_message, st.data())
def test_a_missing_or_an_added_field_is_named(message: Message, data: st.DataObject) -> None:
    values = fields_of(message)
    name = data.draw(st.sampled_from(sorted(set(values) - {"kind"})))
    del values[name]
    with pytest.raises(RemoteProtocolError, match=name):
        decode(seal(cbor2.dumps(values)))
    with pytest.raises(RemoteProtocolError, match="surprise"):
        decode(seal(cbor2.dumps({**fields_of(message), "surprise": 1})))


def test_another_schema_is_refused_by_number() -> None:
    with pytest.raises(RemoteProtocolError, match="schema: 2"):
        decode(seal(b"whatever", schema=2))


def test_a_signature_has_its_place_and_waits_for_a_later_schema() -> None:
    body = cbor2.loads(encode(WANT))[1]
    with pytest.raises(RemoteProtocolError, match="signature"):
        decode(seal(body, signature=b"x" * 64))


def test_another_kind_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="want came where manifest"):
        decode_as(Manifest, encode(WANT))
    with pytest.raises(RemoteProtocolError, match="kind"):
        decode(seal(cbor2.dumps({"kind": "order", "version": 1})))


def test_oversize_is_refused_before_it_is_read() -> None:
    with pytest.raises(RemoteProtocolError, match="limit"):
        decode(bytes(LARGEST_MESSAGE + 1))


@pytest.mark.parametrize(
    "bad",
    [
        Want(version=-1),
        Want(version=1, chunks=(1024,)),
        Status(device="a/b", online=True),
        Status(device="a", online=True, details={"x": float("nan")}),
        Acknowledgement(update_id="u", status="perhaps"),
        Acknowledgement(update_id="u", status="incomplete"),
        Acknowledgement(update_id="u", status="accepted", missing=(1,)),
        ModelChunk(version=1, chunk=0, data=b""),
    ],
)
def test_our_own_mistakes_are_local(bad: Message) -> None:
    with pytest.raises(LocalProtocolError):
        encode(bad)
