"""What formulas over an array module need, for one number at a time: on a device a dozen calls into NumPy cost more than all else.

x = Row(values.tolist());   due(x, xp=PlainNumbers)
"""

from __future__ import annotations

import math
from typing import Any


class Row(list[float]):
    """(features,) values, taken as arrays' last axes are: `row[..., i]`."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key[1])


class PlainNumbers:
    """A module of NumPy's functions, of plain numbers."""

    inf = math.inf
    minimum, maximum = staticmethod(min), staticmethod(max)
    isnan, isfinite = staticmethod(math.isnan), staticmethod(math.isfinite)
    sqrt, floor, arctan2 = staticmethod(math.sqrt), staticmethod(math.floor), staticmethod(math.atan2)

    @staticmethod
    def where(condition: Any, one: Any, other: Any) -> Any:
        """One of them."""
        return one if condition else other

    @staticmethod
    def clip(x: Any, low: Any, high: Any) -> Any:
        """Between the two."""
        return min(max(x, low), high)

    @staticmethod
    def logical_not(x: Any) -> bool:
        """As Python has it: `~True` is −2."""
        return not x

    @staticmethod
    def asarray(x: Any, kind: Any = None) -> Any:
        """The number."""
        return x if kind is None else kind(x)

    @staticmethod
    def stack(numbers: list[Any], axis: int = 0) -> list[Any]:
        """A list, along the one axis that there is."""
        del axis
        return numbers
