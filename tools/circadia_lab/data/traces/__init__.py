"""Recorded days: requests, sunlight and vendors' power figures from files, for scenarios, profiles and replay."""
