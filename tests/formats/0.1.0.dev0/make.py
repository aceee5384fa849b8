"""Writes the files beside it, with the code of the version that the folder is named after; no other code may run it.

Run at that version's commit: `.venv/bin/python tests/formats/0.1.0.dev0/make.py`. What the readers of that version
made of the files is in `told.json`: later versions have to make the same of them.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

import circadia
from circadia.config import AgentConfig, DeviceConfig, PlatformConfig, StoreConfig
from circadia.energy.profile_file import load_profile
from circadia.federation.ledger import Ledger
from circadia.federation.records import UpdateRecord, Verdict, Version
from circadia.learning.task_file import load_task
from circadia.observation import values
from circadia.policy.artifact import shipped_policy
from circadia.policy.network import NetworkPolicy
from circadia.store import SqliteStore
from circadia.types import Link, ModelUpdate, Observation, Outcome, TickRecord
from circadia.wiring import make_policy
from circadia_lab.calibration.states import read_states
from circadia_lab.demo.device_log import read_log
from circadia_lab.demo.device_rows import read_row
from circadia_lab.field.analysis import analyse
from circadia_lab.field.bundle import PINS, RESULT, Bundle
from circadia_lab.field.packing import pack, seal
from circadia_lab.field.pins import PROFILE
from circadia_lab.field.result import as_json
from circadia_lab.field.ticks import read_ticks
from circadia_lab.field.virtual_device import VirtualDevice
from circadia_lab.replay.trace import read_trace

HERE = Path(__file__).parent
VERSION = HERE.name
TASK = "digits-head"
TICKS = 60
ARMS = ["--arm", "thrifty=threshold", "--arm", "eager=drift-plus-penalty"]
SHORT = [
    "--hours",
    "0.03",
    "--washout",
    "0.006",
    "--requests",
    "600",
    "--examples",
    "600",
    "--deadline",
    "20",
]


def folded(path: Path, target: Path) -> None:
    """The whole database as one file."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    shutil.copyfile(path, target)


def store(folder: Path) -> None:
    """A phone with a battery at its floor: it serves and trains, limits mask, requests expire, updates are made."""
    config = DeviceConfig(
        agent=AgentConfig(policy="default", task=TASK, period_s=60.0),
        platform=PlatformConfig(initial_soc=0.17),
        store=StoreConfig(path=folder / "device.db"),
    )
    task = load_task(TASK)
    random = np.random.default_rng(0)
    device = VirtualDevice(config, firmware=False)
    agent = device.agent
    for tick in range(TICKS):
        x = (random.random(task.input_shape) > 0.5).astype(np.float32)
        if tick % 3 == 0:
            answer = agent.submit(x, deadline_s=50.0 if tick % 2 else 400.0)
            answer.add_done_callback(lambda answer, tick=tick: labelled(answer, tick))  # type: ignore[misc]
        agent.add_example(x, tick % 10)

        def labelled(answer: Any, tick: int) -> None:
            if answer.exception() is None:
                agent.feedback(answer.result().request_id, tick % 10)

        device.tick()
    agent.learn()
    last = agent.store.last_tick()
    assert last is not None
    device.stop()
    with SqliteStore(folder / "device.db") as kept:
        for number, model in enumerate(("a", "b", "c")):
            update = ModelUpdate(
                update_id=model * 32, task=task.digest, base_version=number, examples=8 * (number + 1),
                codec="int8", payload=bytes(range(60 + number)), created_s=100.0 * number,
            )  # fmt: skip
            decision = kept_decision(agent, last.observation)
            kept.commit(
                TickRecord(
                    t_s=last.t_s + 60 * (number + 1), observation=last.observation, decision=decision,
                    outcome=Outcome(update=update), version=0,
                )
            )  # fmt: skip
        kept.acknowledge("a" * 32, True, "")
        kept.acknowledge("b" * 32, False, "the base version is too old")
    folded(folder / "device.db", HERE / "device.sqlite")


def kept_decision(agent: Any, observation: Observation) -> Any:
    """One that the battery's floor and the link forbid."""
    x = values(dataclasses.replace(observation, battery_soc=0.1, link=float(Link.NONE)))
    return agent.shield.decide(x, np.arange(19, dtype=np.float32), 0.999)


def ledger(folder: Path) -> None:
    """Versions 1 to 3, the first without weights; accepted, rejected and buffered updates."""
    task = load_task(TASK)
    book = Ledger(folder / "ledger.db", task=task.digest, parameters=task.parameters, keep_versions=2)
    random = np.random.default_rng(1)
    for number in (1, 2, 3):
        weights = random.normal(0, 0.01, task.parameters).astype(np.float32)
        book.keep_version(
            Version(
                number=number, published_s=100.0 * number, weights=weights, updates=number - 1, examples=8
            )
        )
        for device, accepted in (("kitchen", True), ("hall", number != 2), ("spy", False)):
            book.keep_update(
                UpdateRecord(
                    device=device, update_id=f"{number:032x}", received_s=100.0 * number + 5,
                    verdict=Verdict(accepted=accepted, reason="" if accepted else "its base is unknown"),
                    base_version=number if accepted else None, staleness=0 if accepted else None,
                    examples=8 if accepted else None, codec="int8" if accepted else None,
                    payload=bytes(range(40)) if accepted else None,
                )
            )  # fmt: skip
        book.commit()
    book.close()
    folded(folder / "ledger.db", HERE / "ledger.sqlite")


def bundle(folder: Path) -> None:
    """Two arms, six pairs, of two minutes each; without the page, which nothing reads."""
    random = np.random.default_rng(2)
    x = (random.random((40, *load_task(TASK).input_shape)) > 0.5).astype(np.float32)  # packs well
    np.savez_compressed(folder / "examples.npz", x=x, y=np.arange(40) % 10)
    text = f'[agent]\nperiod_s = 10\ntask = "{TASK}"\n[platform]\nkind = "simulated"\n'
    (folder / "field.toml").write_text(text)
    plan, test = folder / "plan.json", folder / "test"
    field("plan", "--agent-share", "0.5", "--pairs", "6", *ARMS, *SHORT, "--out", plan)
    words = ["--plan", plan, "--config", folder / "field.toml", "--examples", folder / "examples.npz"]
    field("run", test, *words, "--virtual=body")
    done = Bundle(test)
    result = as_json(analyse(done), load_profile(test / "pinned" / PROFILE))
    (test / RESULT).write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    pins = json.loads((test / PINS).read_text())
    (test / PINS).write_text(json.dumps(pins | {"machine": "Linux"}, indent=1) + "\n")
    seal(done)
    shutil.copyfile(pack(test), HERE / "bundle.zip")


def field(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "circadia", "field", *map(str, words)], check=True)


def policy() -> None:
    shutil.copyfile(shipped_policy(), HERE / "policy.tflite")
    shutil.copyfile(shipped_policy().with_suffix(".json"), HERE / "policy.json")


def plain(value: Any) -> Any:
    """Fit for JSON."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value


def told() -> dict[str, Any]:
    """What this version's readers make of the files."""
    path = HERE / "device.sqlite"
    log, trace, states, ticks = read_log(path), read_trace(path), read_states(path), read_ticks(path)
    task = load_task(TASK)
    book = Ledger(HERE / "ledger.sqlite", task=task.digest, parameters=task.parameters, read_only=True)
    network = make_policy(str(HERE / "policy.tflite"))
    assert isinstance(network, NetworkPolicy)
    newest = book.newest()
    assert newest is not None
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        masked = db.execute("SELECT id, masked FROM ticks WHERE masked IS NOT NULL ORDER BY id").fetchall()
        phases = db.execute("SELECT id, phases FROM ticks ORDER BY id").fetchall()
    from circadia.shield import forbidden_names

    return {
        "log": {
            "ticks": log.ticks, "requests": log.requests, "trainings": log.trainings, "updates": log.updates,
            "example_ids": log.examples.ids, "x_sum": float(log.examples.x.sum()), "labels": log.examples.labels,
            "version": log.model and log.model.version,
            "weights_sum": float(log.model.weights.sum()) if log.model else None,
        },
        "masked": {
            tick: {limit: forbidden_names(bits) for limit, bits in json.loads(text).items()}
            for tick, text in masked
        },
        "phases": {tick: json.loads(text) for tick, text in phases},
        "trace": {
            "t_s": trace.t_s, "x": trace.x, "admitted": trace.admitted.astype(int), "proposed": trace.proposed,
            "action": trace.action, "feasible": trace.feasible,
        },
        "states": states,
        "ticks": ticks,
        "row": read_row(path, "phone", "pixel-3"),
        "ledger": {"kept": book.kept(), "newest_sum": float(newest.weights.sum()), "newest": newest.number,
                   "updates": [dataclasses.replace(one, payload=None) for one in book.updates()],
                   "buffered": [one.update_id for one in book.buffered()]},
        "scores": network.scores(trace.x[0]),
    }  # fmt: skip


def main() -> None:
    """All of them."""
    if circadia.__version__ != VERSION:
        raise SystemExit(f"this is Circadia {circadia.__version__}; the files are {VERSION}'s")
    with tempfile.TemporaryDirectory() as name:
        store(Path(name))
        ledger(Path(name))
        bundle(Path(name))
    policy()
    (HERE / "told.json").write_text(json.dumps(plain(told())) + "\n")


if __name__ == "__main__":
    main()
