"""`python -m circadia` is the command `circadia`."""

from __future__ import annotations

import sys

from circadia.cli import main

sys.exit(main())
