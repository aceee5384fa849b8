"""What a machine has and lacks for running a device."""
