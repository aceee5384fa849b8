"""Where python-for-android begins in the agent's process."""

from circadia_app.service_main import main

main()
