"""Where data come from: tasks and recorded traces."""
