"""`jax.numpy` with a sine and a cosine that XLA computes for several devices at a time on a CPU, in float32.

Its own are calls of the C library, one for each device, and again wherever a fusion repeats them: a quarter of a tick.

    sin x = (−1)ᵏ · sin r,   r = x − k π in [−π/2, π/2],   sin r = r − r³/3! + r⁵/5! − …

k π is subtracted in two parts (Cody and Waite, 1980). Absolute errors are below 3e-7 for |x| up to 100. Everything else
is `jax.numpy`'s.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

_HIGH = 3.140625
"""π with so few digits that small multiples of it are exact, and the rest."""
_LOW = math.pi - _HIGH
_TAYLOR = tuple((-1) ** i / math.factorial(2 * i + 1) for i in range(6))


def __getattr__(name: str) -> Any:
    return getattr(jnp, name)


def sin(x: Any) -> Any:
    """(…,) radians → (…,)"""
    return _turned(x, jnp.rint(x / math.pi), 0.0)


def cos(x: Any) -> Any:
    """(…,) radians → (…,): the sine a quarter of a turn later."""
    return -_turned(x, jnp.floor(x / math.pi), 0.5)


def _turned(x: Any, k: Any, half: float) -> Any:
    """(−1)ᵏ · sin(x − (k + half) π)"""
    r = x - (k + half) * _HIGH - (k + half) * _LOW
    sign = 1 - 2 * (k - 2 * jnp.floor(k / 2))
    square, total = r * r, _TAYLOR[-1]
    for coefficient in _TAYLOR[-2::-1]:
        total = total * square + coefficient
    return sign * r * total
