"""A simulated phone that has lived: its store for tests, figures and pictures of the app."""
