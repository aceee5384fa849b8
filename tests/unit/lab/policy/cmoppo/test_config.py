"""What a configuration refuses, and how two are told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.update import target_of


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("architecture", "joint", "architecture 'joint': choose coupled or separate"),
        ("steps", 0, "steps is 0; it must be 1 or more"),
        ("ticks", -1, "ticks is -1"),
        ("minibatches", 0, "minibatches is 0"),
        ("discount", 1.1, r"discount is 1\.1; it must lie in \[0, 1\]"),
        ("free_share", -0.1, r"free_share is -0\.1"),
        ("keep", float("nan"), "keep is nan"),
        ("entropy", 0, "entropy is 0; it must be above 0"),
        ("entropy_last", -1.0, r"entropy_last is -1\.0"),
        ("entropy_until", 0, "entropy_until is 0"),
        ("explored_until", 0, "explored_until is 0"),
        ("target", -1.0, r"target is -1\.0"),
    ],
)
def test_what_cannot_be_is_named(name: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        replace(Config(), **{name: value})


def test_differences_are_named_with_both_values() -> None:
    config = Config(steps=5)
    assert config.different(config.as_dict()) == []
    other = {**config.as_dict(), "steps": 6, "gone": True}
    assert config.different(other) == ["steps: 6, here 5", "gone: True, here nothing"]
    del other["ticks"]
    assert f"ticks: nothing, here {config.ticks}" in config.different(other)


def test_the_target_of_a_limit_tightens() -> None:
    config = Config(target_first=1.0, target=0.8, target_until=0.5)
    wanted = {0.0: 1.0, 0.25: 0.9, 0.5: 0.8, 1.0: 0.8}
    for share, target in wanted.items():
        assert float(target_of(share, config)) == pytest.approx(target)
