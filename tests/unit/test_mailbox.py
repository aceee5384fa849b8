"""What a full mailbox drops."""

from __future__ import annotations

from circadia.federation.device.events import Corruption, UpdateAcknowledged, UpdatesHeld
from circadia.federation.transport.mailbox import Mailbox


def test_whether_updates_are_held_is_never_lost() -> None:
    mailbox = Mailbox(limit=2, ring=None)
    mailbox.take(UpdatesHeld(reason="norm: 12"))
    mailbox.take(UpdatesHeld(reason=""))
    for number in range(5):
        mailbox.take(UpdateAcknowledged(update_id=f"u{number}", accepted=True))
    mailbox.take(Corruption(what="noise"))
    found = mailbox.drain()
    assert [event for event in found if isinstance(event, UpdatesHeld)] == [UpdatesHeld(reason="")]
    assert len(found) == 2
    assert mailbox.dropped == 5
