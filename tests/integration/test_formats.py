"""Files of earlier versions, whole and cut off: read as those versions read them, used on, never changed by looking."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia import cli
from circadia.actions import FACTS, FIRST, INDEX, NAMES
from circadia.config import load_config
from circadia.errors import CircadiaError, StoreError
from circadia.federation.aggregate.ledger import Ledger, progress
from circadia.federation.aggregate.records import UpdateRecord, Verdict, Version
from circadia.idle import idle
from circadia.learning.task_file import load_task
from circadia.observation import COLUMN, TABLE
from circadia.platforms.kinds import SimulatedConfig
from circadia.policy.sampling import sample
from circadia.policy.sleeps import draw_one
from circadia.ports import SleepingPolicy
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.wiring import build, make_policy
from circadia_field.packing import opened
from circadia_field.ticks import read_ticks
from circadia_lab.fleet.demo.device_log import read_log
from circadia_lab.fleet.demo.device_rows import read_row
from circadia_lab.measure.calibration.states import read_states
from circadia_lab.policy.replay.trace import read_trace

if TYPE_CHECKING:
    from circadia.learning.task import Task
    from circadia_lab.policy.replay.trace import Trace

FEATURES = 26
"""That an observation had."""
FORMATS = Path(__file__).parents[1] / "formats"
TASK = "digits-head"


@pytest.fixture(params=sorted(path.parent.name for path in FORMATS.glob("*/told.json")))
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one version's files."""
    copy = tmp_path / str(request.param)
    shutil.copytree(FORMATS / request.param, copy)
    return copy


@pytest.fixture
def told(files: Path) -> Any:
    """What that version's readers made of them."""
    return json.loads((files / "told.json").read_text())


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(TASK)


def same(found: Any, wanted: Any) -> None:
    """Numbers that were written as text are NaN or infinite."""
    if isinstance(found, np.ndarray):
        found = found.tolist()
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        found = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    if isinstance(found, dict):
        assert found.keys() == wanted.keys()
        for key, value in found.items():
            same(value, wanted[key])
    elif isinstance(found, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    elif isinstance(found, float) and not math.isfinite(found):
        assert str(found) == wanted
    else:
        assert found == wanted


def read_all(path: Path, told: Any) -> None:
    """Every reader makes of the store what its own version made of it."""
    log, wanted = read_log(path), told["log"]
    for name in ("requests", "trainings", "updates"):
        same(getattr(log, name), wanted[name])
    same([without(tick, "phases") for tick in log.ticks], wanted["ticks"])
    same(log.examples.ids, wanted["example_ids"])
    same(log.examples.labels, wanted["labels"])
    assert float(log.examples.x.sum()) == wanted["x_sum"]
    assert log.model is not None
    assert (log.model.version, float(log.model.weights.sum())) == (wanted["version"], wanted["weights_sum"])
    same(as_it_was(read_trace(path)), told["trace"])
    same(read_states(path), told["states"])
    same(read_ticks(path), told["ticks"])
    same(read_row(path, "phone", "pixel-3"), told["row"])
    with StoreReader(path) as store:
        ticks = store.ticks()
    masked = {str(one.tick_id): dict(one.masked) for one in ticks if one.masked}
    same(masked, told["masked"])
    phases = {str(one.tick_id): [(p.load.name, p.duration_s) for p in one.phases] for one in ticks}
    same(phases, told["phases"])


LATER = ("draw", "sleep_draw", "sleep_s", "wake_on")


def without(value: Any, later: str) -> dict[str, Any]:
    """Its fields but for one that came later."""
    names = (field.name for field in dataclasses.fields(value))
    return {name: getattr(value, name) for name in names if name != later}


def as_it_was(trace: Trace) -> dict[str, Any]:
    """With the features and the actions that there were; what came later was not observed and not forbidden."""
    assert np.isnan(trace.x[:, FEATURES:]).all()
    assert trace.admitted[:, FIRST:].all()
    assert np.isnan([trace.draw, trace.sleep_draw, trace.sleep_s]).all()
    assert not any(trace.wake_on)
    kept = {field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)}
    kept |= {"x": trace.x[:, :FEATURES], "admitted": trace.admitted[:, :FIRST]}
    return {name: value for name, value in kept.items() if name not in LATER}


def test_a_store_is_read_as_it_is(files: Path, told: Any) -> None:
    path = files / "device.sqlite"
    before = path.read_bytes()
    read_all(path, told)
    assert path.read_bytes() == before
    assert not list(files.glob("device.sqlite*"))[1:]


def test_a_device_goes_on_with_a_store(files: Path, told: Any) -> None:
    path = files / "device.sqlite"
    with SqliteStore(path) as store:
        last = store.last_tick()
        assert last is not None
        assert [last.tick_id, last.t_s] == [told["log"]["ticks"][-1][key] for key in ("tick_id", "t_s")]
        assert last.observation.battery_soc == pytest.approx(told["log"]["ticks"][-1]["battery_soc"])
        waiting = [one.update_id for one in store.spooled()]
        assert waiting == [one["update_id"] for one in told["log"]["updates"] if one["accepted"] is None]
    read_all(path, told)
    config = load_config(files / "device.toml")
    assert isinstance(config.platform, SimulatedConfig)
    config = dataclasses.replace(
        config,
        store=dataclasses.replace(config.store, path=path),
        platform=dataclasses.replace(config.platform, epoch_s=None),
        federation=None,
    )
    runtime = build(config)
    record = runtime.agent.tick()
    runtime.agent.close()
    with StoreReader(path) as store:
        newest = store.newest()
        assert newest is not None
        assert newest.tick_id == last.tick_id + 1
        assert newest.observation.battery_soc == pytest.approx(record.observation.battery_soc)
        assert len(store.ticks()) == len(told["log"]["ticks"]) + 1


def test_a_ledger_is_read_and_used_on(files: Path, told: Any, task: Task) -> None:
    path, wanted = files / "ledger.sqlite", told["ledger"]
    before = path.read_bytes()
    with closing(Ledger(path, task=task.digest, parameters=task.parameters, read_only=True)) as ledger:
        check_ledger(ledger, wanted)
    assert progress(path) == (wanted["newest"], sum(one["verdict"]["accepted"] for one in wanted["updates"]))
    assert path.read_bytes() == before
    with closing(Ledger(path, task=task.digest, parameters=task.parameters)) as ledger:
        check_ledger(ledger, wanted)
        ledger.claim("whatever it is called now")
        ledger.keep_update(
            UpdateRecord(device="new", update_id="f" * 32, verdict=Verdict(accepted=True), received_s=1.0)
        )
        weights = np.zeros(task.parameters, np.float32)
        ledger.keep_version(Version(number=wanted["newest"] + 1, published_s=1.0, weights=weights))
        ledger.commit()
        assert not ledger.buffered()
    assert progress(path)[0] == wanted["newest"] + 1


def check_ledger(ledger: Ledger, wanted: Any) -> None:
    assert ledger.kept() == wanted["kept"]
    newest = ledger.newest()
    assert newest is not None
    assert (newest.number, float(newest.weights.sum())) == (wanted["newest"], wanted["newest_sum"])
    same([dataclasses.replace(one, payload=None) for one in ledger.updates()], wanted["updates"])
    assert [one.update_id for one in ledger.buffered()] == wanted["buffered"]


def test_a_policy_file_scores_as_it_did(files: Path, told: Any) -> None:
    """All but sleeping, which has the weight of what has nothing to do (`circadia.policy.folding`)."""
    x = np.array(told["trace"]["x"][0], float).astype(np.float32)
    scores = make_policy(str(files / "policy.tflite")).scores(x)
    assert (scores[FIRST:] == -np.inf).all()
    scores, works = scores[:FIRST], np.array([not name.startswith("sleep") for name in NAMES[:FIRST]])
    wanted = np.array(told["scores"], float)
    np.testing.assert_array_equal(scores[works], wanted.astype(np.float32)[works])
    assert (scores[~works] >= wanted[~works]).all()


def test_a_policy_file_decides_as_it_did(files: Path) -> None:
    """As the version before combined actions and sleeps had it (`decisions.json`)."""
    told = json.loads((files / "decisions.json").read_text())
    policy, places = make_policy(str(files / "policy.tflite")), [COLUMN[name] for name in told["features"]]
    assert tuple(told["actions"]) == NAMES[:FIRST]
    assert policy.offered.sum() == FIRST
    for row in told["decisions"]:
        x = np.full(len(TABLE), np.nan, np.float32)
        x[places] = [np.nan if value is None else value for value in row["x"]]
        scores = policy.scores(x)
        wanted = np.array([-np.inf if score is None else score for score in row["scores"]], np.float32)
        np.testing.assert_allclose(scores[:FIRST], wanted, atol=1e-5)
        drawn = sample(scores, policy.offered & ~idle(x, FACTS), row["u"])
        assert NAMES[int(drawn)] == row["drawn"]


def test_a_policy_that_chooses_its_sleeps_decides_as_it_did() -> None:
    """A file of format 2, which corrects a rule that it brings the settings of."""
    told = json.loads((FORMATS / "policy-2" / "decisions.json").read_text())
    policy = make_policy(str(FORMATS / "policy-2" / "policy.tflite"))
    assert isinstance(policy, SleepingPolicy)
    assert policy.sleeps is not None
    assert list(policy.sleeps.names) == told["sleeps"]
    works, places = [INDEX[name] for name in told["actions"]], [COLUMN[name] for name in told["features"]]
    for row in told["decisions"]:
        x = np.full(len(TABLE), np.nan, np.float32)
        x[places] = [np.nan if value is None else value for value in row["x"]]
        scores = policy.scores(x)
        np.testing.assert_allclose(scores[works], row["scores"], rtol=1e-5, atol=2e-4)
        np.testing.assert_allclose(policy.sleep_scores(x), row["sleep_scores"], rtol=1e-5, atol=2e-4)
        assert NAMES[int(sample(scores, policy.offered & ~idle(x, FACTS), row["u"]))] == row["drawn"]
        drawn = draw_one(policy.sleep_scores(x), range(policy.sleeps.count), row["v"])
        assert drawn is not None
        assert policy.sleeps.names[drawn[0]] == row["slept"]


def test_a_configuration_is_read(files: Path) -> None:
    config = load_config(files / "device.toml")
    assert (config.device, config.agent.preference.latency, config.store.retention.ticks) == (
        "kitchen",
        0.3,
        5000,
    )
    assert config.federation is not None
    assert config.federation.patience.longest_s == 200.0


@pytest.mark.slow
def test_a_bundle_is_analysed_again(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`verify` analyses the raw files from scratch, and compares with the result that its own version wrote."""
    assert cli.main(["field", "verify", str(files / "bundle.zip")]) == 0
    assert "all agrees" in capsys.readouterr().out


@pytest.mark.slow
def test_a_bundle_comes_to_the_same_result(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(files / "bundle.zip") as archive:
        archive.extractall(files / "unpacked")
    [bundle] = (files / "unpacked").iterdir()
    before = (bundle / "result.json").read_bytes()
    assert cli.main(["field", "analyse", str(bundle)]) == 0
    assert "report.html: the page" in capsys.readouterr().out
    assert (bundle / "result.json").read_bytes() == before


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_what_was_cut_off_is_named(files: Path, task: Task, share: float) -> None:
    for name in ("device.sqlite", "ledger.sqlite", "policy.tflite", "policy.json", "bundle.zip"):
        path = files / name
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    if share:
        for attempt in (
            lambda: SqliteStore(files / "device.sqlite"),
            lambda: read_log(files / "device.sqlite"),
        ):
            with pytest.raises(StoreError, match=r"device\.sqlite: was cut off"):
                attempt()
        with pytest.raises(StoreError, match=r"ledger\.sqlite: was cut off"):
            Ledger(files / "ledger.sqlite", task=task.digest, parameters=task.parameters)
    else:  # an empty file is a new one
        SqliteStore(files / "device.sqlite").close()
        Ledger(files / "ledger.sqlite", task=task.digest, parameters=task.parameters).close()
    with pytest.raises(CircadiaError, match=r"policy\.(json|tflite)"):
        make_policy(str(files / "policy.tflite"))
    with pytest.raises(CircadiaError, match=r"bundle\.zip"), opened(files / "bundle.zip"):
        pass


def test_a_bundle_of_a_later_version_says_so(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpacked = files / "unpacked"
    with zipfile.ZipFile(files / "bundle.zip") as archive:
        archive.extractall(unpacked)
    [bundle] = unpacked.iterdir()
    plan = json.loads((bundle / "plan.json").read_text())
    for store in sorted(bundle.glob("periods/*/device.db"))[:1]:
        later(store)
        assert cli.main(["field", "verify", str(bundle)]) == 2
        shown = capsys.readouterr()
        assert f"{store.relative_to(bundle)}: has schema 99, which takes a version of Circadia" in shown.err
    (bundle / "plan.json").write_text(json.dumps(plan | {"format": "circadia-field-plan-99"}))
    assert cli.main(["field", "verify", str(bundle)]) == 2
    assert "is a plan of format circadia-field-plan-99, this version reads" in capsys.readouterr().err


def later(store: Path) -> None:
    """A store of schema 99, which none before may open."""
    SqliteStore(store).close()
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("UPDATE schema SET readable_from = 99")
