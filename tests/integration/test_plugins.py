"""A body and a meter that live outside of the tree: installed, tested by the suites, and rehearsed with; and broken ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from circadia.config import DeviceConfig, parse_config
from circadia.doctor.finding import Status
from circadia.doctor.plugins import added, body, meter, unusable
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError, PlatformUnavailable
from circadia.platforms.clocks import SystemClock
from circadia.plugs import METERS, PLATFORMS, MeterContext, PlatformContext
from circadia.testing.meter import MeterContract
from circadia.testing.platform import PlatformContract
from circadia.types import Load, Phase
from circadia.wiring import build
from circadia_field.ticks import read_ticks

if TYPE_CHECKING:
    from circadia.doctor.finding import Finding
    from circadia.ports import EnergyMeter, Platform

PLUGINS = Path(__file__).parents[1] / "plugins"
MOST_LINES = 60
DEVICE = """
[agent]
period_s = 5
[platform]
kind = "kiosk"
room_c = 20
[meter]
kind = "clamp"
gain = 1.02
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip put both, so that a path entry finds them and their entry points."""
    folder = tmp_path_factory.mktemp("plugins")
    for name in ("kiosk", "clamp"):
        shutil.copytree(PLUGINS / name, folder / "sources" / name)
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    sources = [folder / "sources" / name for name in ("kiosk", "clamp")]
    target = ["--target", str(folder / "site")]
    command = [sys.executable, "-m", "pip", "install", *offline, *target, *map(str, sources)]
    subprocess.run(command, check=True, timeout=120)
    return folder / "site"


def circadia(*words: str | Path, site: Path, code: int = 0) -> str:
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "circadia", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["kiosk", "clamp"])
def test_a_plug_in_is_short(name: str) -> None:
    assert len((PLUGINS / name / f"circadia_{name}.py").read_text().splitlines()) < MOST_LINES


@pytest.mark.slow
def test_plug_ins_run_a_field_rehearsal(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "device.toml").write_text(DEVICE)
    plan = ["--arm", "thrifty=threshold", "--arm", "eager=drift-plus-penalty", "--agent-share", "0.5"]
    short = ["--pairs", "6", "--hours", "0.05", "--washout", "0.01", "--requests", "600", "--examples", "300"]
    circadia("field", "plan", *plan, *short, "--out", tmp_path / "plan.json", site=installed)
    bundle, plan_file, config = tmp_path / "test", tmp_path / "plan.json", tmp_path / "device.toml"
    given = ("--plan", plan_file, "--config", config)
    told = circadia("field", "run", bundle, *given, "--virtual=body", site=installed)
    assert "all 24 periods done" in told
    log = [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]
    assert {json.dumps(e["meter"]) for e in log if e["event"] == "started"} == {
        '{"meter": "clamp", "gain": 1.02}'
    }
    assert [e["void"] for e in log if e["event"] == "ended"] == [False] * 24
    store = next(iter(sorted(bundle.glob("periods/*/device.db"))))
    ticks = read_ticks(store)
    assert ticks.source == "simulated"
    assert (ticks.energy_j > 0).all()
    circadia("field", "analyse", bundle, site=installed)
    assert "all agrees" in circadia("field", "verify", bundle, site=installed)


@pytest.mark.slow
def test_doctor_knows_them(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "device.toml").write_text(DEVICE)
    lines = circadia("doctor", "--config", tmp_path / "device.toml", site=installed).splitlines()
    told = {" ".join(line.split()) for line in lines}
    assert "ok meter clamp" in told
    assert any(line.startswith("ok body kiosk") for line in told)


def kiosk() -> Platform:
    found = PLATFORMS.find("kiosk")
    profile = shipped_profile("pixel-3")
    context = PlatformContext(profile=profile, clock=SystemClock(), midnight_s=0.0, last=None)
    return found.plug.build(found.plug.config(kind="kiosk"), context)


@pytest.fixture
def on_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed)


@pytest.mark.slow
@pytest.mark.usefixtures("on_path")
class TestKiosk(PlatformContract):
    def make(self) -> Platform:
        return kiosk()


@pytest.mark.slow
@pytest.mark.usefixtures("on_path")
class TestClamp(MeterContract):
    def make(self) -> EnergyMeter:
        found, around = METERS.find("clamp"), kiosk()
        around.observe(self.start_s)
        context = MeterContext(profile=shipped_profile("pixel-3"), clock=SystemClock(), platform=around)
        clamp = found.plug.build(found.plug.config(kind="clamp"), context)
        around.spend((Phase(load=Load.TRAIN_HIGH, duration_s=3.0), Phase(load=Load.RADIO, duration_s=1.0)))
        around.observe(self.start_s + self.length_s)
        return clamp


# Broken ones: a module and its distribution's data, as pip would have put them there

HEAD = """
from dataclasses import dataclass
from circadia.energy.no_meter import NoMeter
from circadia.platforms.linux import LinuxPlatform
from circadia.plugs import *

@dataclass(frozen=True, slots=True, kw_only=True)
class Body(PlatformConfig):
    kind: str = "broken"
    colour: str = "blue"

@dataclass(frozen=True, slots=True, kw_only=True)
class Meter(MeterConfig):
    kind: str = "broken"

def fails(*_):
    raise RuntimeError("the wire is loose")

def body(_config, context):
    return LinuxPlatform(context.profile, mains=True)
"""
WORDS = r"entry point broken = broken_plug_in:PLUG in group circadia\.\w+ of circadia-broken 1\.0"


def put(folder: Path, group: str, text: str, name: str = "circadia-broken") -> Path:
    (folder / "broken_plug_in.py").write_text(text)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nbroken = broken_plug_in:PLUG\n")
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path; what is imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "broken_plug_in", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return folder


def table(section: str, tmp_path: Path, **keys: Any) -> dict[str, Any]:
    return {section: {"kind": "broken", **keys}, "store": {"path": str(tmp_path / "device.db")}}


def findings(config: DeviceConfig, tmp_path: Path) -> list[Finding]:
    """Those that are about plug-ins."""
    return [body(config), meter(config), *unusable(config), *added(config, tmp_path, tmp_path)]


UNLOADABLE = [
    ("import no_such_module", "cannot be loaded: ModuleNotFoundError: No module named"),
    ("def (", "cannot be loaded: SyntaxError"),
    ("raise ZeroDivisionError", "cannot be loaded: ZeroDivisionError"),
    ("PLAG = 3", "cannot be loaded: AttributeError"),
    ("PLUG = 3", "whose configuration is a dataclass"),
    ("from circadia.plugs import *\nPLUG = MeterPlug(config=dict, build=print)", "whose configuration"),
]


@pytest.mark.parametrize("section", ["platform", "meter"])
@pytest.mark.parametrize(("text", "message"), UNLOADABLE)
def test_what_cannot_be_loaded_is_refused_and_named(
    site: Path, tmp_path: Path, section: str, text: str, message: str
) -> None:
    put(site, f"circadia.{section}s", text)
    with pytest.raises(PlatformUnavailable, match=WORDS) as caught:
        parse_config(table(section, tmp_path))
    assert message in str(caught.value)
    assert "update or uninstall that package, or name another kind" in str(caught.value)
    # a device that does not need it is told, and runs
    (told,) = [finding for finding in findings(DeviceConfig(), tmp_path) if finding.name == "plug-in"]
    assert (told.status, told.detail) == (Status.ABSENT, str(caught.value))
    build(parse_config({"store": {"path": str(tmp_path / "device.db")}})).agent.close()


OBSERVES = "class Fails(LinuxPlatform):\n    observe = fails\n"
SUPPORTS = "class Fails(LinuxPlatform):\n    supports = fails\n"
OLD = (
    "class Fails(LinuxPlatform):\n    def __init__(self, profile):\n        super().__init__(profile, mains=True)\n"
    "        del self.stopwatch\n"
)
WAKES = "class Fails(LinuxPlatform):\n    wakes_on = {}\n    def sleep(self, until_s, wake_on):\n        return False\n"
READS = "class Fails(NoMeter):\n    read = fails\n"
RAISING = [
    ("platform", "PLUG = PlatformPlug(config=Body, build=fails)", "building it failed with RuntimeError"),
    (
        "platform",
        OBSERVES + "PLUG = PlatformPlug(config=Body, build=lambda _, c: Fails(c.profile, mains=True))",
        "looking at it failed",
    ),
    (
        "platform",
        SUPPORTS + "PLUG = PlatformPlug(config=Body, build=lambda _, c: Fails(c.profile, mains=True))",
        "failed with RuntimeError: the wire is loose",
    ),
    (
        "platform",
        OLD + "PLUG = PlatformPlug(config=Body, build=lambda _, c: Fails(c.profile))",
        "has no attribute 'stopwatch'",
    ),
    *(
        (
            "platform",
            WAKES.format(said)
            + "PLUG = PlatformPlug(config=Body, build=lambda _, c: Fails(c.profile, mains=True))",
            f"wakes_on is {said}",
        )
        for said in ("frozenset()", "frozenset({'due'})", "None")
    ),
    ("meter", "PLUG = MeterPlug(config=Meter, build=fails)", "building it failed"),
    ("meter", READS + "PLUG = MeterPlug(config=Meter, build=lambda *_: Fails())", "reading it failed"),
]


@pytest.mark.parametrize(("section", "text", "message"), RAISING)
def test_what_raises_in_build_or_at_each_call_is_refused_and_named(
    site: Path, tmp_path: Path, section: str, text: str, message: str
) -> None:
    put(site, f"circadia.{section}s", HEAD + text)
    config = parse_config(table(section, tmp_path))
    for _ in range(2):  # and the store is let go of
        with pytest.raises(PlatformUnavailable, match=WORDS) as caught:
            build(config)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    named = {"platform": "body", "meter": "meter"}[section]
    (told,) = [finding for finding in findings(config, tmp_path) if finding.name == named]
    assert told.status is Status.FAILED
    assert "circadia-broken 1.0" in told.detail


def test_keys_of_another_kind_are_named(site: Path, tmp_path: Path) -> None:
    put(site, "circadia.platforms", HEAD + "PLUG = PlatformPlug(config=Body, build=body)")
    config = parse_config(table("platform", tmp_path, colour="red") | {"limits": {"thermometer": False}})
    agent = build(config).agent
    assert agent.tick().observation.charging == 1
    agent.close()
    with pytest.raises(
        ConfigError, match=r"'platform.seed' of kind 'broken'; known keys: .*profile, work, colour"
    ):
        parse_config(table("platform", tmp_path, seed=3))
    with pytest.raises(ConfigError, match=r"platform.colour is 3; it must be of type str"):
        parse_config(table("platform", tmp_path, colour=3))


TIRES = """
class Tires(NoMeter):
    calls = 0
    def read(self, *_):
        self.calls += 1
        if self.calls > 1:
            fails()

PLUG = MeterPlug(config=Meter, build=lambda *_: Tires())
"""


def test_a_meter_that_fails_later_does_not_stop_the_device(
    site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(site, "circadia.meters", HEAD + TIRES)
    agent = build(parse_config(table("meter", tmp_path))).agent
    for _ in range(3):
        agent.tick()
    agent.close()
    (told,) = [record.getMessage() for record in caplog.records if "no joules" in record.getMessage()]
    assert "circadia-broken 1.0: reading it failed with RuntimeError: the wire is loose" in told


def test_two_of_a_kind_are_one_too_many(site: Path, tmp_path: Path) -> None:
    put(site, "circadia.meters", HEAD + "PLUG = MeterPlug(config=Meter, build=fails)")
    put(site, "circadia.meters", HEAD, name="circadia-other")
    with pytest.raises(
        ConfigError, match=r"circadia-broken 1.0 and from .*circadia-other 1.0; uninstall one"
    ):
        parse_config(table("meter", tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "No module named"),
        (HEAD + "PLUG = fails", "RuntimeError: the wire is loose"),
        ("PLUG = lambda *_: [3]", "3 is no Finding"),
        ("PLUG = 3", "not callable"),
    ],
)
def test_a_check_that_raises_is_a_finding(site: Path, tmp_path: Path, text: str, message: str) -> None:
    put(site, "circadia.checks", text)
    (told,) = [finding for finding in findings(DeviceConfig(), tmp_path) if finding.name == "check"]
    assert told.status is Status.FAILED
    assert message in told.detail
    assert "circadia-broken 1.0" in told.detail


def test_a_device_without_plug_ins_does_not_look_for_them(tmp_path: Path) -> None:
    """Looking costs two megabytes."""
    program = (
        "import sys; from circadia.config import parse_config; from circadia.wiring import build;"
        f"build(parse_config({{'store': {{'path': {str(tmp_path / 'device.db')!r}}}}})).agent.close();"
        "assert 'importlib.metadata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.slow
def test_commands_name_what_is_broken_on_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    put(folder, "circadia.platforms", "import no_such_module")
    config = tmp_path / "device.toml"
    config.write_text("[platform]\nkind = 'broken'\n")
    told = circadia("run", "--config", config, site=folder, code=2)
    assert told.count("\n") == 1
    assert "of circadia-broken 1.0 cannot be loaded" in told
    told = circadia("doctor", "--config", config, site=folder, code=1)
    assert any(
        line.startswith("failed  configuration") and "circadia-broken" in line for line in told.splitlines()
    )
    assert "state folder" in told  # and goes on
