"""`circadia policy inspect`, and preferences on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.policy.artifact import shipped_policy
from circadia_lab.policy.commands.arguments import preference_of
from circadia_lab.policy.env.fixed import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = Path(__file__).parents[4] / "formats" / "0.1.0.dev0" / "policy.tflite"
"""Of format 1, which has a map."""


def test_it_tells_what_a_file_is(circadia: Callable[..., Any], tmp_path: Path) -> None:
    ended = circadia("policy", "inspect", OLD, "--json", "--preference", "1/2,0.25,0.25")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert found["actions"] == list(NAMES)
    assert found["bytes"] == OLD.stat().st_size
    assert found["layers"][-1][-1] == len(NAMES)
    shown = found["map"]
    assert (shown["over"], shown["charging"], shown["preference"]) == ("queue", False, "1/2,0.25,0.25")
    rows, columns = len(shown["battery"]), len(shown["columns"])
    assert np.shape(shown["actions"]) == np.shape(shown["probabilities"]) == (rows, columns)
    assert all(action.startswith("serve") for row in shown["actions"] for action in row[1:])
    assert found["parameters"] == sum(i * o + o for i, o in found["layers"])
    shown = circadia("policy", "inspect", OLD, "--over", "staleness", "--charging")
    assert shown.code == 0
    assert found["sha256"][:12] in shown.out
    assert "age of the model in service, h; charging" in shown.out


@pytest.mark.slow
def test_maps_are_drawn_whole(circadia: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "deep" / "maps.png"
    assert circadia("policy", "inspect", OLD, "--png", path).code == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in path.parent.iterdir()] == ["maps.png"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0.5,0.2,0.2", "sums to 0.9, not to 1"),
        ("1,1,1", "sums to 3, not to 1"),
        ("0.5,0.5", "needs three weights of 0 or more"),
        ("1.5,-0.5,0", "needs three weights of 0 or more"),
        ("nan,0.5,0.5", "needs three weights of 0 or more"),
        ("a,b,c", "needs three numbers like 0.2,0.3,0.5"),
        ("1/0,0,0", "needs three numbers"),
        ("", "needs three numbers"),
    ],
)
def test_a_preference_must_be_one(refused: Callable[..., str], text: str, told: str) -> None:
    assert told in refused("policy", "inspect", OLD, f"--preference={text}")
    assert told in refused("policy", "oracle", "--grid", "phone", f"--preference={text}")


def test_fractions_are_numbers_too() -> None:
    assert preference_of("1/3,1/3,1/3") == pytest.approx([1 / 3] * 3)
    assert preference_of("0.2, 0.3, 0.5") == pytest.approx([0.2, 0.3, 0.5])
    with pytest.raises(ConfigError):
        preference_of("1/3,1/3,1/4")


def test_files_that_are_no_policy_are_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    model, manifest = shipped_policy().read_bytes(), shipped_policy().with_suffix(".json").read_text()
    path = tmp_path / "p.tflite"
    assert "p.tflite" in refused("policy", "inspect", path)
    path.write_bytes(model)
    assert "p.json" in refused("policy", "inspect", path)
    path.with_suffix(".json").write_text(manifest)
    path.write_bytes(model[: len(model) // 2])
    assert "p" in refused("policy", "inspect", path)
    path.write_bytes(b"not a model")
    assert "p" in refused("policy", "inspect", path)
    path.write_bytes(model)
    path.with_suffix(".json").write_text(manifest[:-20])
    assert "p.json" in refused("policy", "inspect", path)


def test_a_picture_s_place_is_checked_first(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "must end in .png" in refused("policy", "inspect", OLD, "--png", tmp_path / "m.svg")
