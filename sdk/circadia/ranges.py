"""Ranges that the numbers of a configuration must keep; the error names section, key and value. And what is a number."""

from __future__ import annotations

import math
from numbers import Integral, Real

from circadia.errors import ConfigError


def positive(section: str, **numbers: float) -> None:
    """Above 0 and finite."""
    for name, number in numbers.items():
        if not (number > 0 and math.isfinite(number)):
            raise ConfigError(f"{section}.{name} is {number}; it must be positive and finite")


def not_negative(section: str, **numbers: float) -> None:
    """0 or above."""
    for name, number in numbers.items():
        if not number >= 0:
            raise ConfigError(f"{section}.{name} is {number}; it must not be negative")


def is_whole(number: object) -> bool:
    """Whether it is a whole number, NumPy's included; `True` and 2.0 are none."""
    return not isinstance(number, bool) and isinstance(number, Integral)


def is_real(number: object) -> bool:
    """Whether it is a number that is not NaN; infinity is one, `True` is none."""
    return not isinstance(number, bool) and isinstance(number, Real) and not math.isnan(number)
