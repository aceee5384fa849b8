"""What every `Platform` promises."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from circadia.actions import CATALOGUE, SLEEP, units_of
from circadia.observation import DAY_S, TABLE, values
from circadia.ports import PowersDown, wakes_on
from circadia.sensors import SENSORS
from circadia.testing.contract import Contract
from circadia.types import Load, Observation, Phase, Units, WakeOn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.ports import Platform

START_S = 9 * 3600.0
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
    "trained_age_s",
    "contact_age_s",
    "recent_error",
    "error_age_s",
    "requests_per_hour",
    "training_gain",
    "deadline_s",
    "wake_on_request",
}
"""Fields that the agent fills in."""
WORK = {Load.SERVE_LOW, Load.SERVE_HIGH, Load.TRAIN_LOW, Load.TRAIN_HIGH}


class PlatformContract(Contract):
    """Inherit it and say how a body is made that nobody has looked at yet."""

    start_s = START_S
    """The first look, on the agent's clock."""

    def make(self) -> Platform:
        """One that nobody has looked at yet."""
        raise NotImplementedError

    @pytest.fixture
    def platform(self) -> Iterator[Platform]:
        """Closed after the test."""
        made = self.make()
        yield made
        made.close()

    def test_observations_lie_in_their_ranges_or_are_nan(self, platform: Platform) -> None:
        for tick in range(5):
            row = values(platform.observe(self.start_s + 300 * tick))
            for feature, value in zip(TABLE, row, strict=True):
                assert math.isnan(value) or feature.low <= value <= feature.high, feature.name

    def test_the_agents_own_fields_stay_open(self, platform: Platform) -> None:
        observation = platform.observe(self.start_s)
        assert all(math.isnan(getattr(observation, name)) for name in AGENTS)
        assert {f.name for f in fields(Observation)} >= AGENTS

    def test_time_since_the_last_look_is_told(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        observation = platform.observe(self.start_s + 42.5)
        assert math.isnan(observation.dt_s) or observation.dt_s == pytest.approx(42.5)

    def test_looking_twice_at_once_changes_nothing(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        first, second = (platform.observe(self.start_s + 60) for _ in range(2))
        for name in ("battery_soc", "link", "user_active", "charging"):
            assert getattr(first, name) == pytest.approx(getattr(second, name), nan_ok=True)

    def test_it_foretells_or_has_a_stopwatch_that_runs(self, platform: Platform) -> None:
        if platform.stopwatch is not None:
            readings = [platform.stopwatch() for _ in range(1000)]
            assert readings == sorted(readings)
            assert all(math.isfinite(reading) for reading in readings)

    def test_it_says_where_it_looks(self, platform: Platform) -> None:
        assert all(isinstance(platform.looks_at(sensor.field), str) for sensor in SENSORS)

    def test_every_device_can_sleep(self, platform: Platform) -> None:
        assert platform.supports(SLEEP)
        assert all(isinstance(platform.supports(action), bool) for action in CATALOGUE)

    def test_phases_are_the_actions_own_and_positive(self, platform: Platform) -> None:
        for action in CATALOGUE:
            if not platform.supports(action):
                continue
            phases = platform.phases(action, units_of(action), 100_000 if action.syncs else 0)
            assert all(phase.duration_s > 0 for phase in phases)
            own = {work.load for work in action.works}
            loads = {phase.load for phase in phases}
            assert loads & WORK == own, action.name
            assert (Load.RADIO in loads) == action.syncs, action.name

    def test_more_work_and_more_bytes_never_take_less_time(self, platform: Platform) -> None:
        for action in CATALOGUE:
            if not action.works or not platform.supports(action):
                continue
            lengths = [
                sum(phase.duration_s for phase in platform.phases(action, Units(units, units), sync_bytes))
                for units, sync_bytes in ((1, 0), (2, 0), (8, 0), (8, 1000), (8, 10**6))
            ]
            assert lengths == sorted(lengths), action.name

    def test_work_is_paid_for_and_never_fills_the_battery(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        platform.spend((Phase(load=Load.TRAIN_HIGH, duration_s=60.0),))
        observation = platform.observe(self.start_s + 60)
        assert math.isnan(observation.battery_soc) or 0 <= observation.battery_soc <= 1

    def test_spending_nothing_is_allowed(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        platform.spend(())
        platform.observe(self.start_s + 1)

    def test_local_time_is_a_time_of_day(self, platform: Platform) -> None:
        for now_s in (0.0, self.start_s, DAY_S, 3.5 * DAY_S, 1.7e9):
            assert 0 <= platform.local_time_s(now_s) < DAY_S
        day = platform.local_time_s(self.start_s + DAY_S) - platform.local_time_s(self.start_s)
        assert day == pytest.approx(0, abs=1e-3)

    def test_it_says_what_ends_its_sleep(self, platform: Platform) -> None:
        able = wakes_on(platform)
        assert able
        assert able <= frozenset(WakeOn)
        assert wakes_on(platform) == able

    def test_it_sleeps_or_says_that_it_cannot(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        if not isinstance(platform, PowersDown):
            pytest.skip("it does not power down")
        for kind in wakes_on(platform):
            assert isinstance(
                platform.sleep(self.start_s, kind), bool
            )  # a time that has come: it is back at once
        platform.observe(self.start_s + 60)

    def test_it_may_be_closed_twice(self, platform: Platform) -> None:
        platform.observe(self.start_s)
        platform.close()
        platform.close()
