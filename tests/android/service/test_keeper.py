"""Who starts the agent's service on a desktop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from circadia_app import consent
from circadia_app.folder import AppFolder
from circadia_app.link.client import LinkClient
from circadia_app.ui.keeper import ChildKeeper

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 30.0


@pytest.mark.slow
def test_a_folder_that_is_called_as_a_package_is_hides_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app is started from wherever, such as where its agent's folder lies."""
    for package in ("circadia", "circadia_app"):
        (tmp_path / "here" / package).mkdir(parents=True)
        (tmp_path / "here" / package / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    monkeypatch.chdir(tmp_path / "here")
    folder = AppFolder(path=tmp_path / "agent")
    folder.path.mkdir()
    folder.config.write_text("[platform]\nscale = 600\n")
    consent.save(folder.consent, consent.Consent().agreed(time.time(), "1", learn=True))
    client, keeper = LinkClient(folder.link, retry_s=(0.01, 0.05)), ChildKeeper(folder)
    client.start()
    try:
        keeper.start()
        first = keeper.pid
        keeper.start()
        assert keeper.pid == first is not None, "one is enough"
        end_s = time.monotonic() + WAIT_S
        while not client.connected and time.monotonic() < end_s and keeper.pid:
            time.sleep(0.01)
        assert client.connected
    finally:
        client.close()
        keeper.close()
    assert keeper.pid is None
    keeper.start()
    assert keeper.pid is None, "who has gone starts nothing"
