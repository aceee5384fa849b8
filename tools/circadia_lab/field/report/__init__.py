"""The page of a field test's result."""
