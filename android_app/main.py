"""Where python-for-android begins in the screens' process."""
