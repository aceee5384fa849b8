"""What measurements say: joules by action, and calibrated profiles."""
