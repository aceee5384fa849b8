"""The certified optimum of a discretised problem: its exact chain, planning with bounds, and what to compare with it."""
