"""The aggregator at work: protocol core, ledger and link together, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from circadia.errors import StoreError
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.aggregate.records import KeepUpdate, KeepVersion, PutOff
from circadia.federation.transport.link import LinkSettings, client_id
from circadia.federation.transport.mqtt import MqttLink
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.topics import AGGREGATOR

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from random import Random

    import numpy as np
    from numpy.typing import NDArray

    from circadia.federation.aggregate.ledger import Ledger
    from circadia.federation.transport.address import BrokerAddress

log = logging.getLogger(__name__)

Report = KeepUpdate | KeepVersion | PutOff | Corruption | StoreError
"""What an aggregator's owner hears: a verdict and a version once they are durable; what could not be used yet or was
no message; why nothing can be kept."""


class LedgerSink:
    """Keeps what the aggregator wants kept, and reports it once it is durable."""

    def __init__(self, ledger: Ledger, report: Callable[[Report], None]) -> None:
        self._ledger = ledger
        self._report = report
        self._kept: list[Report] = []

    def take(self, step: KeepUpdate | KeepVersion | PutOff | Corruption) -> None:
        """Write what is to be kept, not yet durably: the aggregator can look it up."""
        if isinstance(step, KeepUpdate):
            self._ledger.keep_update(step.record)
        elif isinstance(step, KeepVersion):
            self._ledger.keep_version(step.version)
        self._kept.append(step)

    def commit(self) -> None:
        """Make durable what was taken."""
        if not self._kept:
            return
        self._ledger.commit()
        kept, self._kept = self._kept, []
        for step in kept:
            self._report(step)


class AggregatorService:
    """Runs an aggregator over a ledger and a broker in the caller's thread."""

    def __init__(
        self,
        *,
        address: BrokerAddress,
        ledger: Ledger,
        settings: AggregatorSettings,
        initial_weights: NDArray[np.float32],
        stamp: Callable[[float], float],
        random: Random,
        report: Callable[[Report], None] = lambda _report: None,
        link_settings: LinkSettings | None = None,
        store_pause_s: float = 5.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """A new ledger starts from `initial_weights`; `stamp` turns the monotonic clock into the federation's time.

        `tls` encrypts the connection. `StoreError` for a ledger of another federation.
        """
        self.address = address
        self.ledger = ledger
        self.settings = settings
        self._stamp = stamp
        self._random = random
        self._report = report
        self._link_settings = link_settings or LinkSettings(most_inflight=20)
        self._store_pause_s = store_pause_s
        self._tls = tls
        self._stopped = threading.Event()
        self._link: MqttLink | None = None
        ledger.claim(settings.federation)
        if ledger.newest() is None:
            ledger.keep_version(first_version(initial_weights, stamp(time.monotonic())))
            ledger.commit()

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self._link is not None and self._link.connected

    def run(self) -> None:
        """Serve until `stop`.

        When the ledger cannot be written, the connection is dropped, nothing is acknowledged, and after a pause the
        aggregator starts again from what the ledger holds, as after a SIGKILL.
        """
        while not self._stopped.is_set():
            try:
                self._run_once()
            except StoreError as error:
                log.warning("%s", error)
                self._report(error)
                self._stopped.wait(self._store_pause_s)

    def stop(self) -> None:
        """Have `run` return. Safe in a signal handler."""
        self._stopped.set()
        if self._link is not None:
            self._link.stop()

    def _run_once(self) -> None:
        newest = self.ledger.newest()
        if newest is None:
            raise StoreError(f"{self.ledger.path}: holds no version any more; restore the file")
        aggregator = Aggregator(
            settings=self.settings,
            version=newest,
            buffered=self.ledger.buffered(),
            verdicts=self.ledger.verdict,
            stamp=self._stamp,
        )
        self._link = MqttLink(
            address=self.address,
            client_id=client_id(self.settings.federation, AGGREGATOR),
            endpoint=aggregator,
            sink=LedgerSink(self.ledger, self._report),
            random=self._random,
            settings=self._link_settings,
            tls=self._tls,
        )
        if self._stopped.is_set():
            self._link.stop()
        self._link.run()
