"""The environment of its own in which the workbench keeps TensorFlow: 1.6 GB, made on first use."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from circadia.errors import PlatformUnavailable

REQUIREMENTS = ("tensorflow-cpu==2.21.0", "keras==3.15.1", "numpy==1.26.4")
ENVIRONMENT = Path(__file__).parents[4] / ".venv-tensorflow"


def is_ready(environment: Path) -> bool:
    """Whether it is there, with what is wanted today."""
    ready = environment / "circadia-ready"
    return ready.exists() and ready.read_text() == "\n".join(REQUIREMENTS)


def tensorflow_python(environment: Path) -> Path:
    """Its interpreter; the environment is created on first use."""
    python = environment / "bin" / "python"
    if not is_ready(environment):
        print(f"making the TensorFlow environment in {environment}", file=sys.stderr)
        venv.create(environment, with_pip=True)
        run([str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS], "installing TensorFlow")
        (environment / "circadia-ready").write_text("\n".join(REQUIREMENTS))
    return python


def run(command: list[str], what: str) -> None:
    """`PlatformUnavailable` with what it said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformUnavailable(f"{what} failed ({' '.join(command[:2])} …):\n{done.stderr[-2000:]}")
