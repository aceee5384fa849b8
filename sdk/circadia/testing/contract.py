"""What all suites have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Contract:
    """A suite; inherit one of the ports' instead."""

    folder: Path
    """Empty, and the test's own."""

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
