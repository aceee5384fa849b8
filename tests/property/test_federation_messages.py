from __future__ import annotations

import dataclasses
from datetime import UTC
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.wire import boundary, plain
from circadia.federation.wire.envelope import LARGEST_MESSAGE, DamageError
from circadia.federation.wire.messages import (
    CHUNK,
    Acknowledgement,
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
    status=st.sampled_from(["accepted", "rejected", "not-now"]),
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


plain_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
)
plain_values = st.recursive(
    plain_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_scalars, inner, max_size=4),
    max_leaves=8,
)
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


@given(plain_values)
def test_plain_items_are_let_through(value: object) -> None:
    plain.check(cbor2.dumps(value, canonical=True))
    plain.check(cbor2.dumps(value))


BIG = 1 << 20_000
NESTED = b"\x81" * 50_000 + b"\x00"
VICIOUS = {
    "a huge integer as kind": cbor2.dumps({"kind": BIG}),
    "a huge integer as key": cbor2.dumps({"kind": "want", "version": 1, BIG: 1}),
    "a huge integer as value": cbor2.dumps({"kind": "want", "version": BIG}),
    "a huge negative integer": cbor2.dumps({"kind": "want", "version": -BIG}),
    "deep nesting": NESTED,
    "deep nesting in a field": cbor2.dumps({"kind": "want", "version": 1})[:-1] + NESTED,
    "a long text": cbor2.dumps({"kind": "x" * 50_000}),
    "many items": cbor2.dumps({"kind": "want", "version": 1, "chunks": [0] * 50_000}),
    "a date out of time": cbor2.dumps({"kind": cbor2.CBORTag(1, 2**62)}),
    "a text that is no date": cbor2.dumps({"kind": cbor2.CBORTag(0, "never")}),
    "a fraction by nothing": cbor2.dumps({"kind": cbor2.CBORTag(30, [1, 0])}),
    "a huge decimal": cbor2.dumps({"kind": cbor2.CBORTag(4, [10**15, 1])}),
    "a huge binary fraction": cbor2.dumps({"kind": cbor2.CBORTag(5, [10**9, 1])}),
    "a broken regular expression": cbor2.dumps({"kind": cbor2.CBORTag(35, "(((")}),
    "a list that holds itself": b"\xa1\x64kind\xd8\x1c\x81\xd8\x1d\x00",
    "a reference to nothing": b"\xa1\x64kind\xd8\x1d\x05",
    "an array of endless length": b"\xa1\x64kind\x9f",
    "an array that claims 2^63 items": b"\xa1\x64kind\x9b\x7f" + b"\xff" * 7,
    "a text that claims 2^63 bytes": b"\xa1\x64kind\x7b\x7f" + b"\xff" * 7,
    "a text that is no UTF-8": b"\xa1\x64kind\x62\xff\xff",
    "a list as key": b"\xa2\x81\x01\x01\x64kind\x64want",
    "a map as key": b"\xa2\xa1\x01\x01\x01\x64kind\x64want",
    "not a map": cbor2.dumps([1]),
}


@pytest.mark.parametrize("name", sorted(VICIOUS))
@pytest.mark.parametrize("sealed", [True, False])
def test_vicious_bytes_are_refused_and_end_nothing(name: str, sealed: bool) -> None:
    wire = seal(VICIOUS[name]) if sealed else VICIOUS[name]
    with pytest.raises(RemoteProtocolError) as caught:
        decode(wire)
    assert len(str(caught.value)) < 300
    for topic in ("model/manifest", "ack/phone", "update/1/a/b/0"):
        heard = boundary.read("home", f"circadia/1/home/{topic}", wire)
        assert isinstance(heard, boundary.Unread)


@given(st.text(max_size=100), st.binary(max_size=100))
def test_whatever_comes_on_any_topic_is_read_without_an_error(topic: str, payload: bytes) -> None:
    for name in (topic, f"circadia/1/home/{topic}"):
        assert not isinstance(boundary.read("home", name, payload), boundary.Heard) or not payload


@pytest.mark.slow
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


REQUIRED = {
    "update_id",
    "status",
    "version",
    "chunk",
    "data",
    "device",
    "online",
    "task",
    "sha256",
    "size",
    "codec",
}


@given(any_message, st.data())
def test_a_missing_field_is_named_unless_an_older_version_may_lack_it(
    message: Message, data: st.DataObject
) -> None:
    values = fields_of(message)
    name = data.draw(st.sampled_from(sorted(set(values) & REQUIRED)))
    del values[name]
    with pytest.raises(RemoteProtocolError, match=name):
        decode(seal(cbor2.dumps(values)))


@given(any_message, st.dictionaries(plain_scalars, plain_values, max_size=5), st.binary(max_size=64))
def test_a_newer_message_that_says_it_is_readable_is_read(
    message: Message, more: dict[Any, Any], signature: bytes
) -> None:
    assume(not more.keys() & {"kind", *fields_of(message)})
    wire = seal(cbor2.dumps({**more, **fields_of(message)}), signature=signature)
    if len(wire) <= LARGEST_MESSAGE:
        assert decode(wire) == message


@given(any_message)
def test_an_older_message_that_lacks_what_has_a_default_is_read(message: Message) -> None:
    values = fields_of(message)
    defaults = {
        f.name: f.default for f in dataclasses.fields(message) if f.default is not dataclasses.MISSING
    }
    lacking = {name: value for name, value in values.items() if value != defaults.get(name, ...)}
    assert decode(seal(cbor2.dumps(lacking))) == message


@given(any_message, st.integers(2, 255) | st.just(0))
def test_a_message_that_only_another_version_reads_is_refused_by_number(
    message: Message, schema: int
) -> None:
    with pytest.raises(RemoteProtocolError, match=f"schema: {schema}") as caught:
        decode(seal(cbor2.dumps(fields_of(message)), schema=schema))
    assert not isinstance(caught.value, DamageError)


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
        Acknowledgement(update_id="u", status="not-now", missing=(1,)),
        Acknowledgement(update_id="u", status="accepted", missing=(1,)),
        ModelChunk(version=1, chunk=0, data=b""),
    ],
)
def test_our_own_mistakes_are_local(bad: Message) -> None:
    with pytest.raises(LocalProtocolError):
        encode(bad)
