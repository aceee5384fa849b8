from __future__ import annotations

import signal

import pytest

from circadia.ending import ending


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_ends_and_the_handlers_of_before_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ending() as ended:
        assert not ended.is_set()
        signal.raise_signal(number)
        assert ended.wait(5)
    assert signal.getsignal(number) is before
