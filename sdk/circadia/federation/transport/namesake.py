"""Another client of the same name: a broker lets in one of the two and throws out the other, again and again.

MQTT 3.1.1 does not say why a connection ended, and the two are never there together. So each leaves a retained claim, a
number that it drew for itself. Who comes back and finds another's in the place of its own has a namesake. It is not in the
status: brokers differ in whose last will they publish when one client takes another's place.
"""

from __future__ import annotations


class Namesakes:
    """What a client finds on the topic of its claim."""

    def __init__(self, status_topic: str, claim: bytes) -> None:
        self.topic = f"{status_topic}/claim"
        self.claim = claim
        self.in_a_row = 0
        """Connections in a row, up to now, before which another client of this name had been there."""
        self._returns = False
        """Whether this client was connected before."""
        self._listens = False
        """Whether nothing was heard on this connection yet."""

    def connected(self) -> None:
        """A connection begins."""
        self._listens = self._returns
        self._returns = True

    def heard(self, claim: bytes) -> bool:
        """The first claim on a connection is that of who was there before it: True if that was a namesake.

        On the first connection it is that of an earlier run, or nobody's; an empty one was withdrawn.
        """
        if not self._listens or not claim:
            return False
        self._listens = False
        self.in_a_row = 0 if claim == self.claim else self.in_a_row + 1
        return self.in_a_row > 0
