"""What a tick of fixed length may do: the catalogue from when a tick did one kind of work, a stable part of today's."""

from __future__ import annotations

from circadia.actions import FIRST_ACTIONS, facts_of

CATALOGUE = FIRST_ACTIONS
FACTS = facts_of(CATALOGUE)
NAMES = FACTS.names
INDEX = {name: place for place, name in enumerate(NAMES)}
