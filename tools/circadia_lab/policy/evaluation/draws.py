"""Chance that is the same for every policy: uniforms that belong to a device and a moment, not to a policy's ticks.

A tick's draws are a function of seed, device, copy, the period of time in which the tick begins and its number within
that period. So two policies meet the same bursts, users and clouds at the same time of the same day, however their
ticks fall; no key comes twice on one device's way, so each way by itself is as random as any.

    mix(z): z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;  z ^= z >> 27;  z *= 0x94D049BB133111EB;  z ^= z >> 31
    u = mix(mix(key) + i · 0x9E3779B97F4A7C15) / 2^64      (SplitMix64: Steele, Lea, Flood, OOPSLA 2014)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_LOW_BITS = np.uint64(11)


def keys(seed: int, devices: int, copies: range) -> Keys:
    """(devices, copies) a key for each; a copy's does not depend on which others are asked for."""
    start = mix(np.array([seed], np.uint64))
    by_device = mix(start + GOLDEN * np.arange(1, devices + 1, dtype=np.uint64))
    return mix(by_device[:, None] + GOLDEN * (1 + np.arange(copies.start, copies.stop, dtype=np.uint64)))


def moments(keys: Keys, period: Any, number: Any) -> Keys:
    """(…,) keys, numbers of periods and of ticks within them → (…,) keys of those moments."""
    return mix(mix(keys + np.asarray(period).astype(np.uint64)) + np.asarray(number).astype(np.uint64))


def uniforms(keys: Keys, count: int) -> NDArray[np.float64]:
    """(…,) keys → (…, count) numbers in [0, 1)."""
    mixed = mix(keys[..., None] + GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    drawn: NDArray[np.float64] = (mixed >> _LOW_BITS) * 2.0**-53
    return drawn


def mix(z: Keys) -> Keys:
    """SplitMix64's finaliser, modulo 2^64: a bijection."""
    z = (z ^ (z >> _SHIFTS[0])) * _FIRST
    z = (z ^ (z >> _SHIFTS[1])) * _SECOND
    return z ^ (z >> _SHIFTS[2])
