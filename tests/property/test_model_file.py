from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ArtifactError
from circadia.learning.task_file import DATA, SHIPPED
from circadia.tflite.model_file import check_model_file

MODELS = {name: (DATA / f"{name}.tflite").read_bytes() for name in SHIPPED}
PADDING = 16
"""Bytes at the end of a file that nothing points at."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_whole_file_passes(name: str) -> None:
    check_model_file(MODELS[name], name)


@given(st.sampled_from(SHIPPED), st.data())
def test_every_truncated_file_is_refused(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    kept = data.draw(st.integers(0, len(model) - PADDING))
    with pytest.raises(ArtifactError, match=f"my {name}: .*(truncated|not a .tflite)"):
        check_model_file(model[:kept], f"my {name}")


@given(st.binary(max_size=400))
def test_noise_raises_nothing_but_our_error(noise: bytes) -> None:
    with suppress(ArtifactError):  # noise may happen to be an empty table
        check_model_file(b"\x10\x00\x00\x00TFL3" + noise, "noise")
