"""The device's half of sending updates: a window of them on the way, each until its verdict is known."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from circadia.errors import LocalProtocolError
from circadia.federation.device.events import DeviceEvent, UpdateAcknowledged, UpdatePutOff, UpdatesHeld
from circadia.federation.device.rejections import Rejections
from circadia.federation.wire.assembly import count, piece
from circadia.federation.wire.effects import Effect, Publish
from circadia.federation.wire.messages import (
    ACCEPTED,
    INCOMPLETE,
    LARGEST_PAYLOAD,
    NOT_NOW,
    UpdateChunk,
    encode,
)
from circadia.federation.wire.topics import UpdateTopic, build

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from circadia.federation.device.patience import Patience
    from circadia.federation.wire.messages import Acknowledgement
    from circadia.types import ModelUpdate

WINDOW = 4
"""Updates on the way at once: it bounds what the aggregator has to hold for one device."""
MOST_JUDGED = 64
"""Verdicts that are remembered: several times what a device's spool holds."""


_UNKNOWN_DIGEST = bytes(32)


@dataclass(slots=True, kw_only=True)
class _Upload:
    update: ModelUpdate
    digest: bytes
    """SHA-256 of the payload."""
    attempts: int = 0
    due_s: float = math.inf
    """When it is sent (again); infinite while it waits for its turn or for the link."""
    put_off: int = 0
    """How often the aggregator said *not now*."""
    not_before_s: float = -math.inf
    """Until then it is put off, whatever happens to the link."""


class Uploads:
    """Sends updates in the order they were made; sends again what nobody acknowledged.

    After several in a row were rejected for the same reason, one is tried now and again, and the others wait.
    """

    def __init__(
        self,
        *,
        federation: str,
        device: str,
        patience: Patience,
        identity: str = "",
        rejected: Sequence[str] = (),
    ) -> None:
        """`identity`: of the task that all updates are for; `rejected`: see `Rejections`."""
        self._federation = federation
        self._device = device
        self._identity = identity
        self._patience = patience
        self._rejections = Rejections(patience, rejected)
        self._held = False
        """Whether none is sent until the rejections' pause is over."""
        self._waiting: dict[str, _Upload] = {}
        self._judged: deque[str] = deque(maxlen=MOST_JUDGED)
        """The updates whose verdicts came last: one that the device did not keep comes again, and counts no more."""
        self._online = False
        self._open = False
        """Whether updates may be sent: the aggregator is there, or nobody knows."""
        self._blind_s = math.inf
        """When they are sent all the same."""

    @property
    def due_s(self) -> float:
        """When `tick` has something to do."""
        if not self._waiting:
            return math.inf
        if self._held:
            return self._rejections.until_s if self._open else self._blind_s
        return min(self._blind_s, *(upload.due_s for upload in self._waiting.values()))

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def put_off(self) -> int:
        """Updates that the aggregator could not read or use so far."""
        return sum(upload.put_off > 0 for upload in self._waiting.values())

    def check(self, update: ModelUpdate) -> None:
        """`LocalProtocolError` for an update that no message can carry. Reads nothing that changes."""
        encode(self._chunk(update, _UNKNOWN_DIGEST, 0))

    def add(self, updates: Sequence[ModelUpdate], now_s: float) -> tuple[Effect, ...]:
        """Take updates over; those that are on their way already change nothing.

        `LocalProtocolError` for one that cannot be sent; then none of them is taken.
        """
        new = [update for update in updates if update.update_id not in self._waiting]
        for update in new:
            self.check(update)
        for update in new:
            upload = _Upload(update=update, digest=sha256(update.payload).digest())
            self._waiting[update.update_id] = upload
        return self._fill(now_s)

    def connected(self, now_s: float) -> None:
        """The link is up: wait to hear whether the aggregator is there, and not for ever."""
        self._online = True
        self._hold(now_s + self._patience.chunk_s)

    def disconnected(self) -> None:
        """The link is down: wait."""
        self._online = False
        self._hold(math.inf)

    def aggregator(self, present: bool, now_s: float) -> tuple[Effect, ...]:
        """The aggregator came or went; what was on its way to one that went may be lost."""
        self._hold(now_s + self._patience.longest_s)
        return self._go(now_s) if present else ()

    def _hold(self, until_s: float) -> None:
        self._open = False
        self._blind_s = until_s
        for upload in self._waiting.values():
            upload.due_s = math.inf
            upload.attempts = 0

    def _go(self, now_s: float) -> tuple[Effect, ...]:
        self._open = True
        self._blind_s = math.inf
        return self._fill(now_s)

    def hear(self, ack: Acknowledgement, now_s: float) -> tuple[Effect | DeviceEvent, ...]:
        """A verdict, a *not now*, or the numbers of the chunks that the aggregator lacks."""
        upload = self._waiting.get(ack.update_id)
        if ack.status == INCOMPLETE:
            wanted = upload is not None and self._online and not self._held
            return self._send(upload, ack.missing, now_s) if upload and wanted else ()
        if ack.status == NOT_NOW:
            return self._put_off(upload, ack.reason, now_s) if upload else ()
        self._waiting.pop(ack.update_id, None)
        verdict = UpdateAcknowledged(
            update_id=ack.update_id, accepted=ack.status == ACCEPTED, reason=ack.reason
        )
        first = upload is not None and ack.update_id not in self._judged
        held = self._judge(verdict, now_s) if first else ()
        return (verdict, *held, *self._fill(now_s))

    def _judge(self, verdict: UpdateAcknowledged, now_s: float) -> tuple[DeviceEvent, ...]:
        """What a verdict, heard for the first time, means for the updates behind it."""
        self._judged.append(verdict.update_id)
        rejections = self._rejections
        before = rejections.held
        if verdict.accepted:
            rejections.accepted()
        elif pause_s := rejections.rejected(verdict.reason, now_s):
            self._held = True
            for upload in self._waiting.values():
                upload.due_s = math.inf
            return (UpdatesHeld(reason=verdict.reason, rejected=rejections.in_a_row, retry_s=pause_s),)
        if before and not rejections.held:
            self._held = False
            return (UpdatesHeld(reason=""),)
        return ()

    def _put_off(self, upload: _Upload, reason: str, now_s: float) -> tuple[Effect | DeviceEvent, ...]:
        """Try again after a pause that grows; the updates behind it go first."""
        if upload.not_before_s > now_s:
            return ()  # the pause answers what was sent, not how often the answer came
        pause_s = self._patience.put_off_s(upload.put_off)
        upload.put_off += 1
        upload.attempts = 0
        upload.not_before_s = now_s + pause_s
        upload.due_s = upload.not_before_s if self._open and not self._held else math.inf
        event = UpdatePutOff(update_id=upload.update.update_id, reason=reason, retry_s=pause_s)
        return (event, *self._fill(now_s))

    def tick(self, now_s: float) -> tuple[Effect, ...]:
        """Send again what is due; try without a word from the aggregator when none came for long."""
        if self._held and self._open and now_s >= self._rejections.until_s:
            return self._fill(now_s)
        blind = self._go(now_s) if now_s >= self._blind_s else ()
        due = [upload for upload in self._waiting.values() if upload.due_s <= now_s]
        return (*blind, *(effect for upload in due for effect in self._send(upload, None, now_s)))

    def _on_way(self, upload: _Upload) -> bool:
        return math.isfinite(upload.due_s)

    def _fill(self, now_s: float) -> tuple[Effect, ...]:
        """Send what has its turn: the oldest few of those that are not put off."""
        self._held = self._rejections.holds(now_s)
        if not self._open or self._held:
            return ()
        for upload in self._waiting.values():
            if upload.not_before_s > now_s:
                upload.due_s = upload.not_before_s
        ready = [upload for upload in self._waiting.values() if upload.not_before_s <= now_s]
        window = 1 if self._rejections.held else WINDOW
        turn = [upload for upload in ready[:window] if not self._on_way(upload)]
        return tuple(effect for upload in turn for effect in self._send(upload, None, now_s))

    def _send(self, upload: _Upload, chunks: Iterable[int] | None, now_s: float) -> tuple[Effect, ...]:
        upload.due_s = now_s + self._patience.wait_s(self._patience.acknowledgement_s, upload.attempts)
        upload.attempts += 1
        upload.not_before_s = -math.inf
        chunks_there = count(len(upload.update.payload))
        if chunks is not None:
            wanted = [chunk for chunk in chunks if chunk < chunks_there]
        else:
            # One chunk asks whether the time has come; then the aggregator names what it lacks.
            wanted = [0] if upload.put_off else list(range(chunks_there))
        return tuple(self._publish(upload, chunk) for chunk in wanted)

    def _publish(self, upload: _Upload, chunk: int) -> Publish:
        topic = UpdateTopic(device=self._device, update_id=upload.update.update_id, chunk=chunk)
        message = self._chunk(upload.update, upload.digest, chunk)
        return Publish(topic=build(self._federation, topic), payload=encode(message))

    def _chunk(self, update: ModelUpdate, digest: bytes, chunk: int) -> UpdateChunk:
        if not 0 < len(update.payload) <= LARGEST_PAYLOAD:
            raise LocalProtocolError(
                f"update {update.update_id}: {len(update.payload)} bytes, allowed are 1 to {LARGEST_PAYLOAD}"
            )
        return UpdateChunk(
            device=self._device,
            update_id=update.update_id,
            task=update.task,
            base_version=update.base_version,
            examples=update.examples,
            codec=update.codec,
            created_s=float(update.created_s),
            sha256=digest,
            size=len(update.payload),
            chunks=count(len(update.payload)),
            chunk=chunk,
            data=piece(update.payload, chunk),
            identity=self._identity,
        )
