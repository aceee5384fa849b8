"""What checks an app for Android on a host that has neither its SDK nor its NDK."""
