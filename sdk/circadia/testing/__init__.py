"""What every implementation of a port promises, as suites that one from outside inherits; they need pytest.

A suite is a class; who implements the port says how one is made::

    from circadia.testing.platform import PlatformContract

    class TestMyBoard(PlatformContract):
        def make(self) -> Platform:
            return MyBoard(...)

Each test makes its own. `self.folder` is an empty folder of the test. `pytest.register_assert_rewrite("circadia.testing")`
in a `conftest.py` lets a failure tell its values.
"""
