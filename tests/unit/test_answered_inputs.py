from __future__ import annotations

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.serving.feedback import AnsweredInputs


def x(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(3, value, np.float32)


def test_a_label_takes_the_input_out_once() -> None:
    kept = AnsweredInputs(capacity=4)
    kept.remember(7, x(7), t_s=1.0)
    found = kept.label(7)
    assert found is not None
    assert found.tolist() == [7, 7, 7]
    assert kept.label(7) is None
    assert (len(kept), kept.dropped) == (0, 0)


def test_the_oldest_goes_first_and_is_counted() -> None:
    kept = AnsweredInputs(capacity=2)
    for number in range(5):
        kept.remember(number, x(number), t_s=float(number))
    assert [number for number in range(5) if kept.label(number) is not None] == [3, 4]
    assert kept.dropped == 3


def test_nothing_is_kept_longer_than_agreed() -> None:
    kept = AnsweredInputs(capacity=9, keep_s=60)
    kept.remember(1, x(1), t_s=0)
    kept.remember(2, x(2), t_s=60)
    assert len(kept) == 2
    kept.remember(3, x(3), t_s=61)
    assert kept.label(1) is None
    assert (len(kept), kept.dropped) == (2, 1)


def test_an_id_is_answered_once() -> None:
    kept = AnsweredInputs(capacity=2)
    kept.remember(1, x(1), t_s=0)
    with pytest.raises(ConfigError, match="request 1 was answered already"):
        kept.remember(1, x(2), t_s=1)


@pytest.mark.parametrize(("capacity", "keep_s"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_limits_must_be_positive(capacity: int, keep_s: float) -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        AnsweredInputs(capacity, keep_s)
