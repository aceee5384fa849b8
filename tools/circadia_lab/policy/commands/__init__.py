"""Commands around policies: `circadia policy …` and `circadia replay`."""
