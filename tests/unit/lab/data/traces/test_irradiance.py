"""Irradiance: three kinds of file, gaps, and what of them is refused; the clearness made of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.physics.dynamics import initial_state
from circadia.physics.params import make_params
from circadia.physics.scenario import BOARD
from circadia.physics.state import Noise
from circadia.physics.surroundings import surroundings_after
from circadia_lab.data.traces.clearness import (
    LEAST,
    MOST,
    clear_sky_w_m2,
    clearness,
    clearness_statistics,
)
from circadia_lab.data.traces.irradiance import Irradiance, as_cycle, read_irradiance

if TYPE_CHECKING:
    from pathlib import Path

TMY3 = '1,"TOWN",NC,-5.0,36.1,-79.9,273\nDate (MM/DD/YYYY),Time (HH:MM),ETR,GHI (W/m^2)\n'
SURFRAD = " Town\n   37.70  105.00 2317 m version 1\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "sun.csv"
    path.write_text(text, encoding="utf-8")
    return path


def surfrad_row(minute: int, value: float, flag: int = 0, hour: int = 12) -> str:
    return f" 2016   1  1  1 {hour:2d} {minute:2d} 0.000  91.65   {value:6.1f} {flag}    -0.8 0\n"


def day_of(values: list[float], step_s: float, start_s: float = 0.0) -> Irradiance:
    return Irradiance(where="inline", start_s=start_s, step_s=step_s, ghi_w_m2=np.array(values, np.float64))


def test_an_hour_of_tmy3_ends_at_its_stamp(tmp_path: Path) -> None:
    rows = "02/28/1996,23:00,0,5\n02/28/1996,24:00,0,7\n03/01/1981,01:00,0,9\n"
    sun = read_irradiance(written(tmp_path, TMY3 + rows))
    assert (sun.start_s, sun.step_s) == (22 * 3600, 3600)
    assert sun.ghi_w_m2.tolist() == [5, 7, 9]


def test_surfrad_is_turned_to_the_sun(tmp_path: Path) -> None:
    sun = read_irradiance(written(tmp_path, SURFRAD + surfrad_row(0, -1.8) + surfrad_row(1, 300)))
    # 12:00 UTC, 105° west: 05:00 mean solar time
    assert (sun.start_s, sun.step_s, sun.darkened) == (5 * 3600, 60, 1)
    assert sun.ghi_w_m2.tolist() == [0, 300]


@pytest.mark.parametrize("header", ["", "seconds,W/m²\n"])
def test_plain_files_may_have_a_header(tmp_path: Path, header: str) -> None:
    sun = read_irradiance(written(tmp_path, f"{header}3600,1\n7200,2.5\n"))
    assert (sun.start_s, sun.step_s, sun.ghi_w_m2.tolist()) == (3600, 3600, [1, 2.5])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty"]),
        ("0,1\n", ["two readings or more, has 1"]),
        ("0,1\n60,x\n", ["line 2", "'W/m²'", "'x'"]),
        ("0,1\n60,nan\n", ["line 2", "'nan'"]),
        ("0,1\n60\n", ["line 2", "1 columns"]),
        ("0,1\n60,2,3\n", ["line 2", "3 columns"]),
        ("0,1\n60,1\n60,1\n", ["line 3", "does not rise"]),
        ("0,1\n60,1\n30,1\n", ["line 3", "does not rise"]),
        ("0,1\n60,1\n120,1\n150,1\n180,1\n240,1\n", ["line 4", "150 s is off the steps of 60 s"]),
        ("-60,1\n0,1\n", ["line 1", "midnight"]),
        ("90000,1\n90060,1\n", ["line 1", "midnight"]),
        ("0,1\n60,-21\n", ["line 2", "-21 W/m²"]),
        ("0,1\n60,2001\n", ["line 2", "2001 W/m²"]),
        ("0,1\n60,1\n120,1\n240,1\n", ["line 4", "a gap of 1 steps"]),
        ("0,1\n60,1\n120,-9999.9\n180,1\n", ["line 3", "a gap of 1 steps"]),
        ("0,-9999.9\n60,1\n120,1\n", ["line 1", "first and the last"]),
        ("0,1\n60,1\n120,-9999.9\n", ["line 3", "first and the last"]),
        ("0,-9999.9\n60,-9999.9\n", ["line 1", "first and the last"]),
        (TMY3.replace("GHI", "DNI") + "01/01/1988,01:00,0,1\n", ["line 2", "no column 'GHI (W/m^2)'"]),
        (TMY3 + "01/01/1988,01:00,0,1\n01/32/1988,02:00,0,1\n", ["line 4", "01/32/1988"]),
        (TMY3 + "01/01/1988,01:00,0,1\n02/29/1988,02:00,0,1\n", ["line 4", "02/29/1988"]),
        (TMY3 + "01/01/1988,01:00,0,1\n01/01/1988,00:00,0,1\n", ["line 4", "00:00"]),
        (
            TMY3 + "01/01/1988,01:00,0,1\n01/01/1988,02:00,0,-9900\n01/01/1988,03:00,0,1\n",
            ["line 4", "a gap of 1 steps"],
        ),
        (TMY3 + "01/01/1988,01:00,0\n", ["line 3", "GHI", "missing"]),
        (TMY3, ["two readings or more, has 0"]),
        (SURFRAD + " 2016 1 1\n", ["line 3", "3 columns"]),
        (SURFRAD + surfrad_row(61, 5), ["line 3", "minute must be"]),
        (SURFRAD + surfrad_row(0, 5).replace("5.0 0", "a 0"), ["line 3", "dw_solar", "'a'"]),
        (
            SURFRAD + surfrad_row(0, 5) + surfrad_row(1, 5, flag=1) + surfrad_row(2, 5),
            ["line 4", "a gap of 1 steps"],
        ),
    ],
)
def test_bad_files_name_the_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_irradiance(path)
    for part in ["sun.csv", *parts]:
        assert part in str(caught.value)


def test_short_gaps_are_filled_on_request_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "0,0\n60,10\n120,-9999.9\n180,-9999.9\n240,40\n300,41\n420,43\n")
    sun = read_irradiance(path, fill_gap_s=120)
    assert sun.ghi_w_m2.tolist() == [0, 10, 20, 30, 40, 41, 42, 43]
    assert sun.filled == 3
    with pytest.raises(ConfigError, match="line 3: a gap of 2 steps; at most 1"):
        read_irradiance(path, fill_gap_s=119)
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="fill_gap_s"):
            read_irradiance(path, fill_gap_s=wrong)


def test_days_run_from_midnight_to_midnight() -> None:
    sun = day_of([float(x) for x in range(8)], 6 * 3600, start_s=12 * 3600)
    assert sun.whole_days.tolist() == [[2, 3, 4, 5]]
    assert sun.daily_wh_m2.tolist() == [14 * 6]
    assert as_cycle(sun).whole_days.tolist() == [[6, 7, 0, 1], [2, 3, 4, 5]]
    with pytest.raises(ConfigError, match="no whole number of days"):
        as_cycle(day_of([1, 2, 3], 6 * 3600))
    with pytest.raises(ConfigError, match="no whole number of its steps"):
        as_cycle(day_of([1, 2, 3], 7 * 3600))


def test_a_clear_sky_has_clearness_1_and_the_dark_its_neighbours() -> None:
    clear = clear_sky_w_m2(BOARD, 0.0, 900.0, 96)
    assert clear.max() == pytest.approx(1000, rel=1e-2)
    assert clear.sum() / 4 == pytest.approx(1000 * 24 / math.pi)
    np.testing.assert_allclose(clearness(day_of(list(clear), 900), BOARD), 1, atol=1e-6)
    morning = np.where(np.arange(96) < 48, 0.4, 0.8) * clear
    ratio = clearness(day_of([*morning, *morning], 900), BOARD)
    # From 18:00 at 0.8 to 06:00 at 0.4.
    assert ratio[96] == pytest.approx(0.6, abs=0.02)
    assert (np.diff(ratio[72:120]) <= 0).all()


@pytest.mark.parametrize("bin_s", [300.0, 900.0, 3600.0])
def test_energy_is_kept_whatever_the_bin(bin_s: float) -> None:
    random = np.random.default_rng(5)
    sun = day_of(list(clear_sky_w_m2(BOARD, 0.0, 900.0, 96) * random.uniform(0.2, 0.9, 96)), 900.0)
    ratio = clearness(sun, BOARD, bin_s)
    assert len(ratio) == 86400 / bin_s
    replayed = ratio * clear_sky_w_m2(BOARD, 0.0, bin_s, len(ratio)) * bin_s
    assert replayed.sum() == pytest.approx(sun.ghi_w_m2.sum() * 900, rel=1e-9)


def test_bins_that_do_not_fit_are_refused() -> None:
    for bin_s in (0.0, 700.0, 18000.0):
        with pytest.raises(ConfigError, match="do not fit"):
            clearness(day_of([1] * 96, 900), BOARD, bin_s)
    with pytest.raises(ConfigError, match="does not shine"):
        clearness(day_of([0] * 10, 900), BOARD)
    with pytest.raises(ConfigError, match="two to tell"):
        clearness_statistics(day_of([1] * 96, 900), BOARD)


def test_the_limits_are_those_of_the_physics() -> None:
    params = make_params(shipped_profile("pi-solar"), BOARD)
    state = initial_state(params, np.array([0.5, 0.5]), 0.0)
    still = Noise(**dict.fromkeys(Noise._fields, np.zeros(2)))
    noise = still._replace(dt_s=np.full(2, 1e6), cloud_z=np.array([-1e3, 1e3]))
    after = surroundings_after(state, noise, params, np)
    assert after.clearness.tolist() == [LEAST, MOST]


@pytest.mark.parametrize("hold_h", [2.0, 12.0])
def test_statistics_find_the_process_that_made_the_clouds(hold_h: float) -> None:
    scenario = replace(BOARD, clearness_mean=0.55, clearness_sd=0.12, clearness_hold_s=hold_h * 3600)
    random, hours = np.random.default_rng(7), 24 * 1500
    decay, clouds = math.exp(-1 / hold_h), np.zeros(hours)
    for i, z in enumerate(random.standard_normal(hours - 1)):
        clouds[i + 1] = decay * clouds[i] + 0.12 * math.sqrt(1 - decay**2) * z
    ghi = np.clip(0.55 + clouds, 0, None) * clear_sky_w_m2(BOARD, 0.0, 3600.0, hours)
    found = clearness_statistics(day_of(list(ghi), 3600), scenario)
    assert found.days == 1500
    assert found.mean == pytest.approx(0.55, abs=0.01)
    assert found.sd == pytest.approx(0.12, rel=0.05)
    assert found.hold_s == pytest.approx(hold_h * 3600, rel=0.15)
