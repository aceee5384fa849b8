from __future__ import annotations

import pytest

from circadia_lab.bench import answer


@pytest.mark.slow
def test_it_tells_how_soon_a_real_body_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "WAKES", 12)
    monkeypatch.setattr(answer, "ROUNDS", 3)
    figures = answer.measure()
    ratio, submit_ms, deferred = (
        figures[key] for key in ("infer_over_invoke", "submit_ms", "deferred_share")
    )
    assert isinstance(ratio, float)
    assert isinstance(submit_ms, float)
    assert 0.5 < ratio < 20
    assert 0 < submit_ms < 1000
    assert isinstance(deferred, float)
    assert 0 <= deferred < 1
