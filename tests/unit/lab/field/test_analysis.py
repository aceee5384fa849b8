"""A gain is announced if everything carries it; each thing that does not is named, and named alone."""

from __future__ import annotations

import dataclasses
import json
import math
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError, StoreError
from circadia_field.bundle import BROKEN_OFF, ENDED, RESUMED, STARTED, Bundle
from circadia_field.plan import AGAIN
from circadia_lab.field.analysis.analysis import Analysis, analyse, concluded
from circadia_lab.field.analysis.contrast import AGENT, BATTERY, DEVICE, WATTS
from circadia_lab.field.analysis.period_figures import _asked
from circadia_lab.field.analysis.words import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from circadia_field.plan import Plan
    from circadia_lab.field.analysis.period_figures import PeriodFigures

    Periods = Callable[..., tuple[PeriodFigures, ...]]
    Log = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def conclude(plan: Callable[..., Plan], periods: Periods, log_of: Log) -> Callable[..., Analysis]:
    """Of a test in which all went well, unless `plan`, the figures of the first arm or `edit` say otherwise."""

    def make(
        *, edit: Callable[[PeriodFigures], PeriodFigures | None] = lambda one: one, settings: Any = None, **changes: Any
    ) -> Analysis:  # fmt: skip
        made = plan(**(settings or {}))
        found = tuple(new for one in periods(made, **changes) if (new := edit(one)) is not None)
        return concluded(made, found, log_of(found), real=True)

    return make


def against(analysis: Analysis, what: str = DEVICE) -> list[str]:
    """What stands against a gain."""
    return [reason.name for reason in analysis.versus[1].reasons[what] if not reason.holds]


def test_a_gain_that_everything_carries_is_announced(conclude: Callable[..., Analysis]) -> None:
    found = conclude()
    for what in WATTS:
        assert against(found, what) == []
        assert found.versus[1].announced(what)
        assert "a gain, carried by" in verdicts(found)[1 + list(WATTS).index(what)]
    device, agent = (found.versus[1].contrast(what) for what in (DEVICE, AGENT))
    assert device.low < -0.5 < device.high
    assert agent.low < math.expm1(math.log(0.1 / 0.3)) < agent.high
    assert not found.versus[0].contrast(DEVICE).comparison.seen  # type: ignore[union-attr]


def test_a_loss_is_no_gain(conclude: Callable[..., Analysis]) -> None:
    assert against(conclude(watts={"a": 0.4, "b": 0.2})) == ["seen", "error budget"]


def test_no_difference_is_no_gain(conclude: Callable[..., Analysis]) -> None:
    found = conclude(watts={"a": 0.3, "b": 0.3})
    assert "seen" in against(found)
    assert "no gain is announced; what does not hold: seen (" in verdicts(found)[2]


def test_a_test_that_is_not_complete_carries_nothing(conclude: Callable[..., Analysis]) -> None:
    found = conclude(settings={"pairs": 8}, edit=lambda one: None if one.place == 27 else one)
    assert against(found) == ["complete"]
    few = conclude(edit=lambda one: None if one.place == 23 else one)
    assert against(few) == ["complete", "seen"]
    assert "5 of 6 pairs (too few yet)" in verdicts(few)[2]


def test_an_a_a_phase_that_is_not_complete_carries_nothing(conclude: Callable[..., Analysis]) -> None:
    found = conclude(settings={"aa_pairs": 8}, edit=lambda one: None if one.place == 3 else one)
    assert against(found) == ["A/A"]
    assert "7 of 8 pairs" in verdicts(found)[2]
    few = conclude(edit=lambda one: None if one.place == 3 else one)
    assert against(few) == ["A/A"]


def test_an_a_a_phase_that_sees_what_is_not_there_takes_the_gain(conclude: Callable[..., Analysis]) -> None:
    def worn(one: PeriodFigures) -> PeriodFigures:
        return (
            dataclasses.replace(one, device_w=one.device_w * 1.1) if one.period.arm.endswith(AGAIN) else one
        )

    found = conclude(edit=worn)
    assert against(found) == ["A/A"]
    assert against(found, BATTERY) == []
    assert "A/A: shows a difference where there is none in the agent's joules" in verdicts(found)[0]


def test_a_difference_within_the_meters_own_errors_is_no_alarm(conclude: Callable[..., Analysis]) -> None:
    def nearly(one: PeriodFigures) -> PeriodFigures:
        apart = 1e-4 if one.period.arm.endswith(AGAIN) else 0.0
        watts = 0.2 * (1 + apart + 1e-6 * one.place)
        return dataclasses.replace(one, device_w=watts, clocks_w=1e-4) if one.period.phase == "aa" else one

    aa = conclude(edit=nearly).versus[0].contrast(DEVICE)
    assert aa.comparison is not None
    assert aa.comparison.seen
    assert not aa.seen
    assert "A/A" not in against(conclude(edit=nearly))


def test_a_meter_that_is_too_poor_takes_the_gain(conclude: Callable[..., Analysis]) -> None:
    assert against(conclude(settings={"meter_offset_w": 1.0})) == ["error budget"]
    assert against(conclude(edit=lambda one: dataclasses.replace(one, clocks_w=1.0))) == ["error budget"]


def test_a_rest_takes_the_offset_from_the_agents_joules(conclude: Callable[..., Analysis]) -> None:
    assert against(conclude(settings={"meter_offset_w": 1.0}), AGENT) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"served": 90}, "served"), ({"latency_p95_s": 2.5}, "latency"), ({"latency_p95_s": math.nan}, "latency"),
        ({"data_age_s": 80.0}, "data age"), ({"right": 85}, "accuracy"),
    ],
)  # fmt: skip
def test_worse_service_takes_the_gain(
    conclude: Callable[..., Analysis], changes: dict[str, Any], name: str
) -> None:
    found = conclude(**changes, **({"right": 81} if "served" in changes else {}))
    for what in WATTS:
        assert against(found, what) == [name]


def test_an_older_model_takes_the_gain(conclude: Callable[..., Analysis]) -> None:
    def aged(one: PeriodFigures) -> PeriodFigures:
        return dataclasses.replace(one, model_age_s=500.0 if one.period.arm == "a" else 300.0 + one.place)

    assert against(conclude(edit=aged)) == ["model age"]


def test_better_service_does_not(conclude: Callable[..., Analysis]) -> None:
    assert against(conclude(right=99, latency_p95_s=1.0, data_age_s=10.0)) == []


def test_joules_of_several_sources_take_the_gain(conclude: Callable[..., Analysis]) -> None:
    def modelled(one: PeriodFigures) -> PeriodFigures:
        return (
            dataclasses.replace(one, ticks=dataclasses.replace(one.ticks, source="modelled"))
            if one.place == 9
            else one
        )

    found = conclude(edit=modelled)
    assert against(found) == ["pinned"]
    assert found.source == "measured and modelled"
    assert found.changed == ("joules are measured and modelled",)


@pytest.mark.parametrize("event", [STARTED, RESUMED])
def test_another_meter_takes_the_gain_after_a_break_too(
    event: str, plan: Callable[..., Plan], periods: Periods, log_of: Log
) -> None:
    found, another = periods(plan()), {"meter": "serial", "device_id": "other"}
    log = log_of(found)
    if event == STARTED:
        log[12]["meter"] |= another
    else:
        log.insert(13, {"event": RESUMED, "period": 6, "attempt": 1, "meter": log[12]["meter"] | another})
    concluding = concluded(plan(), found, log, real=True)
    assert against(concluding) == ["pinned"]
    assert concluding.changed == ("the meter's device_id was 0000abcd, in period 7 other",)


def test_what_the_person_chose_on_the_way_takes_the_gain(
    plan: Callable[..., Plan], periods: Periods, log_of: Log
) -> None:
    found = periods(plan())
    log = log_of(found)
    log[12]["chosen"] = {"battery_floor": 0.5}
    concluding = concluded(plan(), found, log, real=True)
    assert against(concluding) == ["pinned"]
    assert concluding.changed[0] == "the person's battery_floor was None, in period 7 0.5"


def test_another_meter_in_an_attempt_that_does_not_count_is_no_matter(
    plan: Callable[..., Plan], periods: Periods, log_of: Log
) -> None:
    found = periods(plan())
    log = log_of(found)
    log[:0] = [
        {"event": STARTED, "period": 0, "attempt": 0, "meter": {}},
        {"event": BROKEN_OFF, "period": 0, "attempt": 0},
        {"event": ENDED, "period": 0, "attempt": 0, "void": True},
    ]
    concluding = concluded(plan(), found, log, real=True)
    assert against(concluding) == []
    assert (concluding.void, concluding.broken_off) == (1, 1)


def test_figures_that_are_not_above_zero_are_not_compared(conclude: Callable[..., Analysis]) -> None:
    found = conclude(edit=lambda one: dataclasses.replace(one, rest_w=1.0))
    assert against(found, AGENT) == ["A/A", "seen"]
    assert against(found) == []
    assert "6 of 6 pairs (figures that are not above 0)" in verdicts(found)[1]


def test_the_true_change_is_told_where_it_is_known(conclude: Callable[..., Analysis]) -> None:
    found = conclude(edit=lambda one: dataclasses.replace(one, true_w=0.1 if one.period.arm == "a" else 0.4))
    assert found.versus[1].contrast(DEVICE).true_change == pytest.approx(-0.75)
    assert math.isnan(found.versus[1].contrast(AGENT).true_change)
    assert math.isnan(conclude().versus[1].contrast(DEVICE).true_change)


def test_a_number_given_again_after_a_reboot_hides_no_request(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    entries = [(7, 10.0, 1), (8, 11.0, 2), (9, 12.0, 3), (8, 50.0, 4), (9, 51.0, 5), (10, 99.0, 6)]
    told = [json.dumps({"request_id": r, "t_s": t_s, "label": y}) for r, t_s, y in entries]
    path.write_text("\n".join([*told[:3], '{"request_id": 9, "t_', *told[3:]]) + '\n{"torn')
    assert _asked(path, 0.0, 90.0) == [(7, 1), (0, 2), (0, 3), (8, 4), (9, 5)]
    assert _asked(path, 11.5, 51.0) == [(0, 3), (8, 4)]
    with pytest.raises(StoreError, match=r"missing\.jsonl: cannot be read"):
        _asked(tmp_path / "missing.jsonl", 0.0, 1.0)


def test_a_test_without_a_period_is_named(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="no period has ended yet"):
        analyse(bundle)


def test_a_log_without_its_figures_is_named(bundle: Bundle) -> None:
    bundle.note(event=ENDED, period=0, attempt=1, void=False)
    with pytest.raises(ConfigError, match="its log lacks"):
        analyse(bundle)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0" + bytes(200), b"text", None])
def test_a_store_that_is_none_is_named(bundle: Bundle, content: bytes | None) -> None:
    bundle.note(event=STARTED, period=0, attempt=1, count_s=0.0, until_s=9.0, meter={})
    bundle.note(event=ENDED, period=0, attempt=1, void=False, lost=0.0, errors=0, true_w=None)
    store = bundle.period(0, 1) / "device.db"
    store.parent.mkdir()
    if content is not None:
        store.write_bytes(content)
    with pytest.raises(StoreError, match=r"device\.db"):
        analyse(bundle)


@pytest.mark.slow
def test_noise_is_not_announced_more_often_than_it_should_be(conclude: Callable[..., Analysis]) -> None:
    rng = np.random.default_rng(0)

    def alike(one: PeriodFigures) -> PeriodFigures:
        watts = 0.3 * float(np.exp(rng.normal(0, 0.03)))
        return dataclasses.replace(one, device_w=watts, battery_w=watts)

    announced = sum(conclude(edit=alike).versus[1].announced(DEVICE) for _ in range(200))
    assert announced <= 11  # of 200 at 2.5 %, one side: 99 %


def test_a_damaged_page_of_a_store_is_named(tmp_path: Path) -> None:
    from circadia_lab.field.analysis.period_figures import _recorded

    path = tmp_path / "device.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE requests (id, label, latency_s)")
    db.close()
    with pytest.raises(StoreError, match=r"device\.db: is not a store of Circadia"):
        _recorded(path, 0.0, 1.0)
