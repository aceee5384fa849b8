"""Field tests: plan, run, analysis; what devices were measured to draw, by action and by load, and how sure that is."""
