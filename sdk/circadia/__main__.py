"""`python -m circadia` is the command `circadia`."""

import sys

from circadia.cli import main

sys.exit(main())
