"""Running one of this package's programs in the rivals' environment."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import circadia
import circadia_lab
from circadia.errors import PlatformUnavailable
from circadia_lab.policy.rivals.environment import rivals_python

if TYPE_CHECKING:
    from collections.abc import Mapping

THREADS = 2
"""Of PyTorch, if nothing else is said."""


def run_rival(program: str, *words: str, threads: int = THREADS) -> dict[str, Any]:
    """`python -m circadia_lab.policy.rivals.PROGRAM WORDS…` → the JSON object on its last line.

    `ConfigError` where their environment cannot be made, `PlatformUnavailable` where the program fails.
    """
    command = (str(rivals_python()), "-m", f"circadia_lab.policy.rivals.{program}", *words)
    with tempfile.TemporaryDirectory(prefix="circadia-rivals-") as folder:  # for what they write unasked
        answer = subprocess.run(
            command,
            cwd=folder,
            env=surroundings(os.environ, threads),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if answer.returncode:
        raise PlatformUnavailable(f"{' '.join(command)} failed: {answer.stderr.strip()[-800:]}")
    return cast("dict[str, Any]", json.loads(answer.stdout.splitlines()[-1]))


def surroundings(inherited: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment's variables: our packages on the path, so many threads, the processor only, no logger.

    Waiting threads sleep: where other programs run as well, spinning ones slow PyTorch's small batches down tenfold.
    """
    paths = [str(Path(package.__file__ or "").parents[1]) for package in (circadia, circadia_lab)]
    own = {name: value for name, value in inherited.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return own | {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": "",
        "WANDB_MODE": "disabled",
        "MPLBACKEND": "agg",
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    }
