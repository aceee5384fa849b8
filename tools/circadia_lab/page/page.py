"""From a template to a file, whole or not at all.

Templates extend `page/base.html`: title, lead, notes, facts, tiles, parts (sections) and the summary as JSON.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any


def rendered(template: str, *, summary: dict[str, Any], **values: Any) -> str:
    """`template` is a path under `circadia_lab`; `summary` is embedded as JSON, NaN as null."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("circadia_lab", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(summary=embedded(summary), **values)


def write(page: str, path: Path) -> None:
    """Write `page` to `path`, whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def script_hash(script: str) -> str:
    """By which the page's own policy lets this one script run, and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def embedded(summary: dict[str, Any]) -> str:
    """As JSON that may stand in a script element: no NaN, no `<`."""
    text = json.dumps(finite(summary), indent=1, ensure_ascii=False, default=str, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def finite(value: Any) -> Any:
    """The same with NaN and infinity as None, keys as text, which JSON can hold."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
