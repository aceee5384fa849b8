"""Labelled examples that a field test asks and teaches with: an .npz file of x and y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.npz import read_npz

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.learning.task import Task

LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """N of them."""

    x: NDArray[np.float32]
    """(N, *input shape)"""
    y: NDArray[np.int64]
    """(N,) places in the task's labels."""


def load_examples(path: Path, task: Task) -> Examples:
    """`ConfigError` for a file that is none, or does not fit the task."""
    try:
        x, y = read_npz(path.read_bytes(), path, "x", "y")
        x = np.asarray(x, np.float32)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; it holds arrays x (N, *input shape) and y (N,)") from error
    except ArtifactError as error:
        raise ConfigError(str(error)) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: is no .npz file with arrays x and y ({error})") from error
    wanted = tuple(task.input_shape)
    if x.shape[1:] != wanted or y.shape != x.shape[:1] or len(y) < LEAST:
        raise ConfigError(
            f"{path}: x is {x.shape} and y {y.shape}; task {task.name} wants (N, {', '.join(map(str, wanted))}) and (N,), "
            f"N at least {LEAST}"
        )
    if not np.isfinite(x).all():
        raise ConfigError(f"{path}: x holds NaN or infinity")
    if not (np.issubdtype(y.dtype, np.integer) and y.min() >= 0 and y.max() < len(task.labels)):
        raise ConfigError(f"{path}: y must be whole numbers from 0 to {len(task.labels) - 1}")
    return Examples(x=x, y=y.astype(np.int64))
