"""What `circadia policy evaluate` and `oracle` refuse before anything is played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

WAKES = ("--problem", "wake-lte")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((*WAKES, "--seeds", "0"), "--seeds 0: must be above 0"),
        ((*WAKES, "--seeds", "-1"), "--seeds -1: must be above 0"),
        ((*WAKES, "--days", "0"), "--days 0: must be above 0"),
        ((*WAKES, "--copies", "0"), "--copies 0: must be above 0"),
        (("--wake", "phone", "--seeds", "0"), "--seeds 0: must be above 0"),
        (("--wake", "phone", "--copies", "3"), "--copies: --wake trains one policy"),
        (("a.tflite", "--wake", "phone"), "a.tflite: --wake trains one policy"),
        (("--wake", "phone", "--problem", "phone"), "--problem: --wake trains one policy"),
        ((*WAKES, "--ablate"), "--ablate: problem wake-lte is one of chosen wakes"),
        ((*WAKES, "--run", "summary.json"), "--run: problem wake-lte is one of chosen wakes"),
        ((*WAKES, "--others", "phone"), "--others: problem wake-lte is one of chosen wakes"),
        ((*WAKES, "--oracle"), "--oracle: problem wake-lte is one of chosen wakes"),
        ((*WAKES, "--all"), "--all: problem wake-lte is one of chosen wakes"),
        (("--others", "wake-lte"), "problem wake-lte: its wakes choose their sleep"),
        (("--arms", "best"), "--arms best: there are coupled, separate, unconstrained, one-limit-for-all"),
        (("--oracle", "--arms", "coupled"), "--arms: trains anew, in full problems"),
        (("--per-preference",), "--per-preference: a rival on a grid; give --oracle as well"),
        ((*WAKES, "--arms", "coupled"), "--arms: problem wake-lte is one of chosen wakes"),
        ((*WAKES, "--per-preference"), "--per-preference: problem wake-lte is one of chosen wakes"),
        (("--wake", "phone", "--arms", "coupled"), "--arms: --wake trains one policy"),
        ((*WAKES, "--steps", "9"), "--steps: problem wake-lte is one of chosen wakes"),
    ],
)
def test_what_would_not_be_heeded(refused: Callable[..., str], words: tuple[str, ...], told: str) -> None:
    assert refused("policy", "evaluate", *words).startswith(told)


@pytest.mark.parametrize("words", [("--tolerance", "0.1"), ("--keep", "k"), ("--preference", "1,0,0")])
def test_regimes_are_no_grid(refused: Callable[..., str], words: tuple[str, ...]) -> None:
    told = refused("policy", "oracle", "--regimes", *words)
    assert told.startswith(f"{words[0]}: is of a grid problem")
