"""Where python-for-android begins in the screens' process."""

from circadia_app.screens_main import main

main()
