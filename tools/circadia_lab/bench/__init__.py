"""Benchmarks: each module has `measure() -> dict` of figures, run by `python -m circadia_lab.bench NAME`."""
