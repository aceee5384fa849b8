from __future__ import annotations

import sys
from pathlib import Path

import pytest

from circadia.errors import ConfigError, PlatformUnavailable
from circadia_lab.bench.morl import LEAST_S, VARIABLE, Pace, budget_s
from circadia_lab.bench.policy_training import OWN, TUNED
from circadia_lab.policy.rivals.process import run_rival


@pytest.fixture(autouse=True)
def _our_own_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails fails alike in any environment."""
    monkeypatch.setattr("circadia_lab.policy.rivals.process.rivals_python", lambda: Path(sys.executable))


def test_a_program_that_fails_says_its_last_words() -> None:
    with pytest.raises(PlatformUnavailable, match=r"rivals\.nothing .*failed: .*No module named"):
        run_rival("nothing", "--much")


@pytest.mark.parametrize(("said", "seconds"), [("", 120.0), ("90", 90.0), ("1e3", 1000.0)])
def test_budget_is_what_the_variable_says(said: str, seconds: float) -> None:
    assert budget_s(said) == seconds


@pytest.mark.parametrize("said", ["soon", "nan", "inf", "-1", "5"])
def test_budget_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match=f"{VARIABLE}={said}.*{LEAST_S:g} at least"):
        budget_s(said)


def test_pace_leaves_room_for_compiling() -> None:
    assert Pace(fixed_s=30.0, steps_per_s=1000.0).steps(100.0) == 60_000
    assert Pace(fixed_s=300.0, steps_per_s=1000.0).steps(100.0) == 1


def test_every_way_of_running_the_rival_is_told_apart() -> None:
    names = [rival.name for rival in (*OWN, *TUNED)]
    assert len(set(names)) == len(names)
    assert {rival.variant for rival in OWN} == {"defaults", "batched"}
