"""A field test as its user has it: plan, run, killed, run on, analyse, verify; in virtual time with the agent in process."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from circadia_field.bundle import Bundle
from circadia_lab.field.analysis.analysis import analyse
from circadia_lab.meter.board import firmware

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow
needs_firmware = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)

DEVICE = '[agent]\nperiod_s = {period_s}\n[platform]\nkind = "simulated"\n'
ARMS = ["--arm", "thrifty=threshold", "--arm", "eager=drift-plus-penalty"]
SHORT = ["--hours", "0.05", "--washout", "0.01", "--requests", "600", "--examples", "300"]
START_S = 60
"""Longest wait for something to happen."""


def circadia(*words: str | Path, code: int = 0) -> str:
    """Its standard output; on failure, stderr comes with it."""
    command = [sys.executable, "-m", "circadia", "field", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def begin(folder: Path, *plan: str, period_s: float = 5.0) -> list[str]:
    """Freeze a plan and write a device; → the words that begin the test."""
    (folder / "device.toml").write_text(DEVICE.format(period_s=period_s))
    circadia("plan", "--agent-share", "0.5", "--pairs", "6", *plan, "--out", folder / "plan.json")
    return ["--plan", str(folder / "plan.json"), "--config", str(folder / "device.toml")]


def result(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "result.json").read_text())
    return found


def waited_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def log(bundle: Path) -> list[dict[str, Any]]:
    path = bundle / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def has_begun(bundle: Path, periods: int) -> bool:
    return len(log(bundle)) > 2 * periods


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a test that ran through without a break, analysed and packed."""
    folder = tmp_path_factory.mktemp("whole")
    bundle = folder / "test"
    circadia("run", bundle, *begin(folder, *ARMS, *SHORT), "--virtual=body")
    circadia("analyse", bundle)
    return bundle


def test_a_test_that_was_killed_finds_what_one_finds_that_was_not(whole: Path, tmp_path: Path) -> None:
    words = begin(tmp_path, *ARMS, *SHORT)
    bundle = tmp_path / "test"
    command = [sys.executable, "-m", "circadia", "field", "run", str(bundle), *words, "--virtual=body"]
    for kill, after in ((signal.SIGKILL, 5), (signal.SIGINT, 11)):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            waited_for(partial(has_begun, bundle, after))
            process.send_signal(kill)
            _, errors = process.communicate(timeout=START_S)
        assert process.returncode == (130 if kill == signal.SIGINT else -kill)
        assert "Traceback" not in errors
        command = command[:6]
    assert "all 24 periods done" in circadia("run", bundle)
    assert [entry["period"] for entry in log(bundle) if entry["event"] == "ended"] == list(range(24))
    circadia("analyse", bundle)
    assert result(bundle) == result(whole)


def test_what_was_found_is_found_again_and_any_change_to_it(whole: Path, tmp_path: Path) -> None:
    digest = result(whole)["plan_sha256"]
    for packed in (whole, whole.with_name("test.zip")):
        assert "all agrees" in circadia("verify", packed, "--plan-hash", digest[:12])
    assert "all agrees" in circadia("verify", whole)  # looking changes nothing
    assert f"plan.json: has the hash {digest}, not 0000" in circadia(
        "verify", whole, "--plan-hash", "0000", code=1
    )

    def damaged(name: str, at: int, code: int) -> str:
        copy = tmp_path / f"{name.replace('/', '-')}-{at}"
        shutil.copytree(whole, copy)
        content = bytearray((copy / name).read_bytes())
        content[at] ^= 1
        (copy / name).write_bytes(content)
        return circadia("verify", copy, code=code)

    store = next(path for path in sorted(whole.glob("periods/*/device.db"))).relative_to(whole).as_posix()
    assert f"{store}: was changed" in damaged(store, 4242, 1)
    # a store that cannot be read at all
    assert f"{store}: was changed" in damaged(store, 3, 2)
    text = (whole / "result.json").read_text()
    told = damaged(
        "result.json", text.index('"device_w"') + text[text.index('"device_w"') :].index("0.") + 2, 1
    )
    assert "result.json: was changed" in told
    assert "periods[0].device_w: the bundle says 0." in told
    plan = (whole / "plan.json").read_text()
    assert "plan.json: was changed after it was frozen" in damaged(
        "plan.json", plan.index('"noise": 0.0') + 12, 2
    )
    assert "pinned/examples.npz: was changed" in damaged("pinned/examples.npz", 500, 2)


def test_a_bundle_that_was_changed_and_sealed_again_does_not_agree_with_its_raw_data(
    whole: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "test"
    shutil.copytree(whole, copy)
    path = copy / "result.json"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    found = result(copy)
    found["versus"][1]["joules"]["agent"]["announced"] = True
    path.write_text(json.dumps(found))
    sums = copy / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(old, hashlib.sha256(path.read_bytes()).hexdigest()))
    assert "announced: the bundle says True, its raw data False" in circadia("verify", copy, code=1)


def test_a_plan_that_was_changed_after_the_start_stops_the_run(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "test"
    shutil.copytree(whole, copy)
    (copy / "plan.json").write_text((copy / "plan.json").read_text().replace('"pairs": 6', '"pairs": 7'))
    assert "plan.json: was changed after it was frozen" in circadia("run", copy, code=2)
    assert "plan.json: was changed after it was frozen" in circadia("analyse", copy, code=2)


def test_a_disk_that_is_full_stops_the_analysis_with_a_word(whole: Path, tmp_path: Path) -> None:
    copy = tmp_path / "test"
    shutil.copytree(whole, copy)
    limited = [
        "bash", "-c", f"ulimit -f 8; trap '' XFSZ; exec {sys.executable} -m circadia field analyse {copy}",
    ]  # fmt: skip
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "free some disk space" in done.stderr
    circadia("analyse", copy)
    assert "all agrees" in circadia("verify", copy)


def test_a_test_in_real_time_goes_on_with_the_period_in_which_it_was_ended(tmp_path: Path) -> None:
    short = [
        "--hours",
        "0.003",
        "--washout",
        "0.001",
        "--requests",
        "2400",
        "--examples",
        "1200",
        "--deadline",
        "3",
    ]
    words = begin(tmp_path, *ARMS, *short, period_s=1.0)
    bundle = tmp_path / "test"
    command = [sys.executable, "-m", "circadia", "field", "run", str(bundle)]

    def ended_when(condition: Callable[[], bool], command: list[str]) -> None:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            waited_for(condition)
            process.send_signal(signal.SIGTERM)
            told, _ = process.communicate(timeout=START_S)
        assert process.returncode == 0, told
        assert "broken off" in told

    def half_way() -> bool:
        return bool(log(bundle)) and time.time() > log(bundle)[0]["count_s"] + 3

    ended_when(half_way, [*command, *words])
    assert [entry["event"] for entry in log(bundle)] == ["started", "broken off"]
    ended_when(lambda: len(log(bundle)) >= 5, command)
    started, broken_off, resumed, ended, following = log(bundle)[:5]
    assert (resumed["event"], ended["event"], following["event"]) == ("resumed", "ended", "started")
    for key in ("start_s", "count_s", "until_s"):
        assert resumed[key] == started[key]
    assert started["count_s"] < broken_off["at_s"] < started["until_s"]
    assert (ended["void"], ended["errors"]) == (False, 0)
    assert (following["period"], following["start_s"] > started["until_s"]) == (1, True)
    circadia("analyse", bundle)
    assert "1 of 24 periods are done" in (bundle / "report.html").read_text()
    [period] = analyse(Bundle(bundle)).periods
    assert period.asked > 0
    assert period.served > 0
    assert period.lost_share < 0.05


def of_device(found: dict[str, Any], versus: int) -> dict[str, Any]:
    joules: dict[str, Any] = found["versus"][versus]["joules"]["device"]
    return joules


def test_the_difference_that_is_there_in_the_long_run_lies_inside_the_interval(tmp_path: Path) -> None:
    """Six pairs; then fifty others of the same arms, with other requests and other chance, whose mean is nearly the truth."""
    plan = [*ARMS, *SHORT]
    circadia("run", tmp_path / "test", *begin(tmp_path, *plan), "--virtual=body")
    circadia("analyse", tmp_path / "test")
    found = result(tmp_path / "test")
    assert not [one for one in found["versus"][0]["joules"].values() if one["low"] > 0 or one["high"] < 0]
    long = tmp_path / "long"
    long.mkdir()
    circadia("run", long / "test", *begin(long, *plan, "--seed", "1", "--pairs", "50"), "--virtual=body")
    pairs = analyse(Bundle(long / "test")).versus[1].pairs
    logs = np.array([math.log(ours.device_w / theirs.device_w) for ours, theirs in pairs])
    truth, deviation = math.expm1(logs.mean()), logs.std(ddof=1) / math.sqrt(len(logs))
    seen = of_device(found, 1)
    assert deviation < 0.05
    assert seen["low_with_budget"] < truth < seen["high_with_budget"] < 0
    assert stats.ttest_1samp(logs, 0).pvalue < 1e-6


@needs_firmware
def test_the_loop_with_the_firmware_finds_the_difference_that_flowed_and_no_other(tmp_path: Path) -> None:
    short = [
        "--hours",
        "0.02",
        "--washout",
        "0.003",
        "--requests",
        "900",
        "--examples",
        "300",
        "--deadline",
        "20",
    ]
    circadia("run", tmp_path / "test", *begin(tmp_path, *ARMS, *short), "--virtual")
    told = circadia("analyse", tmp_path / "test")
    found = result(tmp_path / "test")
    assert "A/A: no difference found, as it should be" in told
    same, other = of_device(found, 0), of_device(found, 1)
    assert same["low_with_budget"] <= 0 <= same["high_with_budget"]
    assert same["low_with_budget"] <= same["true_change"] <= same["high_with_budget"]
    assert other["low_with_budget"] < other["true_change"] < other["high_with_budget"] < 0
    # the meter's part of the difference is as small as its budget says
    assert abs(math.log1p(other["change"]) - math.log1p(other["true_change"])) < 3 * other["budget"]
    plan = json.loads((tmp_path / "test" / "plan.json").read_text())["plan"]
    for period in found["periods"]:
        assert period["served"] > 0
        allowed_w = 3 * math.hypot(
            period["clocks_w"], plan["meter_gain"] * period["device_w"], plan["meter_offset_w"]
        )
        assert abs(period["device_w"] - period["true_w"]) < allowed_w
    assert found["source"] == "simulated"
    assert "all agrees" in circadia("verify", tmp_path / "test.zip")
