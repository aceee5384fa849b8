"""The host's workbench: demonstrations, policies, tasks, reports and benchmarks."""
