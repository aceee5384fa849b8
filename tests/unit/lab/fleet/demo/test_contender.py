"""The arms of a run, as a user names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia.policy.artifact import shipped_policy
from circadia.policy.rules import RULES
from circadia.wiring import make_policy
from circadia_lab.fleet.demo.contender import SHIPPED, contenders, usual


def test_names() -> None:
    found = contenders([*SHIPPED, "drift-plus-penalty"])
    assert [(one.name, one.policy) for one in found] == [
        ("circadia", "default"),
        ("separate", "separate"),
        ("drift-plus-penalty", "drift-plus-penalty"),
    ]


@pytest.mark.parametrize("name", [*SHIPPED, *RULES])
def test_every_name_is_a_policy_that_a_device_can_run(name: str) -> None:
    (found,) = contenders([name])
    assert make_policy(found.policy).offered.any()


def test_a_policy_file(tmp_path: Path) -> None:
    shipped = shipped_policy()
    for suffix in (".tflite", ".json"):
        (tmp_path / f"my own{suffix}").write_bytes(shipped.with_suffix(suffix).read_bytes())
    (found,) = contenders([str(tmp_path / "my own.tflite")])
    assert found.name == "my-own"
    assert Path(found.policy).is_absolute()


def test_the_usual_ones_are_there() -> None:
    assert contenders(usual())[0].name == "circadia"
    assert ("due" in usual()) == ("due" in RULES)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["circadia", "circadia"], "stands there twice"),
        (["charging"], "'charging' is neither one of circadia"),
        ([""], "'' is neither one of"),
        ([], "0 of them"),
    ],
)
def test_what_cannot_be(names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        contenders(names)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone\.tflite"):
        contenders([str(tmp_path / "gone.tflite")])
