"""The device's half of fetching the model: manifest, chunks, what is missing, the whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from circadia.errors import RemoteProtocolError
from circadia.federation.codecs import decode, largest_payload
from circadia.federation.device.events import Corruption, DeviceEvent, ManifestSeen, ModelArrived
from circadia.federation.wire.assembly import Assembly
from circadia.federation.wire.effects import Effect, Publish, Subscribe, Unsubscribe
from circadia.federation.wire.messages import Manifest, Want, encode
from circadia.federation.wire.topics import WantTopic, build, model_filter

if TYPE_CHECKING:
    from circadia.federation.device.patience import Patience
    from circadia.federation.wire.messages import ModelChunk

Steps = tuple[Effect | DeviceEvent, ...]
MOST_DOUBTS = 6
"""Questions about one doubtful manifest, at most; then it has to be heard again by itself."""


class Download:
    """Knows the newest manifest; fetches that version when asked.

    Anybody may publish a manifest until there are signatures. One that goes back, to a lower version or to other
    weights under the same one, is doubted: the aggregator is asked, and when it says the same after a while, it is
    believed. So a late message changes nothing, and a forged high version does not hold the device for ever.
    """

    def __init__(
        self,
        *,
        federation: str,
        device: str,
        task_digest: str,
        identity: str,
        parameters: int,
        installed_version: int,
        patience: Patience,
    ) -> None:
        self.installed_version = installed_version
        self.wanted = False
        self.due_s = math.inf
        """When `tick` has something to do."""
        self._federation = federation
        self._device = device
        self._task = task_digest
        self._identity = identity
        self._parameters = parameters
        self._patience = patience
        self._manifest: Manifest | None = None
        self._newest = installed_version
        """The version that the aggregator is at, as far as is believed."""
        self._installed_digest = b""
        """Of the installed version, packed; empty when an earlier run installed it."""
        self._useless_digest = b""
        """Of a version that arrived whole and holds no weights: not fetched again."""
        self._doubted: Manifest | None = None
        self._doubted_s = math.inf
        """Since when."""
        self._active: Assembly | None = None
        self._attempts = 0
        self._online = False

    def connected(self, now_s: float) -> Steps:
        """The link is up: go on where it broke."""
        self._online = True
        self._attempts = 0
        if self._active is None or self._manifest is None:
            return self._begin(now_s)
        self._wait(now_s)
        return (Subscribe(pattern=self._pattern(self._manifest)),)

    def disconnected(self) -> None:
        """The link is down: keep the chunks that came."""
        self._online = False
        self.due_s = math.inf

    def pull(self, now_s: float) -> Steps:
        """Fetch the newest version, as soon as there is a link and a manifest; one that is here already is seen once more."""
        self.wanted = True
        if self._active:
            return ()
        steps = self._begin(now_s)
        if steps or not self._online or self._manifest is None or not self._has(self._manifest):
            return steps
        return (ManifestSeen(version=self._manifest.version, published_s=self._manifest.published_s),)

    def hear_manifest(self, manifest: Manifest, now_s: float) -> Steps:
        """A version was announced, perhaps once more. `RemoteProtocolError` for one that this device cannot use."""
        self._check(manifest)
        if self._goes_back(manifest) and not self._confirmed(manifest, now_s):
            what = f"manifest.version: {manifest.version} came after {self._newest}; the aggregator is asked"
            return (Corruption(what=what),)
        self._doubted = None
        seen = ManifestSeen(version=manifest.version, published_s=manifest.published_s)
        if manifest == self._manifest:
            return (seen,) if self._active else (seen, *self._begin(now_s))
        stop = self._stop()
        self._manifest = manifest
        self._newest = manifest.version
        return (seen, *stop, *self._begin(now_s))

    def _goes_back(self, manifest: Manifest) -> bool:
        if manifest.version != self._newest or self._manifest is None:
            return manifest.version < self._newest
        return manifest.sha256 != self._manifest.sha256

    def _confirmed(self, manifest: Manifest, now_s: float) -> bool:
        """Whether a doubtful manifest was heard before, long enough ago for a question and its answer."""
        if manifest == self._doubted:
            return now_s >= self._doubted_s + self._patience.chunk_s
        self._doubted, self._doubted_s = manifest, now_s
        if self._active is None and self._online:
            self._attempts = 0
            self._wait(now_s)
        return False

    def hear_chunk(self, version: int, chunk: ModelChunk, now_s: float) -> Steps:
        """A piece of a model; one that nobody waits for is ignored."""
        if self._active is None or self._manifest is None or version != self._manifest.version:
            return ()
        if chunk.version != version:
            raise RemoteProtocolError(f"model-chunk.version: {chunk.version} came in the topic of {version}")
        if self._active.add(chunk.chunk, chunk.data):
            self._attempts = 0
            self._wait(now_s)
        return self._finish(self._active, self._manifest) if self._active.complete else ()

    def tick(self, now_s: float) -> Steps:
        """Ask for what did not come, or whether the aggregator means what it said."""
        if now_s < self.due_s:
            return ()
        if self._active is not None and self._manifest is not None:
            in_vain = self._attempts > 1
            self._wait(now_s)
            chunks = self._want(Want(version=self._manifest.version, chunks=self._active.missing))
            # Asked before, or told otherwise: perhaps it is the manifest that is wrong.
            return (chunks, self._want(Want(version=0))) if in_vain or self._doubted else (chunks,)
        if not self._is_curious:
            self.due_s = math.inf
            return ()
        self._wait(now_s)
        return (self._want(Want(version=0)),)

    @property
    def _is_curious(self) -> bool:
        """Whether to ask for the manifest."""
        doubts = self._doubted is not None and self._attempts <= MOST_DOUBTS
        return doubts or (self.wanted and self._manifest is None)

    def _begin(self, now_s: float) -> Steps:
        if not self.wanted or not self._online:
            return ()
        if self._manifest is None:
            self._wait(now_s)
            return ()
        if self._has(self._manifest) or self._manifest.sha256 == self._useless_digest:
            self.wanted = False
            if self._doubted is None:
                self.due_s = math.inf
            return ()
        self._attempts = 0
        self._wait(now_s)
        self._active = Assembly(size=self._manifest.size, digest=self._manifest.sha256)
        return (Subscribe(pattern=self._pattern(self._manifest)),)

    def _has(self, manifest: Manifest) -> bool:
        same = self._installed_digest in {b"", manifest.sha256}
        return manifest.version == self.installed_version and same

    def _stop(self) -> Steps:
        active, self._active = self._active, None
        self.due_s = math.inf
        if active is None or self._manifest is None or not self._online:
            return ()
        return (Unsubscribe(pattern=self._pattern(self._manifest)),)

    def _finish(self, active: Assembly, manifest: Manifest) -> Steps:
        try:
            packed = active.payload()
        except RemoteProtocolError as error:
            # All chunks are missing again; the time-out asks for them. Perhaps it is the manifest that is wrong.
            what = Corruption(what=f"model version {manifest.version}: {error}")
            return (what, self._want(Want(version=0)))
        stop = self._stop()
        self.wanted = False
        try:
            weights = decode(packed, self._parameters, manifest.codec)
        except RemoteProtocolError as error:
            self._useless_digest = manifest.sha256
            return (*stop, Corruption(what=f"model version {manifest.version}: {error}"))
        self.installed_version, self._installed_digest = manifest.version, manifest.sha256
        arrived = ModelArrived(version=manifest.version, published_s=manifest.published_s, weights=weights)
        return (*stop, arrived)

    def _check(self, manifest: Manifest) -> None:
        if manifest.task != self._task:
            raise RemoteProtocolError(
                f"manifest.task: {manifest.task[:12]}…, this device learns {self._task[:12]}…; give both the same task"
            )
        if self._identity and manifest.identity not in {"", self._identity}:
            raise RemoteProtocolError(
                "manifest.identity: the federation learns this model with other labels or another input; "
                "give both the same task"
            )
        if manifest.parameters != self._parameters:
            raise RemoteProtocolError(
                f"manifest.parameters: {manifest.parameters}, the task has {self._parameters}"
            )
        if manifest.size > largest_payload(self._parameters, manifest.codec):
            raise RemoteProtocolError(
                f"manifest.size: {manifest.size} bytes are too many for {self._parameters} values"
            )

    def _wait(self, now_s: float) -> None:
        self.due_s = now_s + self._patience.wait_s(self._patience.chunk_s, self._attempts)
        self._attempts += 1

    def _want(self, want: Want) -> Publish:
        return Publish(topic=build(self._federation, WantTopic(device=self._device)), payload=encode(want))

    def _pattern(self, manifest: Manifest) -> str:
        return model_filter(self._federation, manifest.version)
