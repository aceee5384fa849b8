"""Ticks, plans, bundles and periods whose truth is known."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.types import Load
from circadia_field.bundle import ENDED, STARTED, Bundle, begin
from circadia_field.plan import AGAIN, Plan, freeze
from circadia_field.ticks import Ticks
from circadia_lab.field.analysis.period_figures import PeriodFigures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WATTS = {Load.DEEP_SLEEP: 0.02, Load.WAKE_UP: 0.4, Load.SERVE_HIGH: 1.1, Load.TRAIN_LOW: 0.36}


def known_ticks(count: int, seed: int, *, noise_j: float = 0.02, warm: float = 0.0) -> Ticks:
    """Of three actions in random order; `warm`: how much of a tick's surplus the next one draws, too."""
    rng = np.random.default_rng(seed)
    action = rng.choice(["sleep", "serve/high/small", "train/low/large"], count)
    load_s = np.zeros((count, len(Load)))
    load_s[:, Load.WAKE_UP] = rng.uniform(0.1, 0.5, count)
    load_s[:, Load.SERVE_HIGH] = np.where(action == "serve/high/small", rng.uniform(0.5, 2, count), 0)
    load_s[:, Load.TRAIN_LOW] = np.where(action == "train/low/large", rng.uniform(3, 8, count), 0)
    load_s[:, Load.DEEP_SLEEP] = 10 - load_s.sum(axis=1)
    noise = rng.normal(0, noise_j, count)
    for k in range(1, count):
        noise[k] += warm * noise[k - 1]
    return Ticks(
        t_s=10.0 * np.arange(count),
        duration_s=np.full(count, 10.0),
        action=action,
        load_s=load_s,
        energy_j=load_s @ [WATTS.get(load, 0.0) for load in Load] + noise,
        gap_s=np.zeros(count),
        bound_j=np.full(count, 0.003),
        served=np.zeros(count, np.int64),
        source="measured",
        unsettled=0,
    )


@pytest.fixture
def ticks() -> Callable[..., Ticks]:
    """Makes them."""
    return known_ticks


@pytest.fixture
def watts() -> dict[Load, float]:
    """The truth in them."""
    return WATTS


METER = {"meter": "serial", "device_id": "0000abcd", "firmware": "1.0", "shunt_ohm": 0.1}


def make_plan(**changes: Any) -> Plan:
    """Of two arms, six pairs each."""
    values: dict[str, Any] = {
        "arms": {"a": "threshold", "b": "drift-plus-penalty"}, "effect": 0.3, "agent_share": 0.5, "noise": 0.03, "pairs": 6,
    }  # fmt: skip
    return Plan(**(values | changes))


def make_bundle(folder: Path, plan: Plan | None = None) -> Bundle:
    """One that has just begun; its plan stays in a draft beside it."""
    draft, profile = folder.parent / "draft.json", folder.parent / "profile.toml"
    freeze(plan or make_plan(), draft)
    profile.write_text("profile")
    about = {"task": "t", "virtual": "", "versions": {"circadia": "1"}, "machine": "m"}
    return begin(folder, draft, "[agent]\n", {"profile.toml": profile}, about)


def make_periods(
    plan: Plan, watts: dict[str, float] | None = None, *, noise: float = 0.01, **changes: Any
) -> tuple[PeriodFigures, ...]:
    """All of a plan: `watts` of the device by arm, 0.1 of them at rest; `changes` of the first arm's A/B periods."""
    rng = np.random.default_rng(5)
    ticks = known_ticks(20, 0)
    found = []
    for place, period in enumerate(plan.schedule()):
        drawn_w = (watts or {"a": 0.2, "b": 0.4})[period.arm.removesuffix(AGAIN)]
        device_w = drawn_w * float(np.exp(rng.normal(0, noise)))
        one = PeriodFigures(
            place=place, period=period, ticks=ticks, count_s=0.0, seconds=200.0, lost_share=0.0, device_w=device_w,
            battery_w=device_w, rest_w=0.1, clocks_w=1e-5, asked_s=3600.0, asked=100, served=100, right=90,
            latency_p95_s=2.0 + rng.normal(0, 0.01), data_age_s=60.0 + rng.normal(0, 0.1), model_age_s=float("nan"),
            soc=(0.8, 0.7), temperature_c=25.0, true_w=float("nan"), meter=METER, errors=0,
        )  # fmt: skip
        ours = period.arm == plan.first_arm and period.phase == "ab"
        found.append(dataclasses.replace(one, **changes) if ours else one)
    return tuple(found)


def make_log(periods: tuple[PeriodFigures, ...]) -> list[dict[str, Any]]:
    """That all went well at the first attempt."""
    return [
        entry
        for one in periods
        for entry in (
            {"event": STARTED, "period": one.place, "attempt": 1, "meter": dict(one.meter)},
            {"event": ENDED, "period": one.place, "attempt": 1, "void": False},
        )
    ]


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Makes them."""
    return make_plan


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """One that has just begun."""
    return make_bundle(tmp_path / "test")


@pytest.fixture
def periods() -> Callable[..., tuple[PeriodFigures, ...]]:
    """Makes them."""
    return make_periods


@pytest.fixture
def log_of() -> Callable[..., list[dict[str, Any]]]:
    """Makes it."""
    return make_log
