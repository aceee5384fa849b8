"""Devices and batteries whose truth is known, calibrated by the command, and the training that follows."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia import cli
from circadia.config import parse_config
from circadia.energy.profile import Quantity, quantities
from circadia.energy.profile_file import dump_profile, load_profile, shipped_profile, with_quantities
from circadia.energy.work import with_work, work_of
from circadia.learning.task_file import load_task
from circadia.platforms.clocks import HandClock
from circadia.types import Load
from circadia.wiring import Parts, build, profile_of
from circadia_field.virtual_device import VirtualDevice
from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.body_meter import measuring
from circadia_lab.meter.board.simulator import BoardErrors, SimulatedBoard
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.problem import find_problem
from circadia_meter.recording import Recorder
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.agent import Agent
    from circadia.config import DeviceConfig
    from circadia.energy.profile import Cell, DeviceProfile

BEGUN = shipped_profile("pixel-3")
NIGHT_S, MORNING_S = 2 * 3600.0, 9 * 3600.0
TRUE_C, TRUE_OHM = 9000.0, 0.2
NEEDS_BOARD = pytest.mark.skipif(
    shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file(),
    reason=f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}",
)


def truth() -> DeviceProfile:
    """The device as it is: each power is off from the profile's by up to 40 %, the battery is worn."""
    rng = np.random.default_rng(3)
    changes = {
        key: replace(quantity, value=quantity.value * float(rng.uniform(0.7, 1.4)), source="truth")
        for key, quantity in quantities(BEGUN).items()
        if key.startswith("power.")
    }
    changes["battery.capacity_c"] = Quantity(value=TRUE_C, uncertainty=0, source="truth")
    return replace(with_quantities(BEGUN, changes), name="truth")


def configured(folder: Path, name: str, seed: int, period_s: float) -> DeviceConfig:
    """A device that is as `truth` says."""
    profile = folder / "truth.toml"
    profile.write_text(dump_profile(truth()), encoding="utf-8")
    return parse_config(
        {
            "agent": {"policy": "drift-plus-penalty", "period_s": period_s, "seed": seed},
            "platform": {"profile": str(profile), "initial_soc": 0.9},
            "store": {"path": str(folder / name)},
        }
    )


def work(agent: Agent, rng: np.random.Generator) -> None:
    """What comes in before a tick."""
    for _ in range(rng.poisson(1.0)):
        agent.submit(np.zeros((8, 8, 1), np.float32))
    for _ in range(rng.poisson(2.0)):
        agent.add_example(rng.random((8, 8, 1)).astype(np.float32), int(rng.integers(10)))


def lived(folder: Path, name: str, seed: int, *, ticks: int = 300, jitter: float = 0.5) -> Path:
    """A store of a simulated device with the body's own meter; ticks of a minute, more or less."""
    return lived_by(
        configured(folder, name, seed, 60.0), folder / name, seed=seed, ticks=ticks, jitter=jitter
    )


def lived_by(config: DeviceConfig, store: Path, *, seed: int = 0, ticks: int, jitter: float = 0.5) -> Path:
    """The same of a device of that configuration."""
    clock, rng = HandClock(MORNING_S), np.random.default_rng(seed)
    agent = build(config, parts=Parts(clock=clock)).agent
    for _ in range(ticks):
        work(agent, rng)
        agent.ingest()
        agent.learn()
        agent.tick()
        clock.t_s += 60.0 * rng.uniform(1 - jitter, 1 + jitter)
    agent.close()
    return store


def discharged(path: Path, cell: Cell, *, charge_c: float, seed: int) -> Path:
    """A recording of the meter's firmware at the leads of a battery that is emptied by a current of three levels."""
    board = SimulatedBoard(
        firmware.build_simulator(),
        firmware.build(),
        BoardErrors(drift_ppm=50, shunt_ohm=0.02, noise_v=3e-6, seed=seed),
    )
    session, rng = MeterSession(period_us=5000, shunt_ohm=0.02), np.random.default_rng(seed)
    recorder = Recorder(path, {"simulated": True, "shunt_ohm": 0.02})
    session.connected(0.0)
    t_s, soc, until_s, amperes = 0.0, 1.0, 3.0, 0.0
    while soc > 0:
        if t_s >= until_s:
            until_s, amperes = t_s + rng.uniform(0.3, 3), rng.choice([0.2, 0.6, 1.6])
        open_circuit = np.interp(soc, cell.open_circuit_v.soc, cell.open_circuit_v.value)
        board.load(t_s, amperes, float(open_circuit) - TRUE_OHM * amperes)
        if data := session.outgoing(t_s):
            board.write(data, t_s + 1e-4)
        t_s, soc = t_s + 0.005, soc - 0.005 * amperes / charge_c
        board.run(t_s)
        data, times = board.read()
        if data:
            at_s = float(times[-1]) + 2e-4
            recorder.listen(session, at_s, data, session.receive(data, at_s))
    recorder.close(session, t_s)
    board.close()
    return path


def calibrated(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["lab", "calibrate", *map(str, words), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.slow
def test_powers_and_capacity_of_a_simulated_device_come_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [lived(tmp_path, f"{seed}.db", seed) for seed in (1, 2)]
    later = lived(tmp_path, "later.db", 3, ticks=120)
    out, page = tmp_path / "fitted.toml", tmp_path / "page.html"
    found = calibrated(
        capsys, *stores, "--held-out", later, "--profile", "pixel-3", "--out", out, "--html", page
    )
    fitted, true = load_profile(out), truth()
    ran = [key for key in found["found"] if key.startswith("power.")]
    assert {"power.deep_sleep_w", "power.wake_up_w", "power.train_low_w", "power.serve_high_w"} <= set(ran)
    for key in [*ran, "battery.capacity_c"]:
        quantity = quantities(fitted)[key]
        assert quantity.value == pytest.approx(quantities(true)[key].value, abs=3 * quantity.uncertainty), key
        assert quantity.uncertainty < 0.2 * quantity.value, key
        assert quantity.source.startswith("simulated: ticks of 1.db, 2.db")
    assert found["source"] == "simulated"
    judged = found["held_out"]
    error, before = judged["total_error"][0], judged["before_error"][0]
    assert abs(error) < 0.01
    assert abs(before) > 0.02
    assert judged["r2"] > judged["before_r2"]
    assert found["left_out"] > 0
    assert page.read_text(encoding="utf-8").count("<svg") == 2


def test_equal_ticks_leave_the_wake_up_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = lived(tmp_path, "regular.db", 0, jitter=0.0)
    out = tmp_path / "fitted.toml"
    found = calibrated(capsys, store, "--profile", "pixel-3", "--out", out)
    assert "same proportion" in found["as_they_were"]["power.wake_up_w"]
    fitted, true = load_profile(out), truth()
    assert fitted.power.wake_up_w == BEGUN.power.wake_up_w
    for load in (Load.DEEP_SLEEP, Load.TRAIN_LOW, Load.SERVE_HIGH):
        quantity = quantities(fitted)[f"power.{load.name.lower()}_w"]
        assert quantity.value == pytest.approx(true.power_w(load), abs=3 * quantity.uncertainty)
    assert abs(found["held_out"]["total_error"][0]) < 0.002


@NEEDS_BOARD
@pytest.mark.slow
def test_a_battery_comes_back_from_the_meters_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = shipped_profile("pi-solar").battery
    one, two = (discharged(tmp_path / f"{seed}.cimr", cell, charge_c=110.0, seed=seed) for seed in (0, 1))
    out = tmp_path / "fitted.toml"
    found = calibrated(
        capsys, "--recording", f"{one}=1:0", "--held-out", f"{two}=1:0", "--profile", "pixel-3", "--out", out
    )
    battery = load_profile(out).battery
    wrong_v = np.abs(np.array(battery.open_circuit_v.value) - np.array(cell.open_circuit_v.value))
    assert (wrong_v <= 3 * np.array(found["curve_sd_v"])).all()
    assert wrong_v.max() <= battery.open_circuit_v.uncertainty
    ohm = battery.internal_resistance_ohm
    assert ohm.value == pytest.approx(TRUE_OHM, abs=3 * ohm.uncertainty)
    assert ohm.uncertainty < 0.01
    assert battery.capacity_c is not None
    assert battery.capacity_c.value == pytest.approx(110.0, abs=3 * battery.capacity_c.uncertainty)
    volts = found["held_out_volts"]
    assert volts["rms_v"][2] < 0.01
    assert volts["before_v"][1] > 0.1
    assert found["source"] == "simulated"
    assert battery.open_circuit_v.source.startswith("simulated: discharge in 0.cimr")


@NEEDS_BOARD
@pytest.mark.slow
def test_a_device_under_the_meters_firmware_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path, "device.db", 0, 5.0)
    device = VirtualDevice(
        config,
        start_s=NIGHT_S,
        measure=measuring(
            start_s=NIGHT_S, errors=BoardErrors(drift_ppm=80, shunt_ohm=0.02, noise_v=3e-6), period_us=2000
        ),
    )
    rng = np.random.default_rng(0)
    for _ in range(90):
        work(device.agent, rng)
        device.tick()
        device.clock.t_s += rng.uniform(0, 4)
    device.close()
    out = tmp_path / "fitted.toml"
    found = calibrated(capsys, tmp_path / "device.db", "--profile", "pixel-3", "--out", out)
    fitted, true = load_profile(out), truth()
    ran = [key for key in found["found"] if key.startswith("power.")]
    assert {"power.deep_sleep_w", "power.train_low_w"} <= set(ran)
    for key in ran:
        quantity = quantities(fitted)[key]
        assert quantity.value == pytest.approx(quantities(true)[key].value, abs=3 * quantity.uncertainty), key
    assert "battery.capacity_c" in found["as_they_were"]
    assert abs(found["held_out"]["total_error"][0]) < min(0.02, abs(found["held_out"]["before_error"][0]))


def energy_a_tick(problem: Path, action: int) -> float:
    """Mean joules of a tick, of devices that begin alike and do the same."""
    fleet = Fleet(find_problem(str(problem)), 200)
    random = np.random.default_rng(0)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    from circadia_lab.policy.env.chance import DRAWS

    advanced = fleet.advance(state, np.full(fleet.shape, action), random.random((*fleet.shape, DRAWS)))
    return float(advanced.result.energy_j.sum(axis=-1).mean())


@pytest.mark.slow
def test_the_training_lives_on_the_fitted_powers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from circadia_lab.policy.cmoppo.config import Config
    from circadia_lab.policy.commands import train
    from circadia_lab.policy.env.environment import TrainingEnvironment
    from circadia_lab.policy.study import ground

    store = lived(tmp_path, "device.db", 1)
    found = calibrated(capsys, store, "--profile", "pixel-3", "--out", tmp_path / "mine.toml")
    problem, _, training = found["next"].partition(" && ")
    subprocess.run(problem, shell=True, check=True)
    fitted = load_profile(tmp_path / "mine.toml")

    begun = tmp_path / "begun.toml"
    begun.write_text('devices = [{ profile = "pixel-3", scenario = "phone" }]', encoding="utf-8")
    mine = tmp_path / "mine-problem.toml"
    asleep = [energy_a_tick(path, 0) for path in (mine, begun)]
    ratio = fitted.power.deep_sleep_w.value / BEGUN.power.deep_sleep_w.value
    assert ratio < 0.9
    assert asleep[0] / asleep[1] == pytest.approx(ratio, abs=0.15)

    seen: list[Any] = []

    class Watched(TrainingEnvironment):
        def __init__(self, problem: Any, batch: int) -> None:
            super().__init__(problem, batch)
            seen.append(problem)

    monkeypatch.setattr("circadia_lab.policy.env.environment.TrainingEnvironment", Watched)
    monkeypatch.setattr(ground, "BATCH", 24)
    monkeypatch.setattr(train, "EXPORT_COPIES", 1)
    tiny = Config(
        steps=192, ticks=4, free_share=0.125, actor_width=8, critic_width=8, epochs=1, minibatches=2, judgements=2,
        judged_ticks=8, judged_warm_up=2, extension_share=0.0, extension_rounds=0,
    )  # fmt: skip
    monkeypatch.setattr(ground.FullGround, "config", tiny)
    words = training.split()
    assert words[:3] == ["circadia", "policy", "train"]
    assert cli.main([*words[1:], "--steps", "192"]) == 0
    assert (tmp_path / "mine.tflite").is_file()
    assert seen
    assert all(one.devices[0].profile == fitted for one in seen)


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert cli.main(["lab", "calibrate", *map(str, words)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def test_what_is_wrong_is_named_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = lived(tmp_path, "a.db", 0, ticks=50)
    rest = ("--profile", "pixel-3", "--out", tmp_path / "out.toml")
    nothing = tmp_path / "nothing"
    assert f"{nothing}.db: no such file" in refusal(capsys, f"{nothing}.db", *rest)
    assert f"{nothing}.cimr: there is no such recording" in refusal(
        capsys, store, "--recording", f"{nothing}.cimr", *rest
    )
    assert f"{nothing}.cimr: is a meter's recording" in refusal(capsys, f"{nothing}.cimr", *rest)
    assert f"{store}: is no recording of a meter" in refusal(capsys, store, "--recording", store, *rest)
    assert "name a STORE.db, or a --recording" in refusal(capsys, *rest)
    assert "two states of charge" in refusal(capsys, store, "--recording", "x.cimr=3", *rest)
    assert "its folder does not exist" in refusal(capsys, store, *rest, "--html", nothing / "page.html")
    assert "ends in .toml" in refusal(capsys, store, "--profile", "pixel-3", "--out", tmp_path / "out.txt")
    assert not (tmp_path / "out.toml").exists()
    with sqlite3.connect(store) as db:
        db.execute("UPDATE ticks SET observation = x'00000000'")
    db.close()
    assert "tick 1 is damaged" in refusal(capsys, store, *rest)
    (tmp_path / "out.toml").touch()
    assert "exists already" in refusal(capsys, store, *rest)


def test_the_lines_for_people_name_what_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = lived(tmp_path, "a.db", 0, ticks=100)
    out = tmp_path / "out.toml"
    assert cli.main(["lab", "calibrate", str(store), "--profile", "pixel-3", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"{out}: written" in told
    assert told.rstrip().endswith(f"--problem {tmp_path}/out-problem.toml --out {tmp_path}/out.tflite")
    assert "(simulated): sum foretold" in told
    assert "as it was: " in told


def test_the_work_of_the_devices_own_task_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path, "device.db", 0, 60.0)
    config = replace(config, platform=replace(config.platform, work="task"))
    store, out = lived_by(config, tmp_path / "device.db", ticks=150), tmp_path / "fitted.toml"
    task = load_task("digits")
    true = profile_of(config.platform, task).duration
    found = calibrated(capsys, store, "--profile", "pixel-3", "--task", "digits", "--out", out)
    fitted = load_profile(out)
    assert "duration.train_step_high_s" in found["found"]
    for clock in ("low", "high"):
        step = getattr(fitted.duration, f"train_step_{clock}_s")
        assert step.value == pytest.approx(getattr(true, f"train_step_{clock}_s").value, rel=0.01)
    # An invocation that was measured holds all that a batch takes.
    whole = true.serve_batch_overhead_s.value + true.serve_request_high_s.value
    assert fitted.duration.serve_request_high_s.value == pytest.approx(whole, rel=0.01)
    assert fitted.answers == task.infer_batch
    same = with_work(fitted, work_of(task.name, task.model, task.infer_batch)).duration
    assert same.train_step_high_s.value == pytest.approx(fitted.duration.train_step_high_s.value)
    other = refusal(
        capsys, store, "--profile", "pixel-3", "--task", "digits-head", "--out", tmp_path / "b.toml"
    )
    assert "device.db belongs to another task" in other
