"""The power meter made visible: a demonstration of a device on its shunt, and plots of recordings."""
