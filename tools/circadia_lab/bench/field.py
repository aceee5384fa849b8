"""A field test's errors of both kinds: how often it sees what is not there, how often it misses what is."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from circadia_field.plan import Plan
from circadia_field.ticks import Ticks
from circadia_lab.field.analysis.contrast import DEVICE, contrast_of
from circadia_lab.field.analysis.period_figures import PeriodFigures
from circadia_lab.field.analysis.sample_size import pairs_needed
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.sample_model import SampleModel
from circadia_lab.meter.board.simulator import BoardErrors, SimulatedBoard
from circadia_lab.meter.board.virtual_meter import VirtualMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_field.plan import Period
    from circadia_lab.bench.__main__ import Figure
    from circadia_lab.field.analysis.contrast import Contrast

    Floats = NDArray[np.float64]

TESTS = 2000
EFFECT, NOISE = 0.05, 0.03
PERIOD_US, VOLTAGE_V = 5000, 4.0
TICKS, TICK_S = 60, 2.0
LEVELS_W = np.array([0.05, 0.36, 1.1, 1.9])
"""Of a phone that sleeps, trains slowly, serves, trains fast."""
OFTEN = np.array([0.5, 0.2, 0.2, 0.1])
ERRORS = BoardErrors(shunt_ohm=0.02, gain=5e-4, offset_v=1e-6, noise_v=3e-6)
CHECKED_TICKS = 100


def measure() -> dict[str, Figure]:
    """Thousands of field tests on a model of the meter's samples, which is itself checked against the firmware.

    A period is two minutes of ticks whose loads are drawn, the same in both periods of a pair, under a drain that varies by
    3 % from period to period. `aa_alarms_per_1000`: A/A tests of the pairs that a 5 % effect needs in which the analysis sees
    a difference (a right 5 % test stays at 67 or below with 99 %). `ab_power`: tests of a true 5 % saving in which it
    sees one that the error budget carries; `ab_covered`: whose interval with the budget holds it.
    `model_rms_over_firmware`: the samples' error of a tick's joules, model over firmware in its simulator;
    `model_off`: the same of the sum of all ticks, relative.
    """
    pairs = pairs_needed(EFFECT, NOISE)
    plan = Plan(
        arms={"a": "default", "b": "separate"},
        effect=EFFECT,
        agent_share=1,
        noise=NOISE,
        pairs=pairs,
        aa_pairs=pairs,
    )
    rng = np.random.default_rng(0)
    alarms = [simulated_test(plan, 0.0, rng) for _ in track(range(TESTS), "A/A tests")]
    tests = [simulated_test(plan, EFFECT, rng) for _ in track(range(TESTS), "A/B tests")]
    seen = [one.comparison is not None and one.comparison.seen for one in alarms]
    gains = [one.comparison is not None and one.comparison.seen and one.high < 0 for one in tests]
    return {
        "aa_alarms_per_1000": 1000 * float(np.mean(seen)),
        "ab_power": float(np.mean(gains)),
        "ab_covered": float(np.mean([one.low <= -EFFECT <= one.high for one in tests])),
        "ab_pairs": pairs,
        "ab_tests": TESTS,
        **against_firmware(),
    }


def simulated_test(plan: Plan, saving: float, rng: np.random.Generator) -> Contrast:
    """The analysis of all pairs of one test."""
    periods = {(one.pair, one.arm): one for one in plan.schedule() if one.comparison == 1}
    pairs = []
    for pair in range(plan.pairs):
        loads = rng.choice(LEVELS_W, TICKS, p=OFTEN)
        both = (
            _figures(periods[pair, arm], loads * share, rng) for arm, share in (("a", 1 - saving), ("b", 1.0))
        )
        pairs.append(tuple(both))
    return contrast_of(plan, [(a, b) for a, b in pairs], DEVICE)


def _figures(period: Period, loads: Floats, rng: np.random.Generator) -> PeriodFigures:
    """What the meter makes of a period."""
    edges_s = TICK_S * np.arange(TICKS + 1)
    drawn_w = loads * float(np.exp(rng.normal(0, NOISE)))
    cuts_s = edges_s[1:-1]
    joules = SampleModel(ERRORS, PERIOD_US, rng).joules(edges_s, drawn_w, VOLTAGE_V, cuts_s)
    seconds = float(cuts_s[-1] - cuts_s[0])
    return PeriodFigures(
        place=0, period=period, ticks=NO_TICKS, count_s=0.0, seconds=seconds, lost_share=0.0,
        device_w=float(joules.sum()) / seconds, battery_w=np.nan, rest_w=np.nan, clocks_w=0.0, asked=0, served=0, right=0,
        latency_p95_s=np.nan, data_age_s=np.nan, model_age_s=np.nan, soc=(np.nan, np.nan), temperature_c=np.nan,
        true_w=float(drawn_w[1:-1].mean()), meter={}, asked_s=0.0, errors=0,
    )  # fmt: skip


def against_firmware() -> dict[str, Figure]:
    """The model and the firmware, each measuring the same load."""
    rng = np.random.default_rng(1)
    edges_s = 10 + np.concatenate([[0.0], np.cumsum(rng.uniform(0.3, 2 * TICK_S, CHECKED_TICKS))])
    power_w = rng.choice(LEVELS_W, CHECKED_TICKS, p=OFTEN)
    cuts_s = np.arange(edges_s[0] + 1, edges_s[-1] - 1, TICK_S)
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), ERRORS)
    board.load(0.0, 0.0, VOLTAGE_V)
    for t_s, watts in zip(edges_s[:-1], power_w, strict=True):
        board.load(float(t_s), float(watts) / VOLTAGE_V, VOLTAGE_V)
    meter = VirtualMeter(board, MeterSession(period_us=PERIOD_US, shunt_ohm=ERRORS.shunt_ohm))
    meter.advance(float(edges_s[-1]))
    spans = [(float(a), float(b)) for a, b in pairwise(cuts_s)]
    readings = [meter.read(a, b) for a, b in spans]
    measured = np.array([reading.energy_j for reading in readings if reading is not None])
    truth = np.array([meter.true_j(a, b) for a, b in spans])
    board.close()
    modelled = SampleModel(ERRORS, PERIOD_US, rng).joules(edges_s, power_w, VOLTAGE_V, cuts_s)
    return {
        "model_rms_over_firmware": float(np.std(modelled - truth) / np.std(measured - truth)),
        "model_off": float(modelled.sum() / measured.sum() - 1),
    }


_NONE = np.zeros(0)
NO_TICKS = Ticks(
    t_s=_NONE, duration_s=_NONE, action=np.zeros(0, str), load_s=np.zeros((0, 1)), energy_j=_NONE, gap_s=_NONE, bound_j=_NONE,
    served=np.zeros(0, np.int64), source="simulated", unsettled=0,
)  # fmt: skip
"""A contrast looks at sums alone."""
