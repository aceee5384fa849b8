"""The demonstration: a federation of real device processes with simulated batteries."""
