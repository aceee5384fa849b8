from __future__ import annotations

import pytest

from circadia_lab.bench import answer


@pytest.mark.slow
def test_it_tells_how_soon_a_real_body_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "WAKES", 12)
    monkeypatch.setattr(answer, "ROUNDS", 3)
    figures = answer.measure()
    ratio, submit_ms = figures["infer_over_invoke"], figures["submit_ms"]
    assert isinstance(ratio, float)
    assert isinstance(submit_ms, float)
    assert 0.5 < ratio < 20
    assert 0 < submit_ms < 1000
    for share in ("deferred_share", "deferred_share_even"):
        assert 0 <= figures[share] < 1  # type: ignore[operator]
