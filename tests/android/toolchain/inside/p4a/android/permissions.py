"""Stands for python-for-android's."""

from __future__ import annotations

from importlib import import_module


def request_permissions(permissions: list[str]) -> None:
    """Android asks the person."""
    import_module("android").ASKED.extend(permissions)
