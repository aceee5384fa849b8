"""The public name of `circadia_lab.policy.env`."""
