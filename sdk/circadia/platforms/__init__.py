"""Bodies: simulated and real ones, each behind the `Platform` port."""
