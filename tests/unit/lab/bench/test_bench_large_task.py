from __future__ import annotations

import pytest

from circadia.federation.transport.broker import find_mosquitto
from circadia_lab.bench.large_task import PARAMETERS, measure


@pytest.mark.slow
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_a_task_of_a_million_parameters_trains_uploads_and_is_answered() -> None:
    figures = {name: float(value or 0) for name, value in measure().items()}
    assert figures["parameters"] == PARAMETERS == 1_010_850
    assert 0.1 < figures["update_mb"] < 1.1
    # The model travels and is kept as float32: 4 MB each for base and weights, the interpreters' copies beside them.
    assert figures["device_mb"] < 400
    assert figures["aggregator_mb"] < 300
