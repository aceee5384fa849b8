"""Regimes that are small enough for a plain linear programme."""

from __future__ import annotations

from typing import Any

import pytest

from circadia.types import WakeOn
from circadia_lab.policy.regimes.regime import Regime, Stale
from circadia_lab.policy.regimes.shipped import STOCK_BOARD

SMALL: dict[str, Any] = {
    "body": STOCK_BOARD,
    "requests_a_day": 20.0,
    "deadline_s": 3600.0,
    "late": 0.05,
    "age": Stale(share=0.2, after_s=5400.0),
    "slot_s": 1800.0,
    "longest_s": 7200.0,
}


@pytest.fixture
def small() -> Regime:
    """A board that is woken any way."""
    return Regime(name="small", title="small", wakes_on=frozenset(WakeOn), **SMALL)
