"""A device's link: its protocol core, its mailbox and the connection to the broker, behind a thread."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from circadia.errors import ConnectionLost
from circadia.federation.transport.link import client_id
from circadia.federation.transport.mailbox import Mailbox
from circadia.federation.transport.mqtt import MqttLink

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from random import Random

    from circadia.federation.device.endpoint import DeviceEndpoint
    from circadia.federation.device.events import DeviceEvent
    from circadia.federation.transport.address import BrokerAddress
    from circadia.federation.transport.link import LinkSettings
    from circadia.traffic import Traffic
    from circadia.types import ModelUpdate

log = logging.getLogger(__name__)


class DeviceLink:
    """A device's side of the federation behind a thread of its own. No method but `close` waits."""

    def __init__(
        self,
        *,
        address: BrokerAddress,
        endpoint: DeviceEndpoint,
        random: Random,
        settings: LinkSettings | None = None,
        on_event: Callable[[], None] | None = None,
        most_events: int = 256,
        online: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`on_event` is called on the link's thread when `poll` has something; let it only set a flag.

        `tls` encrypts the connection.
        """
        self._endpoint = endpoint
        self._mailbox = Mailbox(most_events, on_event)
        self._failure: BaseException | None = None
        self.link = MqttLink(
            address=address,
            client_id=client_id(endpoint.federation, endpoint.device_id),
            endpoint=endpoint,
            sink=self._mailbox,
            random=random,
            settings=settings,
            online=online,
            tls=tls,
        )
        self._thread = threading.Thread(
            target=self._run, name=f"federation-{endpoint.device_id}", daemon=True
        )
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self.link.connected

    @property
    def trouble(self) -> str:
        """Why there is no connection, or who else has this device's name; empty: all is well."""
        return self.link.trouble

    @property
    def dropped(self) -> int:
        """Messages, requests and events lost to full queues; the protocol makes up for all of them in time."""
        return self.link.dropped + self._mailbox.dropped

    @property
    def traffic(self) -> Traffic:
        """What went out and came in so far."""
        return self.link.traffic

    def request(self, push: Sequence[ModelUpdate], pull: bool) -> None:
        """Send these updates until each has its verdict; with `pull`, fetch the newest model.

        Without a connection it waits for one. Updates that are on their way already may be named again.
        `LocalProtocolError` for an update that no message can carry.
        """
        updates = tuple(push)
        for update in updates:
            self._endpoint.check(update)
        self.link.post(lambda now_s: self._on_request(updates, pull, now_s))

    def poll(self) -> list[DeviceEvent]:
        """What happened since the last call; `ConnectionLost` when the link's thread has died of an error."""
        if self._failure is not None:
            raise ConnectionLost(
                f"federation link to {self.link.address} has stopped; restart the agent"
            ) from self._failure
        return self._mailbox.drain()

    def set_online(self, online: bool) -> None:
        """False leaves the broker in order and stays away: the device's radio is off."""
        self.link.set_online(online)

    def close(self, timeout_s: float = 5.0) -> None:
        """Say farewell and end the thread. Updates without a verdict stay in the agent's spool."""
        self.link.stop()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning(
                "link to %s did not end within %g s; it ends with the process", self.link.address, timeout_s
            )

    def _on_request(self, push: tuple[ModelUpdate, ...], pull: bool, now_s: float) -> tuple[Any, ...]:
        steps = self._endpoint.push(push, now_s)
        return (*steps, *(self._endpoint.pull(now_s) if pull else ()))

    def _run(self) -> None:
        try:
            self.link.run()
        except BaseException as error:
            self._failure = error
            raise
