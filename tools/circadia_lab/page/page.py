"""From a template to a file, whole or not at all.

Templates extend `page/base.html`: title, lead, notes, facts, tiles, parts (sections) and the summary as JSON.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from circadia.writing import is_stdout, whole_text

if TYPE_CHECKING:
    from pathlib import Path


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
    if not is_stdout(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_text(path) as file:
        file.write(page)


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
