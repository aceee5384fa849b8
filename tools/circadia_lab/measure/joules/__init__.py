"""Joules by action and watts by load, with intervals."""
