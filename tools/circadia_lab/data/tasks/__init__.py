"""The shipped tasks: their data, their nets, and the command that builds them."""
