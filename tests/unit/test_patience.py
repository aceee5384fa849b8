"""How long learning may wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.due import DueLimits
from circadia.errors import ConfigError
from circadia.observation import values
from circadia.policy.patience import STEPS, PatienceLaw
from circadia.types import Observation

LIMITS = DueLimits(fresh_limit_s=1800.0, contact_limit_s=3600.0)
LAW = PatienceLaw(usual_j=27.0, shortest_s=1.0, longest_s=1e6)
BOARD: dict[str, Any] = {"wake_up_j": 23.0, "radio_session_j": 4.0, "training_step_j": 4.0 / STEPS}


def seen(**fields: Any) -> Any:
    evenly = {f"preference_{name}": 1 / 3 for name in ("accuracy", "latency", "energy")}
    return values(Observation(**(evenly | {"recent_error": 0.04} | BOARD | fields)))


def test_a_usual_wake_waits_as_the_limits_say() -> None:
    assert LAW.of(seen(), LIMITS) == pytest.approx((1.0, 1.0))
    assert PatienceLaw(usual_j=0.0).of(seen(wake_up_j=900.0), LIMITS) == (1.0, 1.0)


@given(st.floats(0.01, 500), st.floats(0.01, 500), st.floats(0.11, 0.8), st.floats(0.04, 0.4))
def test_what_it_waits_costs_as_much_as_waking_for_it(
    wake_j: float, radio_j: float, energy: float, error: float
) -> None:
    accuracy = 0.9 - energy if energy < 0.7 else 0.1
    x = seen(
        wake_up_j=wake_j,
        radio_session_j=radio_j,
        preference_energy=energy,
        preference_accuracy=accuracy,
        recent_error=error,
    )
    waits_s = LIMITS.contact_limit_s * LAW.of(x, LIMITS).exchange
    lost = accuracy * max(error / 0.04, 1.0) * waits_s / LIMITS.contact_limit_s
    spent = energy * (wake_j + radio_j) / 27.0 * LIMITS.contact_limit_s / waits_s
    assert lost == pytest.approx(spent, rel=1e-3)


def test_errors_hasten_to_an_end() -> None:
    right, some, wrong = (LAW.of(seen(recent_error=e), LIMITS).training for e in (0.0, 0.16, 1.0))
    assert right == pytest.approx(1.0)
    assert some == pytest.approx(0.5)
    assert wrong == pytest.approx(0.3)


def test_a_charger_makes_joules_cheap() -> None:
    waits, charging = (LAW.of(seen(charging=c), LIMITS) for c in (False, True))
    assert np.array(charging) == pytest.approx(np.sqrt(LAW.charged_price) * np.array(waits))


def test_what_is_not_known_is_usual() -> None:
    nothing = values(Observation())
    assert LAW.of(nothing, LIMITS) == (1.0, 1.0)
    assert LAW.of(seen(training_step_j=np.nan, wake_up_j=0.0), LIMITS).training == 1.0


def test_it_stays_between_the_shortest_and_the_longest() -> None:
    law = replace(LAW, shortest_s=600.0, longest_s=7200.0)
    free = law.of(seen(wake_up_j=0.0, radio_session_j=0.0, training_step_j=0.0), LIMITS)
    assert (free.training * 1800, free.exchange * 3600) == pytest.approx((600, 600))
    dear = law.of(seen(wake_up_j=900.0), LIMITS)
    assert (dear.training * 1800, dear.exchange * 3600) == pytest.approx((7200, 7200))
    patient = DueLimits(fresh_limit_s=40_000.0, contact_limit_s=40_000.0)
    assert law.of(seen(), patient) == (1.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"usual_j": -1.0},
        {"usual_error": 0.0},
        {"most_haste": 0.0},
        {"most_haste": 1.5},
        {"shortest_s": 0.0},
        {"longest_s": 10.0},
        {"charged_price": -0.1},
        {"usual_j": float("nan")},
    ],
)
def test_numbers_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="patience: "):
        PatienceLaw(**wrong)
