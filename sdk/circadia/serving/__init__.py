"""Serving: requests that wait, the answers, and the labels that come back."""
