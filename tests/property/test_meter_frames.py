"""The frame codec against any bytes: nothing is invented, nothing whole is lost, memory stays bounded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from circadia_meter.events import Corrupt, Happening, OtherVersion, Samples, Unknown
from circadia_meter.frames import LONGEST, VERSION, Decoder, Kind, frame

HEAD = bytes([VERSION, Kind.EVENT]) + bytes(10)
happenings = st.binary(min_size=5, max_size=5).map(lambda rest: frame(HEAD + rest))
bodies = st.binary(max_size=LONGEST - 5)


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(happenings, min_size=1, max_size=8), st.lists(st.integers(0, 10**6), max_size=12))
def test_cut_anywhere_the_same_events_come(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    decoder = Decoder()
    found = [event for piece in in_pieces(data, cuts) for event in decoder.receive(piece)]
    assert found == Decoder().receive(data)
    assert len(found) == len(frames)


@given(bodies)
def test_a_frame_has_one_zero_and_it_is_last(body: bytes) -> None:
    made = frame(body)
    assert made.index(0) == len(made) - 1 <= LONGEST


@given(bodies.filter(lambda body: len(body) >= 2))
def test_any_whole_body_is_read_or_named(body: bytes) -> None:
    (event,) = Decoder().receive(frame(body))
    if body[0] != VERSION:
        assert event == OtherVersion(version=body[0])
    elif body[1] not in {Kind.HELLO, Kind.SAMPLES, Kind.REPLY, Kind.PONG, Kind.EVENT}:
        assert event == Unknown(kind=body[1])


@given(st.lists(happenings, min_size=2, max_size=6), st.data())
def test_a_changed_byte_costs_its_frame_and_at_most_a_neighbour(
    frames: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(b"".join(frames))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    intact = [event for event in Decoder().receive(b"".join(frames)) if isinstance(event, Happening)]
    found = [event for event in Decoder().receive(bytes(whole) + b"\0") if isinstance(event, Happening)]
    assert all(event in intact for event in found)
    assert len(found) >= len(frames) - 2


@given(st.lists(st.binary(max_size=2000), max_size=20))
def test_noise_is_never_more_than_corrupt_and_keeps_no_memory(pieces: list[bytes]) -> None:
    decoder = Decoder()
    for piece in pieces:
        for event in decoder.receive(piece):
            assert isinstance(event, Corrupt | Unknown | OtherVersion)
        assert len(decoder._rest) <= LONGEST
    decoder.receive(b"\0")
    assert len(decoder.receive(frame(HEAD + bytes(5)))) == 1


@given(st.lists(st.integers(1, 16), min_size=1, max_size=12))
def test_runs_of_sample_frames_come_together(counts: list[int]) -> None:
    data = b"".join(
        frame(bytes([VERSION, Kind.SAMPLES, 1, 0]) + bytes(42) + np.full(2 * count, index, "<u2").tobytes())
        for index, count in enumerate(counts)
    )
    events = Decoder().receive(data)
    assert all(isinstance(event, Samples) for event in events)
    assert [int(n) for event in events for n in event.count] == counts  # type: ignore[union-attr]
    changes = sum(a != b for a, b in pairwise(counts))
    assert len(events) == changes + 1
