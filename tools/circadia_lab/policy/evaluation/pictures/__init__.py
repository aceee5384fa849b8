"""The evaluation's pictures, each from plain result values."""
