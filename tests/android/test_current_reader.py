"""Whatever a maker does to CURRENT_NOW: the right watts or none, never a factor of 1,000."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia_app.power import CurrentReader, Look, Power, ampere_hours, volts

MINUTE_S, HOUR_S = 60.0, 3600.0
CAPACITY_AH = 3.5
LONG_MIN, INT_MIN = -(2**63), -(2**31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """How a phone's maker fills in the numbers."""

    unit: float = 1e-6
    sign: int = 1
    """1 as documented, positive while charging; −1 turned; 0 for none."""
    counter: float | None = 1e-6
    counter_every_s: float = 10.0
    lag_s: float = 0.0
    voltage: float = 1e-3
    level: bool = True
    instead: int | None = None
    """Given for every current."""
    gain: float = 1.0

    def current(self, charging_a: float) -> int:
        if self.instead is not None:
            return self.instead
        signed = abs(charging_a) if self.sign == 0 else self.sign * charging_a
        return round(self.gain * signed / self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A while of one load."""

    lasts_s: float
    draw_a: float
    charger_a: float = 0.0

    @property
    def charging_a(self) -> float:
        return self.charger_a - self.draw_a


def played(maker: Maker, day: list[Stage], step_s: float = 5.0) -> list[tuple[float, list[float], Power]]:
    """(time, the true watts of the last while, what the reader says) at each look."""
    reader = CurrentReader(CAPACITY_AH)
    seen, t_s, charge_ah, counted = [], 0.0, 0.6 * CAPACITY_AH, 0.6 * CAPACITY_AH
    history: list[float] = []
    counted_s = -math.inf
    for stage in day:
        for _ in range(int(stage.lasts_s / step_s)):
            history.append(stage.charging_a)
            late = int(maker.lag_s / step_s)
            shown_a = history[max(len(history) - 1 - late, 0)]
            if t_s - counted_s >= maker.counter_every_s:
                counted, counted_s = charge_ah, t_s
            look = Look(
                t_s=t_s,
                current=maker.current(shown_a),
                charge=None if maker.counter is None else round(counted / maker.counter),
                voltage=round(3.9 / maker.voltage),
                plugged=stage.charger_a > 0,
                soc=math.floor(100 * charge_ah / CAPACITY_AH) / 100 if maker.level else math.nan,
            )
            lately = [-3.9 * a for a in history[-(late + 2) :]]
            seen.append((t_s, lately, reader.look(look)))
            charge_ah += stage.charging_a * step_s / HOUR_S
            t_s += step_s
    return seen


DAY = [
    Stage(lasts_s=20 * MINUTE_S, draw_a=0.35),
    Stage(lasts_s=5 * MINUTE_S, draw_a=1.4),
    Stage(lasts_s=40 * MINUTE_S, draw_a=0.03),
    Stage(lasts_s=20 * MINUTE_S, draw_a=0.3, charger_a=2.2),
    Stage(lasts_s=15 * MINUTE_S, draw_a=0.6),
    Stage(lasts_s=10 * MINUTE_S, draw_a=1.2, charger_a=0.5),
    Stage(lasts_s=10 * MINUTE_S, draw_a=0.2),
]


def check(seen: list[tuple[float, list[float], Power]], tolerance: float = 0.02) -> None:
    for t_s, lately, power in seen:
        if math.isnan(power.power_w):
            assert power.why
            continue
        nearest = min(lately, key=lambda watts: abs(watts - power.power_w))
        assert power.power_w == pytest.approx(nearest, rel=tolerance, abs=0.005), (t_s, lately, power)


@pytest.mark.parametrize("unit", [1e-6, 1e-3])
@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize("counter", [1e-6, 1e-3, None])
@pytest.mark.parametrize("lag_s", [0.0, 30.0, 60.0])
def test_right_watts_or_none(unit: float, sign: int, counter: float | None, lag_s: float) -> None:
    """The public fault of home-assistant/android#2846: a current in mA that was taken for µA."""
    seen = played(Maker(unit=unit, sign=sign, counter=counter, lag_s=lag_s), DAY)
    check(seen)
    known = [not math.isnan(power.power_w) for _, _, power in seen]
    assert known[-1], "it never learned"
    assert seen[-1][2].unit == {1e-6: "µA", 1e-3: "mA"}[unit]
    assert seen[-1][2].sign == sign
    plugged = [power for t_s, _, power in seen if 66 * MINUTE_S < t_s < 85 * MINUTE_S]
    assert any(power.power_w < 0 for power in plugged) == (sign != 0), "a charging current needs a sign"


@pytest.mark.parametrize("instead", [LONG_MIN, INT_MIN, 2**31 - 1, 0])
@pytest.mark.parametrize("counter", [1e-6, None])
def test_what_stands_for_nothing_is_never_a_current(instead: int, counter: float | None) -> None:
    seen = played(Maker(instead=instead, counter=counter), DAY)
    assert all(math.isnan(power.power_w) and "no current" in power.why for _, _, power in seen)


@pytest.mark.parametrize("level", [True, False])
def test_milliamperes_without_a_counter_and_a_level_stay_unknown(*, level: bool) -> None:
    seen = played(Maker(unit=1e-3, counter=None, level=level), DAY)
    assert any(not math.isnan(power.power_w) for _, _, power in seen) == level


def test_a_small_number_alone_proves_nothing() -> None:
    """976 may be 976 mA, or the trickle in µA of a full battery."""
    reader = CurrentReader()
    looks = [
        Look(t_s=5.0 * n, current=976, charge=None, voltage=4300, plugged=False, soc=0.9) for n in range(500)
    ]
    assert all(math.isnan(reader.look(look).power_w) for look in looks)


def test_a_large_number_proves_microamperes_at_once() -> None:
    reader = CurrentReader()
    looks = [
        Look(t_s=float(n), current=-(400_000 + n), charge=None, voltage=3900, plugged=False, soc=0.9)
        for n in range(3)
    ]
    powers = [reader.look(look) for look in looks]
    assert math.isnan(powers[1].power_w)
    assert powers[2].power_w == pytest.approx(0.4 * 3.9, rel=1e-3)
    assert math.isnan(powers[2].uncertainty), "only a rule says so"


def test_a_gain_of_the_current_is_published_as_uncertainty() -> None:
    exact, off = (played(Maker(gain=gain), DAY)[-1][2] for gain in (1.0, 1.2))
    assert exact.uncertainty < 0.1
    assert off.uncertainty == pytest.approx(1 - 1 / 1.2, abs=0.05)


def test_the_watts_of_a_unit_that_changes_are_taken_back() -> None:
    """An update of the system: mA from then on."""
    reader = CurrentReader(CAPACITY_AH)
    charge_uah, told = 2_000_000.0, []
    for n in range(1000):
        unit = 1.0 if n < 300 else 1e-3
        look = Look(
            t_s=5.0 * n,
            current=-round(300_000 * unit),
            charge=round(charge_uah),
            voltage=3900,
            plugged=False,
            soc=0.6,
        )
        told.append(reader.look(look))
        charge_uah -= 300_000 * 5 / HOUR_S
    assert told[299].unit == "µA"
    assert told[-1].unit == "mA"
    assert told[-1].power_w == pytest.approx(0.3 * 3.9, rel=0.01)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    unit=st.sampled_from([1e-6, 1e-3]),
    sign=st.sampled_from([1, -1, 0]),
    counter=st.sampled_from([1e-6, 1e-3, None]),
    every_s=st.sampled_from([1.0, 10.0, 30.0, 60.0]),
    lag_s=st.sampled_from([0.0, 10.0, 60.0]),
    voltage=st.sampled_from([1.0, 1e-3, 1e-6]),
)
def test_no_day_makes_it_wrong(
    seed: int, unit: float, sign: int, counter: float | None, every_s: float, lag_s: float, voltage: float
) -> None:
    random = Random(seed)
    day = [
        Stage(
            lasts_s=random.choice([1, 3, 10, 30]) * MINUTE_S,
            draw_a=10 ** random.uniform(-2, 0.4),
            charger_a=random.choice([0.0, 0.0, 0.5, 3.0]),
        )
        for _ in range(8)
    ]
    maker = Maker(
        unit=unit, sign=sign, counter=counter, counter_every_s=every_s, lag_s=lag_s, voltage=voltage
    )
    seen = played(maker, day)
    rounded = 0.6 / 3.9 if voltage == 1.0 else 0.02
    for t_s, lately, power in seen:
        if math.isnan(power.power_w):
            continue
        assert any(power.power_w == pytest.approx(watts, rel=rounded, abs=0.005) for watts in lately), (
            t_s,
            lately,
            power,
        )


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (3900, 3.9),
        (3_900_000, 3.9),
        (4, 4.0),
        (8700, 8.7),
        (0, math.nan),
        (INT_MIN, math.nan),
        (250, math.nan),
    ],
)
def test_volts(raw: int, wanted: float) -> None:
    assert volts(raw) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    ("raw", "soc", "wanted"),
    [
        (2_100_000, 0.6, 2.1),
        (2_100, 0.6, 2.1),
        (2_100_000, math.nan, 2.1),
        (2_100, math.nan, math.nan),
        (55_000, 1.0, math.nan),  # 55 mAh or 55 Ah
        (-1, 0.5, math.nan),
        (LONG_MIN, 0.5, math.nan),
        (None, 0.5, math.nan),
    ],
)
def test_charge_counters(raw: int | None, soc: float, wanted: float) -> None:
    assert ampere_hours(raw, soc) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(("awake_s", "suspended_s"), [(10.0, 120.0), (30.0, 600.0), (300.0, 50.0)])
def test_what_the_counter_counts_in_a_suspend_teaches_nothing_wrong(
    awake_s: float, suspended_s: float
) -> None:
    """A right sensor: 0.4 A awake, 5 mA suspended; the clock of the looks stands still meanwhile."""
    reader, awake, gone_s, charge_ah = CurrentReader(CAPACITY_AH), 0.0, 0.0, 3.0
    for _ in range(60):
        for _ in range(int(awake_s / 5)):
            power = reader.look(
                Look(
                    t_s=awake,
                    current=-400_000,
                    charge=round(charge_ah * 1e6),
                    voltage=3900,
                    plugged=False,
                    soc=charge_ah / CAPACITY_AH,
                    suspended_s=gone_s,
                )
            )
            awake += 5
            charge_ah -= 0.4 * 5 / HOUR_S
            assert math.isnan(power.uncertainty) or power.uncertainty < 0.02
        gone_s += suspended_s
        charge_ah = max(charge_ah - 0.005 * suspended_s / HOUR_S, 0.2)
    if awake_s > 120:
        assert power.unit == "µA"


def test_looks_far_apart_teach_nothing() -> None:
    reader = CurrentReader(CAPACITY_AH)
    for n, charge in zip(range(50), itertools.count(3_000_000, -30_000), strict=False):
        power = reader.look(
            Look(t_s=600.0 * n, current=-300, charge=charge, voltage=3900, plugged=False, soc=0.7)
        )
        assert math.isnan(power.power_w)
