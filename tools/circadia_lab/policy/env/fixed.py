"""What a tick of fixed length may do and sees: catalogue and observations of format 1, a stable part of today's each."""

from __future__ import annotations

from typing import Any

import numpy as np

from circadia.actions import FIRST_ACTIONS, facts_of
from circadia.observation import TABLE as TODAYS
from circadia.observation import Encoder

CATALOGUE = FIRST_ACTIONS
FACTS = facts_of(CATALOGUE)
NAMES = FACTS.names
INDEX = {name: place for place, name in enumerate(NAMES)}
TABLE = TODAYS[:26]
"""Without what a device remembers of late."""
WIDTH = 2 * len(TABLE)
SEEN = np.arange(len(TODAYS)) < len(TABLE)
"""(features of today,) those among it; in a batch with other ones the rest are NaN."""
_encode = Encoder(TABLE)


def encode(values: Any, xp: Any = np) -> Any:
    """(…, features of today) values → (…, WIDTH) int8 of those of the table."""
    return _encode(values[..., : len(TABLE)], xp)
