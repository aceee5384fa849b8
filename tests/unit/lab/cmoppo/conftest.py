"""Everything here compiles lightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@pytest.fixture(autouse=True)
def _quick(lightly: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    with lightly():
        yield
