"""What every `Platform` promises; each implementation adds itself to `PLATFORMS`."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from circadia.actions import CATALOGUE, LOCAL_STEPS, SERVE_LIMIT, SLEEP
from circadia.energy.profile_file import shipped_profile
from circadia.observation import DAY_S, TABLE, values
from circadia.physics.scenario import scenario_for
from circadia.platforms.linux import LinuxPlatform
from circadia.platforms.simulated import SimulatedPlatform
from circadia.types import Action, Load, Mode, Observation, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.ports import Platform

START_S = 9 * 3600.0


def simulated(name: str) -> Callable[[], Platform]:
    profile = shipped_profile(name)
    return lambda: SimulatedPlatform(profile, scenario_for(profile), seed=5)


PLATFORMS: dict[str, Callable[[], Platform]] = {
    "simulated pixel-3": simulated("pixel-3"),
    "simulated fairphone-4": simulated("fairphone-4"),
    "simulated pi-solar": simulated("pi-solar"),
    "linux, this machine": lambda: LinuxPlatform(shipped_profile("pi-solar"), mains=True),
}
AGENTS = {
    "queue_length",
    "queue_age_s",
    "queue_slack_s",
    "fresh_examples",
    "fresh_age_s",
    "unsent_examples",
    "spooled_updates",
    "versions_behind",
    "model_age_s",
}
WORK = {Load.SERVE_LOW, Load.SERVE_HIGH, Load.TRAIN_LOW, Load.TRAIN_HIGH}


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> Platform:
    return PLATFORMS[request.param]()


def units_of(action: Action) -> int:
    limits = {Mode.TRAIN: LOCAL_STEPS, Mode.SERVE: SERVE_LIMIT, Mode.SLEEP: {}}[action.mode]
    return limits.get(action.work, 0)


def test_observations_lie_in_their_ranges_or_are_nan(platform: Platform) -> None:
    for tick in range(5):
        for feature, value in zip(TABLE, values(platform.observe(START_S + 300 * tick)), strict=True):
            assert math.isnan(value) or feature.low <= value <= feature.high, feature.name


def test_the_agents_own_fields_stay_open(platform: Platform) -> None:
    observation = platform.observe(START_S)
    assert all(math.isnan(getattr(observation, name)) for name in AGENTS)
    assert {f.name for f in fields(Observation)} >= AGENTS


def test_time_since_the_last_look_is_told(platform: Platform) -> None:
    platform.observe(START_S)
    observation = platform.observe(START_S + 42.5)
    assert math.isnan(observation.dt_s) or observation.dt_s == pytest.approx(42.5)


def test_looking_twice_at_once_changes_nothing(platform: Platform) -> None:
    platform.observe(START_S)
    first, second = platform.observe(START_S + 60), platform.observe(START_S + 60)
    for name in ("battery_soc", "link", "user_active", "charging"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), nan_ok=True)


def test_every_device_can_sleep(platform: Platform) -> None:
    assert platform.supports(SLEEP)
    assert all(isinstance(platform.supports(action), bool) for action in CATALOGUE)


def test_phases_are_the_actions_own_and_positive(platform: Platform) -> None:
    for action in CATALOGUE:
        if not platform.supports(action):
            continue
        phases = platform.phases(action, units_of(action), 100_000 if action.syncs else 0)
        assert all(phase.duration_s > 0 for phase in phases)
        own = set() if action.mode is Mode.SLEEP else {Load[f"{action.mode.name}_{action.clock.name}"]}
        loads = {phase.load for phase in phases}
        assert loads & WORK == own, action.name
        assert (Load.RADIO in loads) == (action.syncs), action.name


def test_more_work_and_more_bytes_never_take_less_time(platform: Platform) -> None:
    for action in CATALOGUE:
        if action.mode is Mode.SLEEP or not platform.supports(action):
            continue
        lengths = [
            sum(phase.duration_s for phase in platform.phases(action, units, sync_bytes))
            for units, sync_bytes in ((1, 0), (2, 0), (8, 0), (8, 1000), (8, 10**6))
        ]
        assert lengths == sorted(lengths), action.name


def test_work_is_paid_for_and_never_fills_the_battery(platform: Platform) -> None:
    platform.observe(START_S)
    platform.spend((Phase(load=Load.TRAIN_HIGH, duration_s=60.0),))
    observation = platform.observe(START_S + 60)
    assert math.isnan(observation.battery_soc) or 0 <= observation.battery_soc <= 1


def test_spending_nothing_is_allowed(platform: Platform) -> None:
    platform.observe(START_S)
    platform.spend(())
    platform.observe(START_S + 1)


def test_local_time_is_a_time_of_day(platform: Platform) -> None:
    for now_s in (0.0, START_S, DAY_S, 3.5 * DAY_S, 1.7e9):
        assert 0 <= platform.local_time_s(now_s) < DAY_S
    day = platform.local_time_s(START_S + DAY_S) - platform.local_time_s(START_S)
    assert day == pytest.approx(0, abs=1e-3)
