"""The meter without hardware: its firmware built, flashed, and run on a simulated board."""
