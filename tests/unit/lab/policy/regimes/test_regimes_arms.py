"""The rivals, and the figures that are asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from circadia import cli
from circadia.energy.profile_file import shipped_profile
from circadia.types import WakeOn
from circadia_lab.policy.regimes import shipped
from circadia_lab.policy.regimes.arms import QUICK, apart_of, fixed_of, row_of
from circadia_lab.policy.regimes.chain import make_chain
from circadia_lab.policy.regimes.figures import regime_figures
from circadia_lab.policy.regimes.optimum import optimum
from circadia_lab.policy.regimes.regime import DAY_S, Regime
from circadia_lab.policy.regimes.sensitivity import plans, solve
from circadia_lab.policy.regimes.shipped import PHONE, PHONE_CNN, STOCK_BOARD, regime_named
from circadia_lab.policy.regimes.timers import coalesced

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize(("name", "coupling"), [("lte", 0.28), ("board", 0.03)])
def test_deciding_together_is_worth_what_is_promised(name: str, coupling: float) -> None:
    regime = regime_named(name)
    joint, apart = optimum(make_chain(regime)), apart_of(regime)
    assert joint.gap <= 1e-3
    assert 1 - (joint.joules + regime.base_j) / (apart.joules + regime.base_j) >= coupling


def test_choosing_when_to_wake_is_worth_what_is_promised() -> None:
    regime = regime_named("board")
    joint, fixed = optimum(make_chain(regime)), fixed_of(regime)
    assert fixed.wakes == pytest.approx(288)
    assert 1 - (joint.joules + regime.base_j) / (fixed.joules + regime.base_j) >= 0.65


@pytest.mark.slow
def test_a_row_holds_all_arms(small: Regime) -> None:
    row = row_of(replace(small, slot_s=300.0, wakes_on=frozenset({WakeOn.DUE})), QUICK._replace(more=True))
    assert row.rule is not None
    assert row.largest_gap <= 1e-3
    assert row.menu is not None
    assert row.gamed is not None
    assert row.menu.joules >= row.joint.lower
    assert row.rule.joules >= row.joint.lower
    found = regime_figures(row)
    assert found["saved_device"]["separate"] == pytest.approx(row.saved(row.apart.joules))
    assert found["saved_agent"]["separate"] > found["saved_device"]["separate"] > 0
    assert found["mean_age_limit"]["joint"] <= found["mean_age_limit"]["separate"]
    assert found["parameters"]["body"]["wake_j"] == {
        "value": 22.5,
        "source": "assumed: a boot of 15 s at 1.5 W",
    }
    json.dumps(found, allow_nan=False)


def test_without_slack_timers_spend_what_two_controllers_do() -> None:
    regime = regime_named("board")
    found = coalesced(regime, 0.0, wakes=300)
    assert found is not None
    assert found.joules.value == pytest.approx(apart_of(regime).joules, rel=3e-3)
    assert found.late.value == pytest.approx(regime.late, abs=4 * found.late.error)
    assert found == coalesced(regime, 0.0, wakes=300)


def test_slack_saves_wakes() -> None:
    regime = regime_named("board-held")
    none, some = (coalesced(regime, slack_s, wakes=150) for slack_s in (0.0, 900.0))
    assert none is not None
    assert some is not None
    assert some.joules.value + 3 * some.joules.error < none.joules.value - 3 * none.joules.error


def test_a_polled_timer_answers_as_late_as_renewals_say() -> None:
    """A queue that is looked at every T is late by (T − D) / T."""
    regime = replace(regime_named("board"), late=0.1)
    found = coalesced(regime, 0.0, wakes=300)
    assert found is not None
    assert found.timers.serve_s == pytest.approx(3600 / 0.9)
    assert found.late.value == pytest.approx(0.1, abs=4 * found.late.error + 1e-4)
    wakes = DAY_S / (3600 / 0.9) + DAY_S / (3 * 3600 / 0.8)
    assert found.wakes.value == pytest.approx(wakes, rel=3e-3)


def test_what_is_said_to_be_a_profile_s_is() -> None:
    phone, board = shipped_profile("pixel-3"), shipped_profile("pi-solar")
    power, time = phone.power, phone.duration
    assert PHONE.wake_j.value == pytest.approx(power.wake_up_w.value * time.wake_up_s.value)
    assert PHONE.radio_j.value == pytest.approx(power.radio_w.value * time.radio_setup_s.value)
    assert PHONE_CNN.train_j.value == pytest.approx(32 * 3.5 * power.serve_high_w.value, rel=0.01)
    assert PHONE.sleep_w.value == power.deep_sleep_w.value
    power, time = board.power, board.duration
    assert STOCK_BOARD.serve_j.value == pytest.approx(
        power.serve_high_w.value * time.serve_batch_overhead_s.value, rel=0.02
    )
    assert STOCK_BOARD.radio_j.value == pytest.approx(power.radio_w.value * time.radio_setup_s.value)


def test_more_joules_a_boot_make_waking_dearer(small: Regime, monkeypatch: pytest.MonkeyPatch) -> None:
    board = replace(small, name="board", slot_s=300.0, wakes_on=frozenset({WakeOn.DUE}))
    monkeypatch.setattr(shipped, "REGIMES", (board,))
    line = solve(plans(quick=True, names=("board",))[0])
    assert line.factor == "a wake-up, J"
    assert [point.value for point in line.points] == [11.25, 22.5, 45.0]
    assert line.points[2].waking > line.points[0].waking
    assert line.points[2].coupling > line.points[0].coupling > 0


@pytest.mark.slow
def test_the_quick_table(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "BARRED", ("board",))
    out, page = tmp_path / "r.json", tmp_path / "r.html"
    assert (
        cli.main(["policy", "oracle", "--regimes", "--quick", "--json", str(out), "--html", str(page)]) == 0
    )
    told = capsys.readouterr().out
    assert "board, 22.5 J a boot, local queue" in told
    assert "wake_board_device" in told
    assert "assumed: a boot of 15 s at 1.5 W" in told
    found = json.loads(out.read_text())
    assert found["wake_board_device"] >= 0.65
    assert found["gap_max"] <= 1e-3
    assert found["kind"] == "modelled"
    assert "<svg" in page.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--quick",), "--quick goes with --regimes"),
        (("--html", "p.html"), "--html goes with --regimes"),
        (("--regimes", "--coupling"), "--coupling: is of a grid problem"),
        (("--regimes", "--json", "r.txt"), "must end in .json"),
    ],
)
def test_what_does_not_go_together_is_said(
    capsys: pytest.CaptureFixture[str], words: tuple[Any, ...], told: str
) -> None:
    assert cli.main(["policy", "oracle", *words]) == 2
    assert told in capsys.readouterr().err
