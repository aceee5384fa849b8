"""Where the joules come from, and where they went."""
