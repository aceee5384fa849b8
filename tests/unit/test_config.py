"""A device's TOML file: what is right comes through, what is wrong names itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from circadia.config import load_config, parse_config
from circadia.errors import ConfigError

FULL = """
device = "porch"
[agent]
policy = "charging-only"
period_s = 30
preference = { accuracy = 0.5, latency = 0.25, energy = 0.25 }
[platform]
profile = "pi-solar"
initial_soc = 0.5
[limits]
battery_floor = 0.2
[learning]
examples = 64
personal = false
[store]
path = "porch.db"
[store.retention]
max_mb = 8
[federation]
broker = "127.0.0.1:1883"
"""


def test_a_full_file_comes_through(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.write_text(FULL)
    config = load_config(path)
    assert config.device == "porch"
    assert config.agent.period_s == 30.0
    assert config.agent.preference.accuracy == 0.5
    assert config.limits.battery_floor == 0.2
    assert (config.learning.examples, config.learning.personal) == (64, False)
    assert config.store.path == Path("porch.db")
    assert config.store.retention.max_mb == 8.0
    assert config.federation is not None
    assert config.federation.broker == "127.0.0.1:1883"


def test_an_empty_file_is_a_lone_simulated_device() -> None:
    config = parse_config({})
    assert config.platform.kind == "simulated"
    assert config.federation is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[agent]\nperiod = 3", "unknown key 'agent.period'; did you mean 'period_s'"),
        ("[learning]\npersonal = 'yes'", "learning.personal is 'yes'; it must be of type bool"),
        ("colour = 3", "unknown key 'colour'; known keys"),
        ("[agent]\nperiod_s = 'fast'", "agent.period_s is 'fast'; it must be of type float"),
        ("[agent]\nperiod_s = true", "agent.period_s is True"),
        ("[agent]\nperiod_s = -1", "agent.period_s is -1.0; it must be positive"),
        ("[agent]\nperiod_s = nan", "agent.period_s is nan"),
        ("[agent]\npreference = { accuracy = 1.0, latency = 1.0, energy = 0.0 }", "sum to 2"),
        ("[limits]\nbattery_floor = 1.5", "battery_floor is 1.5"),
        ("[platform]\nkind = 'toaster'", "platform.kind 'toaster': there are "),
        ("[platform]\nkind = 3", "platform.kind is 3; it must be of type str"),
        ("platform = 3", "platform must be a table"),
        (
            "[platform]\nkind = 'linux'\ncolour = 3",
            "unknown key 'platform.colour' of kind 'linux'; known keys: kind",
        ),
        ("[platform]\nroom_c = 3", "unknown key 'platform.room_c' of kind 'simulated'"),
        ("[meter]\ngain = 2", "unknown key 'meter.gain' without a kind; known keys: kind"),
        ("[meter]\nkind = 'abacus'", "meter.kind 'abacus': there are "),
        ("[meter]\nkind = 'hwmon'\nshunt = 1", "unknown key 'meter.shunt' of kind 'hwmon'"),
        ("[meter]\nkind = 'serial'\nrate_hz = 0", "meter.rate_hz is 0.0; it must be positive"),
        ("[platform]\ninitial_soc = 80", "initial_soc is 80.0"),
        ("[federation]\nname = 'x'", "federation.broker is missing"),
        ("[federation]\nbroker = 'here:x'", "broker 'here:x': write HOST:PORT"),
        ("[federation]\nbroker = 'x:1'\nkeepalive_s = 100000", "keepalive_s is 100000"),
        ("[agent]\nseed = -1", "agent.seed is -1"),
        ("agent = 3", "agent must be a table"),
        ("[agent", "not valid TOML"),
    ],
)
def test_what_is_wrong_names_itself(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "device.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"device\.toml") as caught:
        load_config(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[platform]\nkind = 'linux'\nseed = 3", "platform.seed"),
        ("[platform]\nmains = true", "platform.mains"),
        ("[meter]\nport = 'auto'", "meter.port"),
        ("[meter]\nkind = 'hwmon'\nshunt_ohm = 1", "meter.shunt_ohm"),
    ],
)
def test_keys_of_another_kind_that_release_0_1_passed_over_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, key: str
) -> None:
    path = tmp_path / "device.toml"
    path.write_text(text)
    load_config(path)
    assert f"{key} means nothing to a [" in caplog.text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: no such file"):
        load_config(tmp_path / "absent.toml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "device.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


def test_policies_and_profiles_are_looked_for_beside_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    file = home / "device.toml"
    file.write_text('[agent]\npolicy = "mine.tflite"\n[platform]\nprofile = "mine.toml"\n')
    config = load_config(file)
    assert config.agent.policy == str(home / "mine.tflite")
    assert config.platform.profile == str(home / "mine.toml")
    (elsewhere / "mine.toml").touch()
    assert load_config(file).platform.profile == "mine.toml"
    assert "platform.profile 'mine.toml' is not beside this file" in caplog.text
    (home / "mine.toml").touch()
    assert load_config(file).platform.profile == str(home / "mine.toml")
    file.write_text('[agent]\npolicy = "threshold"\n[platform]\nprofile = "pi-solar"\n')
    assert (load_config(file).agent.policy, load_config(file).platform.profile) == ("threshold", "pi-solar")
