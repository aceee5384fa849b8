"""The simulated body: one world for all arms, a meter that agrees with the battery, and a life after a crash."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from circadia.actions import SLEEP, action_named
from circadia.energy.battery import energy_j
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, MeterError, StoreError
from circadia.physics.scenario import BOARD, scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.kinds import SIMULATED, SimulatedConfig
from circadia.platforms.simulated import BODY, SimulatedMeter, SimulatedPlatform
from circadia.plugs import PlatformContext
from circadia.types import Link, Load, Observation, Phase, Source, Units

NINE_S = 9 * 3600.0
TRAIN = action_named("train/high/large")
WORLD = ("user_active", "link", "link_bytes_per_s", "cpu_load", "day_sine")


def body(name: str = "pixel-3", seed: int = 3, **options: Any) -> SimulatedPlatform:
    profile = shipped_profile(name)
    return SimulatedPlatform(profile, scenario_for(profile), seed, **options)


def charge_j(platform: SimulatedPlatform, observation: Observation) -> float:
    return float(energy_j(observation.battery_soc, platform.params.battery))


@pytest.mark.slow
def test_the_world_does_not_depend_on_what_the_device_does_or_when_it_looks() -> None:
    lazy, busy = body(), body(initial_soc=0.3)
    for tick in range(288):
        now_s = NINE_S + 300 * tick
        busy.observe(now_s - 113)
        one, other = lazy.observe(now_s), busy.observe(now_s)
        busy.spend(busy.phases(TRAIN, Units(steps=32), 0))
        assert [getattr(one, name) for name in WORLD] == [getattr(other, name) for name in WORLD]
        assert lazy.link == busy.link == lazy.link_at(now_s)


def test_the_sky_is_shared_too() -> None:
    one, other = body("pi-solar"), body("pi-solar")
    one.observe(NINE_S)
    other.observe(NINE_S)
    for tick in range(1, 40):
        one.observe(NINE_S + 100 * tick)
    assert one.observe(NINE_S + 4000).battery_soc == pytest.approx(other.observe(NINE_S + 4000).battery_soc)


def test_seeds_make_different_days_and_the_same_seed_the_same() -> None:
    def path(seed: int) -> list[float]:
        platform = body(seed=seed)
        return [platform.observe(NINE_S + 600 * tick).link for tick in range(80)]

    assert path(1) == path(1)
    assert path(1) != path(2)


def test_bedtimes_differ_between_devices() -> None:
    assert len({round(body(seed=seed).scenario.plug_in_s) for seed in range(5)}) == 5
    assert body("pi-solar").scenario == BOARD


@pytest.mark.parametrize("name", ["pixel-3", "pi-solar"])
def test_the_meter_sums_to_what_the_battery_lost(name: str) -> None:
    platform = body(name, initial_soc=0.6)
    meter = SimulatedMeter(platform)
    # at 02:00 there is no sun, and a phone that was put on its charger never is here
    platform.params = platform.params._replace(charge_w=np.float64(0), user_w=np.float64(0))
    start_s = 2 * 3600.0
    before = charge_j(platform, platform.observe(start_s))
    for tick in range(12):
        platform.spend(platform.phases(action_named("train/low/small/sync-int8"), Units(steps=8), 50_000))
        observation = platform.observe(start_s + 97.3 * (tick + 1))
    end_s = start_s + 97.3 * 12
    reading = meter.read(start_s, end_s)
    assert reading is not None
    assert reading.source is Source.SIMULATED
    assert reading.energy_j == pytest.approx(before - charge_j(platform, observation), abs=1e-6)
    assert reading.energy_j == pytest.approx(sum(reading.by_load.values()))
    assert reading.gap_s == 0
    assert reading.duration_s == pytest.approx(end_s - start_s)
    by_tick = [meter.read(start_s + 97.3 * k, start_s + 97.3 * (k + 1)) for k in range(12)]
    assert sum(r.energy_j for r in by_tick if r) == pytest.approx(reading.energy_j, rel=1e-9)


def test_the_meter_knows_the_loads_of_a_part_of_a_phase() -> None:
    platform = body()
    meter = SimulatedMeter(platform)
    platform.params = platform.params._replace(co_running_saving=np.float64(0))
    platform.observe(NINE_S)
    platform.spend((Phase(load=Load.TRAIN_HIGH, duration_s=100.0), Phase(load=Load.RADIO, duration_s=10.0)))
    assert meter.read(NINE_S, NINE_S + 1) is None
    platform.observe(NINE_S + 200)
    reading = meter.read(NINE_S + 50, NINE_S + 120)
    assert reading is not None
    assert reading.by_load == pytest.approx(
        {Load.TRAIN_HIGH: 50 * 1.123, Load.RADIO: 10 * 1.02, Load.DEEP_SLEEP: 10 * 0.0216}
    )


@pytest.mark.slow
def test_the_meter_flags_time_before_the_first_look_and_forgets_old_days() -> None:
    platform = body("pi-solar")
    meter = SimulatedMeter(platform)
    platform.observe(NINE_S)
    platform.observe(NINE_S + 100)
    early = meter.read(NINE_S - 50, NINE_S + 50)
    assert early is not None
    assert early.gap_s == pytest.approx(50)
    for hours in range(1, 110):
        platform.spend((Phase(load=Load.AWAKE, duration_s=1.0),))
        platform.observe(NINE_S + 3600 * hours)
    forgotten = meter.read(NINE_S, NINE_S + 100)
    assert forgotten is not None
    assert forgotten.gap_s == pytest.approx(100)
    assert forgotten.energy_j == 0
    with pytest.raises(MeterError, match="asked for the time"):
        meter.read(NINE_S + 1, NINE_S)


def test_phases_longer_than_the_tick_run_on() -> None:
    platform = body()
    meter = SimulatedMeter(platform)
    platform.observe(NINE_S)
    platform.spend((Phase(load=Load.SERVE_HIGH, duration_s=90.0),))
    platform.observe(NINE_S + 30)
    platform.spend((Phase(load=Load.RADIO, duration_s=5.0),))
    platform.observe(NINE_S + 200)
    reading = meter.read(NINE_S + 30, NINE_S + 200)
    assert reading is not None
    assert reading.by_load[Load.SERVE_HIGH] == pytest.approx(60 * 1.123)
    assert reading.by_load[Load.RADIO] == pytest.approx(5 * 1.02)


def test_a_killed_process_goes_on_where_its_body_was() -> None:
    whole, first = body(), body()
    for platform in (whole, first):
        platform.observe(NINE_S)
        platform.spend((Phase(load=Load.TRAIN_HIGH, duration_s=400.0),))
        platform.observe(NINE_S + 100)
    saved = json.loads(json.dumps(first.snapshot()))
    second = body(initial_soc=0.1)
    second.restore(saved)
    ours, theirs = second.observe(NINE_S + 900), whole.observe(NINE_S + 900)
    for name in BODY:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-9), name
    assert ours.dt_s == 800


def test_a_stored_tick_is_enough_to_go_on() -> None:
    whole, later = body(), body(initial_soc=0.1)
    seen = whole.observe(NINE_S)
    spent = whole.phases(TRAIN, Units(steps=32), 0)
    whole.spend(spent)
    later.resume(NINE_S, seen, spent)
    ours, theirs = later.observe(NINE_S + 900), whole.observe(NINE_S + 900)
    for name in BODY:
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-9), name
    with pytest.raises(StoreError, match="battery_j"):
        body().resume(NINE_S, dataclasses.replace(seen, battery_soc=math.nan), ())


def test_an_empty_snapshot_is_a_fresh_body() -> None:
    fresh = body(initial_soc=0.4)
    assert fresh.snapshot() == {}
    fresh.restore({})
    assert fresh.observe(NINE_S).battery_soc == pytest.approx(0.4)
    assert math.isnan(body().observe(NINE_S).dt_s)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"profile": "pi-solar"}, "pi-solar"),
        ({"battery_j": -1.0}, "battery_j"),
        ({"battery_j": 1e9}, "battery_j"),
        ({"battery_j": math.nan}, "battery_j"),
        ({"temperature_c": "warm"}, "temperature_c"),
        ({"local_s": None}, "local_s"),
        ({"pending": [["TRAIN_UP", 3]]}, "pending"),
        ({"pending": [["TRAIN_LOW", -3]]}, "pending"),
        ({"pending": None}, "pending"),
    ],
)
def test_a_damaged_snapshot_names_its_key(change: dict[str, Any], reason: str) -> None:
    platform = body()
    platform.observe(NINE_S)
    with pytest.raises(StoreError, match=reason):
        body().restore(platform.snapshot() | change)


def test_broken_sensors_read_nan_and_only_they() -> None:
    broken = frozenset({"battery_soc", "temperature_c"})
    seen, whole = body(broken=broken).observe(NINE_S), body().observe(NINE_S)
    for name in BODY:
        if name in broken:
            assert math.isnan(getattr(seen, name))
        else:
            assert getattr(seen, name) == pytest.approx(getattr(whole, name), nan_ok=True)


def test_bad_arguments_name_themselves() -> None:
    for soc in (1.2, math.nan):
        with pytest.raises(ConfigError, match="initial_soc"):
            body(initial_soc=soc)
    with pytest.raises(ConfigError, match="queue_length"):
        body(broken=frozenset({"queue_length"}))
    with pytest.raises(ConfigError, match="seed"):
        body(seed=-1)
    platform = body()
    platform.observe(NINE_S)
    with pytest.raises(ConfigError, match="ran back"):
        platform.observe(NINE_S - 1)
    with pytest.raises(ConfigError, match="not a number"):
        platform.observe(math.nan)
    with pytest.raises(ConfigError, match="TRAIN_LOW"):
        platform.spend((Phase(load=Load.TRAIN_LOW, duration_s=math.nan),))
    with pytest.raises(ConfigError, match="-1 steps"):
        platform.phases(TRAIN, Units(steps=-1), 0)


def test_midnight_may_lie_anywhere_on_the_agents_clock() -> None:
    epoch_s = 1_763_683_200.0
    now, then = body(midnight_s=epoch_s), body()
    seen, same = now.observe(epoch_s + NINE_S), then.observe(NINE_S)
    assert [getattr(seen, name) for name in WORLD] == [getattr(same, name) for name in WORLD]
    assert now.local_time_s(epoch_s + NINE_S) == NINE_S
    now.spend(now.phases(SLEEP, Units(), 0))
    now.observe(epoch_s + NINE_S + 600)
    reading = SimulatedMeter(now).read(epoch_s + NINE_S, epoch_s + NINE_S + 600)
    assert reading is not None
    assert reading.gap_s == 0


def test_no_link_is_known_before_the_first_look() -> None:
    assert body().link is Link.NONE


def day(name: str, trainings: int) -> tuple[float, float, float]:
    """(share of the battery that went into the loads, lowest and last state of charge) from 07:30 to 07:30."""
    platform = body(name)
    start_s, socs = 7.5 * 3600, []
    for tick in range(288):
        socs.append(platform.observe(start_s + 300 * tick).battery_soc)
        platform.spend(
            platform.phases(TRAIN, Units(steps=32), 0)
            if tick < trainings
            else platform.phases(SLEEP, Units(), 0)
        )
    socs.append(platform.observe(start_s + 86_400).battery_soc)
    reading = SimulatedMeter(platform).read(start_s, start_s + 86_400)
    assert reading is not None
    return reading.energy_j / platform.profile.capacity_j, min(socs), socs[-1]


@pytest.mark.slow
def test_a_phone_affords_eighty_trainings_a_day_and_not_all_day() -> None:
    asleep, _, _ = day("pixel-3", 0)
    some, lowest, _ = day("pixel-3", 80)
    assert 0.04 < asleep < 0.06
    assert 0.2 < some < 0.4
    assert lowest > 0.1
    always, lowest, _ = day("pixel-3", 288)
    assert always > 0.7
    assert lowest < 0.02


@pytest.mark.slow
def test_the_board_lives_on_its_panel_but_not_with_training_all_day() -> None:
    _, lowest, last = day("pi-solar", 80)
    assert lowest > 0.5
    assert last > 0.75
    assert day("pi-solar", 288)[1] < 0.05


def test_the_first_day_is_laid_out_before_it_begins() -> None:
    """Two simulated hours before its midnight; the first tick has only to look it up."""
    context = PlatformContext(
        profile=shipped_profile("pixel-3"), clock=HandClock(-7200.0), midnight_s=0.0, last=None
    )
    body = SIMULATED.build(SimulatedConfig(), context)
    assert isinstance(body, SimulatedPlatform)
    assert 0 in body._world._days


@pytest.mark.parametrize("name", ["pixel-3", "pi-solar"])
def test_who_drew_the_joules_and_who_paid(name: str) -> None:
    platform = body(name)
    meter = SimulatedMeter(platform)
    start = charge_j(platform, platform.observe(NINE_S))
    last_j = 0.0
    for tick in range(1, 30):
        platform.spend(platform.phases(TRAIN, Units(steps=32), 5000))
        platform.observe(NINE_S + 600 * tick)
        assert platform.account.battery_j >= last_j, "what charger and panel put in takes nothing back"
        last_j = platform.account.battery_j
    account, end_s = platform.account, NINE_S + 600 * 29
    read = meter.read(NINE_S, end_s)
    assert read is not None
    assert account.work_j + account.rest_j == pytest.approx(read.energy_j)
    assert account.rest_j == pytest.approx(read.by_load[Load.DEEP_SLEEP])
    assert 0 < account.battery_work_j < account.battery_j + 1e-9
    assert account.device_j == pytest.approx(read.energy_j + account.user_j)
    assert account.battery_j >= start - charge_j(platform, platform.observe(end_s)) - 1e-6
    assert (account.user_j > 0) == (name == "pixel-3")


def test_on_its_charger_a_device_draws_no_battery_joules() -> None:
    platform = body(initial_soc=0.5)
    assert platform.observe(2 * 3600.0).charging > 0
    for tick in range(1, 10):
        platform.spend(platform.phases(TRAIN, Units(steps=32), 5000))
        platform.observe(2 * 3600.0 + 600 * tick)
    assert platform.account.work_j > 100
    assert platform.account.battery_j == platform.account.battery_s == 0


def test_away_from_charger_and_panel_the_battery_pays_all() -> None:
    platform = body("pi-solar")
    start = charge_j(platform, platform.observe(86_400.0))
    platform.spend(platform.phases(TRAIN, Units(steps=32), 5000))
    end = charge_j(platform, platform.observe(86_400.0 + 3600))
    account = platform.account
    assert account.battery_j == pytest.approx(account.device_j)
    assert account.battery_work_j == pytest.approx(account.work_j)
    assert account.battery_j == pytest.approx(start - end)
    assert account.battery_s == pytest.approx(3600)
