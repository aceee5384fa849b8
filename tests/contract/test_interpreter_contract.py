from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from circadia.errors import PlatformUnavailable
from circadia.testing.interpreter import InterpreterContract
from circadia.tflite.interpreter import MODULES, VARIABLE, backend, open_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.ports import OpenModel


@contextmanager
def chosen(name: str) -> Iterator[None]:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


@pytest.mark.parametrize("distribution", MODULES)
class TestDistributions(InterpreterContract):
    @pytest.fixture(autouse=True)
    def _chosen(self, distribution: str) -> Iterator[None]:
        with chosen(distribution):
            try:
                backend()
            except PlatformUnavailable as error:
                pytest.skip(str(error))
            yield

    def make(self) -> OpenModel:
        return open_interpreter
