"""`python -m circadia_lab.tasks.build`: the public name of `circadia_lab.data.tasks.build`."""

from __future__ import annotations

from circadia_lab.data.tasks.build import main

if __name__ == "__main__":
    raise SystemExit(main())
