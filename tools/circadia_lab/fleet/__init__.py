"""A fleet on one machine: the demonstration and its report."""
