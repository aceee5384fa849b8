"""The newest version on the broker: announced, sent in pieces, put right where the broker lacks or contradicts it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from circadia.federation.codecs import FLOAT32, largest_payload
from circadia.federation.codecs import encode as pack
from circadia.federation.wire import boundary
from circadia.federation.wire.assembly import cut
from circadia.federation.wire.effects import Publish
from circadia.federation.wire.messages import CHUNK, Manifest, ModelChunk, encode
from circadia.federation.wire.topics import ManifestTopic, ModelTopic, build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.federation.aggregate.records import Version
    from circadia.federation.wire.corruption import Corruption
    from circadia.federation.wire.messages import Want

MOST_ECHOES = 16
"""Announcements that are remembered, for the broker sends them back."""
VERSIONS_ON_BROKER = 3
"""The current version and the two before it: for devices in the middle of a pull."""


class Publishing:
    """One version at a time. `now_s` never runs backwards."""

    def __init__(
        self, *, federation: str, task: str, repeat_s: float, version: Version, identity: str = ""
    ) -> None:
        """Nothing is sent again sooner than `repeat_s`, in seconds."""
        self._federation = federation
        self._task = task
        self._identity = identity
        self._repeat_s = repeat_s
        self._announced: deque[Manifest] = deque(maxlen=MOST_ECHOES)
        self._repeated_s: dict[int, float] = {}
        """By chunk of the version, -1 for the manifest: when it was repeated."""
        self.take(version)

    def take(self, version: Version) -> None:
        """This one is the newest from now on; `whole` publishes it."""
        packed = pack(version.weights, FLOAT32)
        self._number, self._parameters = version.number, int(version.weights.size)
        self._chunks = cut(packed)
        self._repeated_s.clear()
        self._manifest = Manifest(
            task=self._task,
            version=version.number,
            published_s=version.published_s,
            parameters=self._parameters,
            sha256=sha256(packed).digest(),
            size=len(packed),
            chunks=len(self._chunks),
            codec=FLOAT32,
            identity=self._identity,
        )

    def whole(self) -> tuple[Publish, ...]:
        """Chunks first, so that whoever hears of the version finds it; then what nobody needs any more goes."""
        chunks = (self._chunk(chunk) for chunk in range(len(self._chunks)))
        return (*chunks, self._announcement(), *self._clear_old())

    def hear_want(self, want: Want, now_s: float) -> tuple[Publish, ...]:
        """Repair what the broker lacks. Who wants another version gets the manifest, and wants this one then."""
        if want.version != self._number:
            return self._announced_again(now_s)
        wanted = [
            chunk for chunk in want.chunks if chunk < len(self._chunks) and self._may_repeat(chunk, now_s)
        ]
        return tuple(self._chunk(chunk) for chunk in wanted)

    def hear_manifest(self, manifest: Manifest | None, now_s: float) -> tuple[Publish | Corruption, ...]:
        """What is announced in this aggregator's name, or cleared: what it did not say is put right."""
        if manifest in self._announced:
            return ()
        again = self._announced_again(now_s)
        if manifest is None or manifest.version < self._number or self._is_earlier_self(manifest):
            return again  # cleared, or kept by the broker from before a crash or an upgrade
        topic = build(self._federation, ManifestTopic())
        why = (
            f"version {manifest.version} was announced by somebody else; this aggregator is at {self._number}"
        )
        return (boundary.corruption(topic, why), *again)

    def _is_earlier_self(self, manifest: Manifest) -> bool:
        """Whether release 0.1 announced the same version, which said no identity."""
        return not manifest.identity and replace(manifest, identity=self._identity) == self._manifest

    def _chunk(self, chunk: int) -> Publish:
        message = ModelChunk(version=self._number, chunk=chunk, data=self._chunks[chunk])
        return self._retain(ModelTopic(version=self._number, chunk=chunk), encode(message))

    def _announcement(self) -> Publish:
        if self._manifest not in self._announced:
            self._announced.append(self._manifest)
        return self._retain(ManifestTopic(), encode(self._manifest))

    def _announced_again(self, now_s: float) -> tuple[Publish, ...]:
        return (self._announcement(),) if self._may_repeat(-1, now_s) else ()

    def _clear_old(self) -> Iterable[Publish]:
        old = self._number - VERSIONS_ON_BROKER
        if old < 1:
            return ()
        # How many chunks it had is not remembered; no version has more than this.
        most = -(-largest_payload(self._parameters, FLOAT32) // CHUNK)
        return [self._retain(ModelTopic(version=old, chunk=chunk), b"") for chunk in range(most)]

    def _retain(self, topic: ManifestTopic | ModelTopic, payload: bytes) -> Publish:
        return Publish(topic=build(self._federation, topic), payload=payload, retain=True)

    def _may_repeat(self, what: int, now_s: float) -> bool:
        if now_s < self._repeated_s.get(what, -math.inf) + self._repeat_s:
            return False
        self._repeated_s[what] = now_s
        return True
