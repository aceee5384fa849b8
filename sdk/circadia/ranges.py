"""Ranges that the numbers of a configuration must keep; the error names section, key and value."""

from __future__ import annotations

import math

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
