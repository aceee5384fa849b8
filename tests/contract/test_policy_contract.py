from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from circadia.policy.rules import RULES
from circadia.testing.policy import PolicyContract
from circadia.wiring import make_policy

if TYPE_CHECKING:
    from circadia.ports import Policy


class TestShipped(PolicyContract):
    def make(self) -> Policy:
        return make_policy("default")


class TestSeparate(PolicyContract):
    def make(self) -> Policy:
        return make_policy("separate")


@pytest.mark.parametrize("rule", RULES)
class TestRules(PolicyContract):
    @pytest.fixture(autouse=True)
    def _rule(self, rule: str) -> None:
        self.rule = rule

    def make(self) -> Policy:
        return make_policy(self.rule)
