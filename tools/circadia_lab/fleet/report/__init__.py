"""The report of a demonstration: figures, verdict, one page."""
