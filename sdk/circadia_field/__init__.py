"""The half of a field test that runs on the device."""
