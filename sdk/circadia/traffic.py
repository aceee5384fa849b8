"""What went over a federation's link, counted where it goes out and comes in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Since the link was made. Bytes are of topics and payloads, without the transport's own headers and keep-alives."""

    sent_bytes: int = 0
    received_bytes: int = 0
    messages: int = 0
    """That were sent."""
    other_messages: int = 0
    """Of those, such as are no change to the model, no question for one and no sign of life: a device sends nothing else, so
    that an example could only be in one of these."""

    def less(self, earlier: Traffic) -> Traffic:
        """What was added since then."""
        return Traffic(
            sent_bytes=self.sent_bytes - earlier.sent_bytes,
            received_bytes=self.received_bytes - earlier.received_bytes,
            messages=self.messages - earlier.messages,
            other_messages=self.other_messages - earlier.other_messages,
        )
