"""Learning on the device: the task that a user brings, its trainer, and the examples it learns from."""
