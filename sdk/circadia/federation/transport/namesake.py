"""Another client of the same name: a broker lets in one of the two and throws out the other, again and again.

MQTT 3.1.1 does not say why a connection ended. But each client leaves a retained status under its name, which holds a
number that it drew for itself. Who comes back and finds another's in the place of its own has a namesake.
"""

from __future__ import annotations

FEW = 32
"""Statuses of its own that a client remembers."""


class Namesakes:
    """What a client finds on its own status topic."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.in_a_row = 0
        """Connections in a row, up to now, before which another client of this name had been there."""
        self._own: dict[bytes, None] = {}
        self._returns = False
        """Whether this client was connected before."""
        self._listens = False
        """Whether nothing was heard on this connection yet."""

    def sent(self, payload: bytes) -> None:
        """This client leaves a status, or has it left when the connection ends."""
        self._own.pop(payload, None)
        self._own[payload] = None
        if len(self._own) > FEW:
            del self._own[next(iter(self._own))]

    def connected(self) -> None:
        """A connection begins."""
        self._listens = self._returns
        self._returns = True

    def heard(self, payload: bytes) -> bool:
        """The first status on a connection tells who was there before it: True if a namesake was.

        On the first connection it is that of an earlier run, or nobody's.
        """
        if not self._listens:
            return False
        self._listens = False
        self.in_a_row = 0 if payload in self._own else self.in_a_row + 1
        return self.in_a_row > 0
