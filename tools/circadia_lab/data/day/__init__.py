"""The demonstration's day: what happens to its devices, what it is made of, and what was found."""
