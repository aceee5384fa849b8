"""Files of examples that do not fit are named before the test begins."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_field.examples import load_examples

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.learning.task import Task

TASK = cast("Task", SimpleNamespace(name="squares", input_shape=(2, 2), labels=("no", "yes")))
X, Y = np.zeros((30, 2, 2), np.float32), np.arange(30) % 2


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "good.npz"
    np.savez(path, x=X, y=Y.astype(np.int8))
    found = load_examples(path, TASK)
    assert found.x.shape == (30, 2, 2)
    assert found.y.dtype == np.int64
    assert found.y.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "is no .npz file with arrays x and y"),
        ({"x": X[:, :1], "y": Y}, r"x is \(30, 1, 2\)"),
        ({"x": X, "y": Y[:29]}, r"y \(29,\)"),
        ({"x": X[:19], "y": Y[:19]}, "N at least 20"),
        ({"x": np.full_like(X, np.nan), "y": Y}, "NaN or infinity"),
        ({"x": X, "y": Y + 1}, "whole numbers from 0 to 1"),
        ({"x": X, "y": Y - 1}, "whole numbers from 0 to 1"),
        ({"x": X, "y": Y.astype(float)}, "whole numbers from 0 to 1"),
        ({"x": np.array(["a"] * 30), "y": Y}, "is no .npz file"),
        ({"x": X, "y": np.array([None] * 30)}, "is no .npz file"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)
    with pytest.raises(ConfigError, match=message):
        load_examples(path, TASK)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.npz"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"none\.npz: is no \.npz file"):
        load_examples(path, TASK)


def test_one_that_is_cut_off_or_missing_or_a_bare_array_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    np.savez(path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ConfigError, match=r"cut\.npz"):
        load_examples(path, TASK)
    with pytest.raises(ConfigError, match="no such file"):
        load_examples(tmp_path / "missing.npz", TASK)
    np.save(tmp_path / "bare.npy", X)
    with pytest.raises(ConfigError, match=r"bare\.npy: is no \.npz file"):
        load_examples(tmp_path / "bare.npy", TASK)
