"""Arrays out of an .npz file, which may be anything: the one place that reads them."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.errors import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DAMAGED = (
    OSError, EOFError, ValueError, KeyError, IndexError, NotImplementedError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
"""What numpy and zipfile make of a file that is no .npz, or half of one."""


def read_npz(data: bytes, path: Path, *names: str) -> list[NDArray[Any]]:
    """The arrays of these names in the bytes of `path`; `ArtifactError` for what is no .npz file or lacks one. Nothing is unpickled."""
    try:
        arrays = np.load(io.BytesIO(data), allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array without a name")  # noqa: TRY004 - of the file, not of an argument
        with arrays:
            return [np.asarray(arrays[name]) for name in names]
    except DAMAGED as error:
        wanted = f"array{'s' if len(names) > 1 else ''} {' and '.join(names)}"
        raise ArtifactError(f"{path}: is no .npz file with {wanted} ({error})") from error
