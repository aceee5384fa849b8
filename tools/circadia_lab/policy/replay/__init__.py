"""What another policy would have done with what a device saw."""
