from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circadia.errors import LocalProtocolError, RemoteProtocolError
from circadia.federation.codecs import BLOCK, CODECS, decode, encode, largest_payload

if TYPE_CHECKING:
    from numpy.typing import NDArray

vectors = hnp.arrays(
    np.float32, st.integers(1, 2500), elements=st.floats(-(2.0**99), 2.0**99, width=32), fill=st.just(0.0)
)


@given(vectors)
def test_int8_errs_by_half_a_step_at_most(x: NDArray[np.float32]) -> None:
    back = decode(encode(x), x.size)
    for start in range(0, x.size, BLOCK):
        block = x[start : start + BLOCK].astype(np.float64)
        step = max(np.abs(block).max() / 127, np.finfo(np.float32).smallest_subnormal)
        assert np.abs(block - back[start : start + BLOCK]).max() <= step / 2 * (1 + 1e-4)


@given(vectors)
def test_float32_is_exact(x: NDArray[np.float32]) -> None:
    assert decode(encode(x, "float32"), x.size, "float32").tobytes() == x.tobytes()


@given(vectors, st.sampled_from(CODECS))
def test_no_payload_is_larger_than_announced(x: NDArray[np.float32], codec: str) -> None:
    assert len(encode(x, codec)) <= largest_payload(x.size, codec)


@pytest.mark.parametrize("codec", CODECS)
def test_random_weights_stay_below_the_bound(codec: str) -> None:
    x = np.random.default_rng(1).normal(size=100_000).astype(np.float32)
    assert len(encode(x, codec)) <= largest_payload(x.size, codec)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e30])
def test_values_that_are_no_weights_are_refused(codec: str, bad: float) -> None:
    with pytest.raises(LocalProtocolError, match="NaN"):
        encode(np.array([0, bad], np.float32), codec)


@pytest.mark.parametrize("shape", [(0,), (2, 2)])
def test_only_flat_vectors_are_packed(shape: tuple[int, ...]) -> None:
    with pytest.raises(LocalProtocolError, match="shape"):
        encode(np.zeros(shape, np.float32))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 3000), st.sampled_from([*CODECS, "int4"]))
def test_random_bytes_are_refused(payload: bytes, parameters: int, codec: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(payload, parameters, codec)


@settings(max_examples=300)
@given(st.binary(min_size=5, max_size=400), st.sampled_from(CODECS))
def test_any_content_of_the_right_length_is_finite_or_refused(raw: bytes, codec: str) -> None:
    parameters = len(raw) - 4 if codec == "int8" else len(raw) // 4
    whole = raw if codec == "int8" else raw[: 4 * parameters]
    try:
        x = decode(zlib.compress(whole), parameters, codec)
    except RemoteProtocolError:
        return
    assert x.shape == (parameters,)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(CODECS))
def test_another_length_is_refused(parameters: int, expected: int, codec: str) -> None:
    payload = encode(np.ones(parameters, np.float32), codec)
    if parameters != expected:
        with pytest.raises(RemoteProtocolError, match="needs exactly"):
            decode(payload, expected, codec)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(100_000_000))
    with pytest.raises(RemoteProtocolError, match="needs exactly 14"):
        decode(bomb, 10)


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        decode(encode(np.ones(10, np.float32)) + b"x", 10)


@pytest.mark.parametrize("scale", [np.nan, np.inf, -1.0])
def test_a_scale_that_cannot_be_is_refused(scale: float) -> None:
    raw = np.array([scale], "<f4").tobytes() + bytes(10)
    with pytest.raises(RemoteProtocolError, match="scale"):
        decode(zlib.compress(raw), 10)
