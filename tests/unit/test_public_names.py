from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module
from importlib.metadata import metadata, version

import gymnasium
import pytest

import circadia
from circadia.errors import ConfigError


def test_names_are_few_and_pinned() -> None:
    assert len(circadia.__all__) <= 25
    assert sorted(circadia.__all__) == circadia.__all__
    assert set(circadia._MODULES) == set(circadia.__all__)


def test_every_name_is_the_one_of_its_module() -> None:
    for name, module in circadia._MODULES.items():
        assert getattr(circadia, name) is getattr(import_module(module), name)


def test_errors_are_the_root_and_its_children() -> None:
    assert circadia.ConfigError is ConfigError
    errors = [name for name, module in circadia._MODULES.items() if module == "circadia.errors"]
    assert all(issubclass(getattr(circadia, name), circadia.CircadiaError) for name in errors)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Agnet"):
        getattr(circadia, "Agnet")  # noqa: B009 - mypy knows that there is none


def test_import_pulls_in_nothing_heavy() -> None:
    program = (
        "import sys, circadia, circadia.cli; circadia.ConfigError; "
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.split())
    assert "circadia" in loaded
    assert not loaded & {"numpy", "paho", "cbor2", "tflite_runtime", "ai_edge_litert", "asyncio", "sqlite3"}


@pytest.mark.slow
def test_the_workbench_is_the_same_version_and_stands_where_it_did() -> None:
    assert version("circadia-lab") == version("circadia") == circadia.__version__
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is out of date")  # there is -v1, of chosen wakes
        env = gymnasium.make("circadia_lab.env.gym:circadia/Phone-v0")
    assert env.spec is not None
    assert env.spec.id == "circadia/Phone-v0"
    answer = subprocess.run(
        [sys.executable, "-m", "circadia_lab.tasks.build", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "circadia_lab.tasks.build" in answer.stdout


def test_the_extras_are_there() -> None:
    assert {"lab", "meter", "broker"} <= set(metadata("circadia").get_all("Provides-Extra") or [])
