"""Real recordings read as their publishers count them, and what is shipped as made from them."""

from __future__ import annotations

import csv
import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.energy.profile import quantities
from circadia.energy.profile_file import load_profile, parse_profile, shipped_profile
from circadia.physics.scenario import BOARD, PHONE, load_scenario
from circadia_lab.data.traces.arrivals import dilated, read_arrivals
from circadia_lab.data.traces.bursts import burst_table
from circadia_lab.data.traces.clearness import clearness, clearness_statistics
from circadia_lab.data.traces.day_trace import save_day_trace
from circadia_lab.data.traces.derived_profile import profile_from
from circadia_lab.data.traces.irradiance import as_cycle, read_irradiance
from circadia_lab.data.traces.power_profile import read_power_profile
from circadia_lab.data.traces.recorded_days import day_trace
from circadia_lab.policy.env.chance import recorded
from circadia_lab.policy.env.problem import DATA, TickLaw, load_problem

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.energy.profile import DeviceProfile

BURSTY, GREENSBORO = (DATA / "scenarios" / f"{name}.toml" for name in ("bursty", "solar-greensboro"))


def azure(data: Path) -> Path:
    return data / "request_arrivals" / "AzureLLMInferenceTrace_code.csv"


def xml(data: Path, device: str) -> Path:
    [path] = (data / "power_profiles").glob(f"*_{device}_overlay_*.xml")
    return path


def test_azure_has_8819_arrivals_in_bursts(shared_data: Path) -> None:
    arrivals = read_arrivals(azure(shared_data))
    assert len(arrivals.t_s) == 8819
    assert 1 / arrivals.mean_gap_s == pytest.approx(2.57, abs=0.005)
    assert arrivals.gap_cv == pytest.approx(13.2, abs=0.06)


def test_greensboro_has_its_year_of_sun(shared_data: Path) -> None:
    sun = read_irradiance(shared_data / "solar" / "723170TYA.CSV")
    daily = sun.daily_wh_m2
    assert len(daily) == 365
    assert daily.mean() == pytest.approx(4290, abs=5)
    assert daily.min() == 694
    found = clearness_statistics(sun, BOARD)
    assert found.mean == pytest.approx(BOARD.clearness_mean, abs=0.005)
    assert found.clipped < 0.02


def test_alamosa_has_a_clear_winters_day(shared_data: Path) -> None:
    sun = as_cycle(read_irradiance(shared_data / "solar" / "surfrad-slv16001.dat"))
    [day] = sun.whole_days
    assert (len(day), sun.filled, sun.darkened) == (1440, 0, 822)
    assert 3000 < sun.daily_wh_m2[0] < 4000
    # The sun stands highest at noon of mean solar time, but for the equation of time: −3 min on 1 January.
    noon = float((day * np.arange(1440)).sum() / day.sum())
    assert noon == pytest.approx(720 + 3, abs=10)


def test_bursty_has_the_traces_hours(shared_data: Path) -> None:
    arrivals, bursty = read_arrivals(azure(shared_data)), load_scenario(BURSTY)
    counts = np.histogram(arrivals.t_s, 24)[0]
    a_day = sum(PHONE.requests_per_hour)
    np.testing.assert_allclose(bursty.requests_per_hour, counts / 8819 * a_day, atol=0.006)


def test_bursty_tells_the_traces_bursts(shared_data: Path) -> None:
    # The table stands in a comment, for a problem to take over.
    lines = [
        line[2:] for line in BURSTY.read_text(encoding="utf-8").splitlines() if line.startswith("# burst_")
    ]
    table = {key: tuple(map(float, values)) for key, values in tomllib.loads("\n".join(lines)).items()}
    told = TickLaw(burst_sizes=table["burst_sizes"], burst_shares=table["burst_shares"])
    slow = dilated(read_arrivals(azure(shared_data)), 86400 / sum(PHONE.requests_per_hour))
    found = burst_table(slow, PHONE.deadline_s, [int(size) for size in told.burst_sizes])
    np.testing.assert_allclose(told.burst_shares, found.shares, atol=6e-5)
    assert told.mean_burst == pytest.approx(2.046, abs=0.005)


def test_solar_greensboro_has_the_sites_sky(shared_data: Path) -> None:
    path, scenario = shared_data / "solar" / "723170TYA.CSV", load_scenario(GREENSBORO)
    found = clearness_statistics(read_irradiance(path), scenario)
    assert scenario.clearness_mean == pytest.approx(found.mean, abs=6e-4)
    assert scenario.clearness_sd == pytest.approx(found.sd, abs=6e-4)
    assert scenario.clearness_hold_s == pytest.approx(found.hold_s, abs=50)
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()[1:]))
    air = np.array([float(row[rows[0].index("Dry-bulb (C)")]) for row in rows[1:]]).reshape(-1, 24)
    assert scenario.ambient_c == pytest.approx(air.mean(), abs=0.05)
    assert scenario.ambient_swing_c == pytest.approx(np.ptp(air.mean(axis=0)) / 2, abs=0.05)


@pytest.mark.parametrize("device", ["blueline", "sunfish", "bonito", "sargo", "FP4_"])
def test_every_layout_is_read(shared_data: Path, device: str) -> None:
    profile = read_power_profile(xml(shared_data, device))
    assert sum(cluster.cores for cluster in profile.clusters) == 8
    assert 2500 < profile.battery_c / 3.6 < 4000


def test_pixel_3_comes_out_of_bluelines_file(shared_data: Path) -> None:
    shipped = shipped_profile("pixel-3")
    profile = read_power_profile(xml(shared_data, "blueline"))
    made = profile_from(profile, shipped, core=4, low_hz=1363.2e6, high_hz=2649.6e6, name="pixel-3")
    for key, quantity in quantities(made).items():
        assert quantity.value == pytest.approx(quantities(shipped)[key].value, rel=5e-3), key


def test_fairphone_4_comes_out_of_its_file(shared_data: Path) -> None:
    shipped = quantities(shipped_profile("fairphone-4"))
    profile = read_power_profile(xml(shared_data, "FP4_"))
    made = profile_from(
        profile, shipped_profile("fairphone-4"), core=6, low_hz=1401.6e6, high_hz=2208e6, name="fairphone-4"
    )
    for key, quantity in quantities(made).items():
        # Its user's processor is another estimate.
        allowed = 0.07 if key == "user.active_w" else 5e-3
        assert quantity.value == pytest.approx(shipped[key].value, rel=allowed), key


@pytest.mark.parametrize(
    ("name", "device", "low_hz", "high_hz"),
    [("pixel-4a", "sunfish", 1209.6e6, 2208e6), ("pixel-3a-xl", "bonito", 1132.8e6, 1996.8e6)],
)
def test_made_profiles_are_as_made(
    shared_data: Path, name: str, device: str, low_hz: float, high_hz: float
) -> None:
    made = profile_from(
        read_power_profile(xml(shared_data, device)),
        shipped_profile("pixel-3"),
        core=6,
        low_hz=low_hz,
        high_hz=high_hz,
        name=name,
    )
    assert load_profile(DATA / "profiles" / f"{name}.toml") == made


@pytest.mark.parametrize("name", ["pixel-4a", "pixel-3a-xl"])
def test_made_profiles_are_whole(name: str) -> None:
    text = (DATA / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    profile: DeviceProfile = parse_profile(text, name)
    assert profile.name == name
    assert text.startswith('# "profile" below is the vendor')


def test_a_month_of_both_for_replay(shared_data: Path) -> None:
    sun = read_irradiance(shared_data / "solar" / "723170TYA.CSV")
    scenario = load_scenario(GREENSBORO)
    made = day_trace(
        scenario, read_arrivals(azure(shared_data)), sun, days=30, first_day=100, daily_cycle=True
    )
    assert made.days == 30
    assert made.requests.sum() == pytest.approx(30 * sum(scenario.requests_per_hour), rel=0.05)
    assert made.requests.max() > 40
    np.testing.assert_array_equal(made.clearness[12 * 12 : 13 * 12], clearness(sun, scenario)[100 * 24 + 12])


def test_the_environment_replays_a_recording(shared_data: Path, tmp_path: Path) -> None:
    arrivals = read_arrivals(azure(shared_data))
    save_day_trace(day_trace(PHONE, arrivals, days=2, daily_cycle=True), tmp_path / "days.npz")
    path = tmp_path / "replayed.toml"
    profile = DATA / "profiles" / "pixel-4a.toml"
    path.write_text(
        f'trace = "days.npz"\ndevices = [{{ profile = "{profile}", scenario = "{BURSTY}" }}]\n',
        encoding="utf-8",
    )
    problem = load_problem(path)
    assert problem.trace is not None
    assert problem.devices[0].name == "pixel-4a · bursty"
    replay = recorded(problem.trace, np)
    assert replay.before[-1] == problem.trace.requests.sum()
