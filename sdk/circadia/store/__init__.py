"""What survives a SIGKILL: one SQLite file, its tables and its readers."""
