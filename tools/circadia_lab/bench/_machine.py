"""What figures of speed depend on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_lab.bench.__main__ import Figure


def machine() -> dict[str, Figure]:
    """`cores` of the processor, and how many `others` wanted one in the last minute: more than 0.5 blurs all speeds.

    To be asked before a benchmark starts its own work.
    """
    return {"cores": len(os.sched_getaffinity(0)), "others": os.getloadavg()[0]}
