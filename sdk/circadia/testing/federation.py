"""What every `Federation` promises: a device's link, with a federation behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged
from circadia.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from circadia.federation.device.events import DeviceEvent
    from circadia.ports import Federation
    from circadia.types import ModelUpdate

COMES_S = 30.0
"""So long something that has to come is waited for."""
NEVER_BLOCKS_S = 0.5
QUIET_S = 0.5


class FederationContract(Contract):
    """Inherit it and say how a link is made to a federation that has published a version, and accepts updates."""

    def make(self) -> Federation:
        """A link of a new device, online."""
        raise NotImplementedError

    def update(self) -> ModelUpdate:
        """One that the federation accepts."""
        raise NotImplementedError

    def end(self) -> None:
        """Close the link and all that is behind it."""

    @pytest.fixture
    def link(self) -> Iterator[Federation]:
        """Ended after the test."""
        try:
            yield self.make()
        finally:
            self.end()

    def test_the_newest_version_is_announced_and_fetched_on_request(self, link: Federation) -> None:
        seen = _until(link, lambda event: isinstance(event, ManifestSeen))
        assert not any(isinstance(event, ModelArrived) for event in seen)
        link.request((), pull=True)
        arrived = _until(link, lambda event: isinstance(event, ModelArrived))[-1]
        assert isinstance(arrived, ModelArrived)
        assert arrived.version >= 1
        assert np.isfinite(arrived.weights).all()

    def test_an_update_gets_its_verdict_once(self, link: Federation) -> None:
        update = self.update()
        for _ in range(2):  # what is on its way already may be named again
            link.request((update,), pull=False)
        verdict = _until(link, lambda event: isinstance(event, UpdateAcknowledged))[-1]
        assert isinstance(verdict, UpdateAcknowledged)
        assert (verdict.update_id, verdict.accepted) == (update.update_id, True)

    def test_offline_waits_and_goes_on_online(self, link: Federation) -> None:
        link.set_online(False)
        time.sleep(QUIET_S)
        link.poll()
        link.request((self.update(),), pull=True)
        time.sleep(QUIET_S)
        assert not any(isinstance(e, ModelArrived | UpdateAcknowledged) for e in link.poll())
        link.set_online(True)
        _until(link, lambda event: isinstance(event, UpdateAcknowledged))

    def test_it_says_whether_the_federation_can_be_reached(self, link: Federation) -> None:
        _until(link, lambda event: isinstance(event, ManifestSeen))
        assert (link.connected, link.trouble) == (True, "")
        link.set_online(False)
        end_s = time.monotonic() + COMES_S
        while link.connected and time.monotonic() < end_s:
            time.sleep(0.01)
        assert not link.connected

    def test_nothing_blocks(self, link: Federation) -> None:
        update = self.update()
        for call in (
            lambda: link.request((update,), pull=True),
            lambda: link.set_online(False),
            lambda: link.request((update,), pull=True),
            lambda: link.poll(),
            lambda: link.set_online(True),
        ):
            began_s = time.monotonic()
            call()
            assert time.monotonic() - began_s < NEVER_BLOCKS_S

    def test_what_was_polled_is_not_polled_again(self, link: Federation) -> None:
        events = _until(link, lambda event: isinstance(event, ManifestSeen))
        time.sleep(QUIET_S)
        assert not [event for event in link.poll() if event in events]


def _until(link: Federation, wanted: Callable[[DeviceEvent], bool]) -> list[DeviceEvent]:
    """Everything up to the first wanted event."""
    found: list[DeviceEvent] = []
    end_s = time.monotonic() + COMES_S
    while time.monotonic() < end_s:
        for event in link.poll():
            found.append(event)
            if wanted(event):
                return found
        time.sleep(0.01)
    pytest.fail(f"waited {COMES_S:g} s in vain; there came {found}")
