"""A device's name in its federation: unique to the installation, kept by the store, never changed in silence."""

from __future__ import annotations

import dataclasses
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from circadia.config import DeviceConfig, parse_config
from circadia.doctor.diagnosis import device_name
from circadia.errors import CircadiaError, ConfigError
from circadia.store.reading import StoreReader
from circadia.store.sqlite import SqliteStore
from circadia.wiring import LEGACY_DEVICE, build, named_device

OLD_STORE = Path(__file__).parents[1] / "formats" / "0.1.0.dev0" / "device.sqlite"
NOBODY = "127.0.0.1:1"


def config(path: Path, device: str = "", *, federated: bool = True) -> DeviceConfig:
    table: dict[str, Any] = {"device": device, "store": {"path": str(path)}}
    if federated:
        table["federation"] = {"broker": NOBODY, "drain_s": 0.0}
    return parse_config(table)


def name_of(path: Path, device: str = "", *, federated: bool = True) -> str:
    with SqliteStore(path) as store:
        name = named_device(config(path, device, federated=federated), store)
        if federated:
            store.keep_device(name)
        return name


def test_a_name_that_nobody_gave_is_drawn_once_for_each_installation(tmp_path: Path) -> None:
    names = {name_of(tmp_path / f"{i}.db") for i in range(10)}
    assert len(names) == 10
    assert all(re.fullmatch(r"device-[0-9a-f]{12}", name) for name in names)
    assert {name_of(tmp_path / f"{i}.db") for i in range(10)} == names


def test_the_name_that_a_device_began_with_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    assert name_of(path, "porch") == "porch"
    assert name_of(path) == "porch"
    with StoreReader(path) as store:
        assert store.device() == "porch"


@pytest.mark.parametrize("first", ["porch", ""])
def test_another_name_is_an_error_that_names_both_and_the_ways_out(tmp_path: Path, first: str) -> None:
    path = tmp_path / "device.db"
    kept = name_of(path, first)
    with pytest.raises(ConfigError, match="cellar") as raised:
        build(config(path, "cellar"))
    assert kept in str(raised.value)
    assert "[store] path" in str(raised.value)
    assert name_of(path) == kept  # and the store is not in use, nor changed


def test_a_start_that_is_refused_names_no_store_and_takes_none(tmp_path: Path) -> None:
    path, slow = tmp_path / "device.db", tmp_path / "slow.toml"
    shipped = files("circadia.energy").joinpath("data/pi-solar.toml").read_text(encoding="utf-8")
    slow.write_text(shipped.replace('clocks = ["low", "high"]', 'clocks = ["low"]'), encoding="utf-8")
    platform = {"kind": "linux", "mains": True, "profile": str(slow)}
    with pytest.raises(ConfigError, match="can do nothing"):
        build(
            dataclasses.replace(config(path, "porch"), platform=parse_config({"platform": platform}).platform)
        )
    with StoreReader(path) as store:
        assert (store.device(), store.task()) == ("", None)


def test_a_device_alone_may_change_its_name_until_it_joins_a_federation(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    assert name_of(path, federated=False) == LEGACY_DEVICE
    assert name_of(path, "my phone", federated=False) == "my phone"
    assert name_of(path, "porch") == "porch"
    assert name_of(path, "my phone", federated=False) == "my phone"
    assert name_of(path, federated=False) == "porch"


def test_a_name_that_no_topic_can_carry_is_refused_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with pytest.raises(CircadiaError, match="my phone"):
        name_of(path, "my phone")
    assert name_of(path, "porch") == "porch"


def test_a_store_of_the_release_before_keeps_the_name_that_its_federation_knows(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    shutil.copy(OLD_STORE, path)
    assert name_of(path, "kitchen") == "kitchen"
    assert name_of(path) == "kitchen"
    shutil.copy(OLD_STORE, tmp_path / "unnamed.db")
    with SqliteStore(tmp_path / "unnamed.db") as store:
        known = any(update.accepted is not None for update in store.verdicts())
    assert known  # a federation has judged it, under the name that every device had
    assert name_of(tmp_path / "unnamed.db") == LEGACY_DEVICE


def test_a_running_device_shows_its_name(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    runtime = build(config(path))
    assert re.fullmatch(r"device-[0-9a-f]{12}", runtime.agent.status().device)
    assert not runtime.agent.status().connected
    runtime.stop()


def test_doctor_tells_the_name_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    assert "drawn at the first start" in device_name(config(path))
    assert not path.exists()
    assert device_name(config(path, "porch")) == "porch"
    name_of(path, "porch")
    assert device_name(config(path)) == "porch, as the store began"
    with pytest.raises(ConfigError, match="began as 'porch'"):
        device_name(config(path, "cellar"))
