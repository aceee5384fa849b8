"""A device profile out of measurements: powers, battery, and how well they foretell what was held out."""
