from __future__ import annotations

import math
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from circadia.observation import COLUMN, TABLE, WIDTH, encode, values
from circadia.types import Observation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

F = len(TABLE)
anything = arrays.arrays(np.float32, F, elements=st.floats(width=32, allow_nan=True, allow_infinity=True))


def exact(x: Array) -> Array:
    """The formula of the module's docstring, in double precision and one number at a time."""

    def one(value: float, low: float, high: float, scale: float) -> float:
        if not math.isfinite(value):
            return 0.0
        z, a, b = (math.log1p(v / scale) if scale else v for v in (min(max(value, low), high), low, high))
        return 127 * (2 * (z - a) / (b - a) - 1)

    return np.array([one(float(v), f.low, f.high, f.scale) for v, f in zip(x, TABLE, strict=True)])


@given(anything)
def test_encoding_is_the_documented_formula(x: Array) -> None:
    q = encode(x)
    assert q.dtype == np.int8
    assert q.shape == (WIDTH,)
    # Single precision may fall to the other side of a tie.
    np.testing.assert_allclose(q[:F], exact(x), atol=0.501)
    np.testing.assert_array_equal(q[F:], np.where(np.isfinite(x), 127, -127))


@given(st.lists(anything, min_size=1, max_size=4))
def test_batches_encode_row_by_row(rows: list[Array]) -> None:
    batch = np.array(rows).reshape(1, -1, F)
    np.testing.assert_array_equal(encode(batch)[0], np.array([encode(row) for row in rows]))


def test_the_array_module_is_the_arguments() -> None:
    # What JAX has to offer for the lab, and no more.
    used = ("isfinite", "fmax", "minimum", "log1p", "rint", "where", "concatenate", "int8")
    module = SimpleNamespace(**{name: getattr(np, name) for name in used})
    x = np.linspace(0, 1, F, dtype=np.float32)
    np.testing.assert_array_equal(encode(x, module), encode(x))


def test_ends_and_absence() -> None:
    low, high = (np.array([getattr(f, end) for f in TABLE], np.float32) for end in ("low", "high"))
    assert set(encode(low)[:F].tolist()) == {-127}
    assert set(encode(high)[:F].tolist()) == {127}
    assert encode(np.full(F, np.nan, np.float32)).tolist() == [0] * F + [-127] * F


def test_values_follow_the_table() -> None:
    assert tuple(f.name for f in fields(Observation)) == tuple(f.name for f in TABLE)
    x = values(replace(Observation(), battery_soc=0.5, queue_length=3.0))
    assert x[COLUMN["battery_soc"]] == 0.5
    assert x[COLUMN["queue_length"]] == 3
    assert np.isnan(x[COLUMN["dt_s"]])
