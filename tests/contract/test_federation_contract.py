from __future__ import annotations

import itertools
import threading
from contextlib import ExitStack
from random import Random

import numpy as np
import pytest

from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.service import AggregatorService
from circadia.federation.codecs import encode
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.patience import Patience
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker, find_mosquitto
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.transport.link import LinkSettings
from circadia.testing.federation import FederationContract
from circadia.types import ModelUpdate

TASK, PARAMETERS = "ab" * 32, 500
WEIGHTS = np.linspace(-1, 1, PARAMETERS, dtype=np.float32)
FAST = LinkSettings(first_retry_s=0.05, longest_retry_s=0.2)


class DeviceLinkContract(FederationContract):
    ids = itertools.count()
    embedded: bool

    def make(self) -> DeviceLink:
        with ExitStack() as opened:
            broker = Broker(embedded=self.embedded)
            broker.start()
            opened.callback(broker.stop)
            address = BrokerAddress(host="127.0.0.1", port=broker.port)
            self._aggregate(address, opened)
            endpoint = DeviceEndpoint(
                device_id="phone",
                federation="home",
                task_digest=TASK,
                parameters=PARAMETERS,
                patience=Patience(chunk_s=0.5, acknowledgement_s=0.5, longest_s=2),
            )
            link = DeviceLink(address=address, endpoint=endpoint, random=Random(0), settings=FAST)
            opened.callback(link.close)
            self.opened = opened.pop_all()
        return link

    def _aggregate(self, address: BrokerAddress, opened: ExitStack) -> None:
        ledger = Ledger(self.folder / "ledger.db", task=TASK, parameters=PARAMETERS)
        opened.callback(ledger.close)
        service = AggregatorService(
            address=address,
            ledger=ledger,
            settings=AggregatorSettings(federation="home", task=TASK, buffer=100, gap_s=0.3),
            initial_weights=WEIGHTS,
            stamp=float,
            random=Random(1),
            report=lambda _: None,
            link_settings=FAST,
            store_pause_s=0.1,
        )
        thread = threading.Thread(target=service.run)
        thread.start()
        opened.callback(thread.join, 10)
        opened.callback(service.stop)

    def update(self) -> ModelUpdate:
        return ModelUpdate(
            update_id=f"{next(self.ids):032x}",
            task=TASK,
            base_version=1,
            examples=10,
            codec="int8",
            payload=encode(WEIGHTS / 100),
            created_s=0.0,
        )

    def end(self) -> None:
        self.opened.close()


@pytest.mark.slow
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
class TestDeviceLinkOverMosquitto(DeviceLinkContract):
    embedded = False


@pytest.mark.slow
class TestDeviceLinkOverIotcore(DeviceLinkContract):
    embedded = True
