"""The device's end of the federation, without I/O."""
