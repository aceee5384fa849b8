"""A day trace from recorded arrivals and irradiance."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import CircadiaError, ConfigError
from circadia.observation import DAY_S, HOUR_S
from circadia_lab.data.traces.clearness import LEAST, MOST, clearness
from circadia_lab.data.traces.day_trace import DayTrace, bins_a_day, save_day_trace
from circadia_lab.data.traces.irradiance import as_cycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia.physics.scenario import Scenario
    from circadia_lab.data.traces.arrivals import Arrivals
    from circadia_lab.data.traces.irradiance import Irradiance

    Floats = NDArray[np.float64]


def day_trace(
    scenario: Scenario,
    arrivals: Arrivals,
    irradiance: Irradiance | None = None,
    *,
    bin_s: float = 300.0,
    days: int = 1,
    first_day: int = 0,
    daily_cycle: bool = False,
) -> DayTrace:
    """`days` whole days from midnight; `ConfigError` if the recordings do not last that long.

    With `daily_cycle` arrivals of any length do: see `on_daily_cycle`. Of the irradiance the days from `first_day` on
    are taken; without one the clearness is the scenario's mean. The notes say what was done.
    """
    bins = bins_a_day(bin_s)
    if days < 1 or first_day < 0:
        raise ConfigError(f"day trace: days {days} and first_day {first_day} must be 1 and 0 or more")
    if daily_cycle:
        t_s, arrived = on_daily_cycle(arrivals, scenario, days)
    else:
        t_s, arrived = _as_recorded(arrivals, days, bin_s)
    sky, shone = _sky(scenario, irradiance, bin_s, days, first_day)
    counts = np.bincount(np.floor_divide(t_s, bin_s).astype(np.int64), minlength=days * bins)[: days * bins]
    return DayTrace(bin_s=bin_s, requests=counts.astype(np.float64), clearness=sky, notes=(arrived, shone))


def _as_recorded(arrivals: Arrivals, days: int, bin_s: float) -> tuple[Floats, str]:
    """The first arrival is taken for midnight's."""
    if arrivals.duration_s < days * DAY_S - bin_s:
        raise ConfigError(
            f"{arrivals.where}: lasts {arrivals.duration_s / HOUR_S:.2f} h, not {days} days; "
            "ask for a daily cycle, or for fewer days"
        )
    t_s = arrivals.t_s[arrivals.t_s < days * DAY_S]
    return t_s, f"requests: {arrivals.where} as recorded, its first at midnight"


def on_daily_cycle(arrivals: Arrivals, scenario: Scenario, days: int) -> tuple[Floats, str]:
    """The arrivals on a clock that runs with the scenario's requests an hour Λ′, and a note that says so.

        t ↦ Λ⁻¹(n · t / T),   n arrivals in T = n mean gaps

    so that each day brings what the scenario expects, in the recording's bursts; again from its start when it is over.
    """
    per_hour = np.array(scenario.requests_per_hour)
    a_day = float(per_hour.sum())
    if a_day <= 0:
        raise ConfigError(f"scenario {scenario.name}: no requests in a day to stretch {arrivals.where} to")
    n, mean_gap_s = len(arrivals.t_s), arrivals.mean_gap_s
    rounds = int(np.ceil(days * a_day / n))
    expected = (arrivals.t_s / mean_gap_s + n * np.arange(rounds)[:, None]).ravel()
    expected = expected[expected < days * a_day]
    passed = np.concatenate([[0.0], np.cumsum(per_hour)])
    day = np.floor_divide(expected, a_day)
    of_day = np.interp(expected - day * a_day, passed, HOUR_S * np.arange(25))
    t_s: Floats = np.minimum(day * DAY_S + of_day, np.nextafter((day + 1) * DAY_S, 0))
    note = (
        f"requests: {arrivals.where}, {n} in {n * mean_gap_s / HOUR_S:.2f} h, stretched to the daily cycle of scenario "
        f"{scenario.name} ({a_day:g} a day)"
    )
    return t_s, note + (f", the record {rounds} times in succession" if rounds > 1 else "")


def _sky(
    scenario: Scenario, irradiance: Irradiance | None, bin_s: float, days: int, first_day: int
) -> tuple[Floats, str]:
    if irradiance is None:
        usual = float(np.clip(scenario.clearness_mean, LEAST, MOST))
        return np.full(
            days * bins_a_day(bin_s), usual
        ), f"clearness: always {usual:g}, scenario {scenario.name}'s mean"
    sun, turned = _from_midnight(irradiance)
    whole = sun.whole_days
    if first_day + days > len(whole):
        raise ConfigError(
            f"{irradiance.where}: has {len(whole)} whole days, not {days} from day {first_day} on; ask for fewer"
        )
    chosen = replace(sun, start_s=0.0, ghi_w_m2=whole[first_day : first_day + days].ravel())
    note = f"clearness: {irradiance.where} from day {first_day} on, {irradiance.filled} steps filled{turned}"
    return clearness(chosen, scenario, bin_s), note


def _from_midnight(irradiance: Irradiance) -> tuple[Irradiance, str]:
    """A record of exactly one day that does not start at midnight is turned around."""
    if len(irradiance.whole_days) or len(irradiance.ghi_w_m2) != irradiance.steps_a_day:
        return irradiance, ""
    return as_cycle(irradiance), ", its one day turned around to start at midnight"


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m circadia_lab.data.traces.recorded_days ARRIVALS [--irradiance FILE] … --out TRACE.npz`."""
    args = _parser().parse_args(arguments)
    try:
        trace = _made(args)
        save_day_trace(trace, args.out)
    except CircadiaError as error:
        print(f"recorded_days: error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}: {trace.days} days, {trace.requests.sum():.0f} requests")
    print("\n".join(trace.notes))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m circadia_lab.data.traces.recorded_days",
        description="Make a trace of whole days for replay.",
    )
    parser.add_argument("arrivals", type=Path, help="CSV with a column of times")
    parser.add_argument("--column", help="which column, if its name does not tell")
    parser.add_argument(
        "--irradiance", type=Path, help="TMY3, SURFRAD or CSV; without it the sky is always as usual"
    )
    parser.add_argument(
        "--fill-gap-s", type=float, default=0.0, help="fill gaps in the irradiance up to this long"
    )
    parser.add_argument("--first-day", type=int, default=0, help="of the irradiance, counted from 0")
    parser.add_argument("--scenario", default="phone", help="name, or TOML file")
    parser.add_argument("--bin-s", type=float, default=300.0)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument(
        "--daily-cycle", action="store_true", help="stretch the arrivals to the scenario's requests an hour"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="TRACE.npz")
    return parser


def _made(args: argparse.Namespace) -> DayTrace:
    from circadia.physics.scenario import SCENARIOS, load_scenario, scenario_named
    from circadia_lab.data.traces.arrivals import read_arrivals
    from circadia_lab.data.traces.irradiance import read_irradiance

    known = args.scenario in SCENARIOS or not Path(args.scenario).suffix
    sun = read_irradiance(args.irradiance, fill_gap_s=args.fill_gap_s) if args.irradiance else None
    return day_trace(
        scenario_named(args.scenario) if known else load_scenario(Path(args.scenario)),
        read_arrivals(args.arrivals, column=args.column),
        sun,
        bin_s=args.bin_s,
        days=args.days,
        first_day=args.first_day,
        daily_cycle=args.daily_cycle,
    )


if __name__ == "__main__":
    sys.exit(main())
