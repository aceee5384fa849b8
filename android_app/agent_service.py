"""Where python-for-android begins in the service's process: Agent in services of buildozer.spec."""

from __future__ import annotations

from circadia_app.service_main import main

main()
