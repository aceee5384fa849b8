"""Circadia: when should a device learn, serve or sleep?

The public names. Each is imported on its first use, so that `import circadia` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what checkers know it as; importing typing would be most of the time

if TYPE_CHECKING:
    from circadia.agent import Agent
    from circadia.config import DeviceConfig, load_config
    from circadia.errors import (
        ArtifactError,
        CircadiaError,
        ConfigError,
        DeadlineExpired,
        LimitError,
        MeterError,
        PlatformUnavailable,
        ProtocolError,
        SensorError,
        StoreError,
        TransportError,
    )
    from circadia.learning.task import Task
    from circadia.learning.task_file import load_task
    from circadia.runtime import Runtime
    from circadia.types import Action, Decision, Mode, Observation, Outcome, Preference, TickRecord
    from circadia.wiring import launch

__version__ = "0.1.0.dev0"

__all__ = [
    "Action",
    "Agent",
    "ArtifactError",
    "CircadiaError",
    "ConfigError",
    "DeadlineExpired",
    "Decision",
    "DeviceConfig",
    "LimitError",
    "MeterError",
    "Mode",
    "Observation",
    "Outcome",
    "PlatformUnavailable",
    "Preference",
    "ProtocolError",
    "Runtime",
    "SensorError",
    "StoreError",
    "Task",
    "TickRecord",
    "TransportError",
    "launch",
    "load_config",
    "load_task",
]

_HOME = {
    "circadia.agent": ("Agent",),
    "circadia.config": ("DeviceConfig", "load_config"),
    "circadia.errors": tuple(name for name in __all__ if name.endswith(("Error", "Expired", "Unavailable"))),
    "circadia.learning.task": ("Task",),
    "circadia.learning.task_file": ("load_task",),
    "circadia.runtime": ("Runtime",),
    "circadia.types": ("Action", "Decision", "Mode", "Observation", "Outcome", "Preference", "TickRecord"),
    "circadia.wiring": ("launch",),
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    """Import the public name's module; the result is kept, so the next access is an ordinary one."""
    if name not in _MODULES:
        raise AttributeError(f"module 'circadia' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
