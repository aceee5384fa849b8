"""The power meter: its protocol, its clock, its link."""
